import QtQuick
import QtQuick.Controls as C
import QtQuick.Layouts
import EdgeChat
import EdgeChat.App
import EdgeChat.Chat
import EdgeChat.Controls
import EdgeChat.Models
import EdgeChat.Settings
import EdgeChat.Theme

C.ApplicationWindow {
    id: window

    required property Program program

    enum Page { Chats, Models, Settings }

    property int page: Main.Chats
    property bool overlaySidebar: false // a narrow window's sidebar, over the page
    readonly property bool wasSized: program.settings.windowGeometry.width >= minimumWidth && program.settings.windowGeometry.height >= minimumHeight // qmllint disable
    readonly property bool savedChat: program.chat.conversationId > 0 // qmllint disable
    readonly property bool sheetShown: modelSheet.item !== null && (modelSheet.item as ModelSheet).visible
    readonly property bool narrow: width < Theme.narrowWidth
    readonly property bool sidebarShown: narrow ? overlaySidebar : program.settings.sidebarVisible

    width: wasSized ? program.settings.windowGeometry.width : 1200 // qmllint disable
    height: wasSized ? program.settings.windowGeometry.height : 780 // qmllint disable
    minimumWidth: 640
    minimumHeight: 480
    visible: true
    title: program.chat.title.length > 0 ? qsTr("%1 \u2013 EdgeChat").arg(program.chat.title) : qsTr("EdgeChat")
    color: Theme.window
    // For the file dialog alone: the window's own controls take their colours from Theme.
    palette.window: Theme.window
    palette.windowText: Theme.text
    palette.base: Theme.card
    palette.alternateBase: Theme.sidebar
    palette.text: Theme.text
    palette.button: Theme.card
    palette.buttonText: Theme.text
    palette.light: Theme.hover
    palette.midlight: Theme.selected
    palette.mid: Theme.outline
    palette.dark: Theme.outline
    palette.highlight: Theme.accent
    palette.highlightedText: Theme.text
    palette.placeholderText: Theme.secondary
    palette.link: Theme.accent

    Binding { target: Theme; property: "dark"; value: window.program.settings.dark }
    Binding { target: Theme; property: "textScale"; value: window.program.settings.textScale }
    Binding { target: Theme; property: "reducedMotion"; value: window.program.settings.reducedMotion }
    Binding {
        target: window.program.telemetry
        property: "windowVisible"
        value: window.visible && window.visibility !== Window.Minimized
    }

    Component.onCompleted: {
        if (program.settings.windowMaximized)
            window.showMaximized();
        chatPage.focusComposer();
    }
    onClosing: {
        program.settings.windowMaximized = window.visibility === Window.Maximized;
        if (window.visibility === Window.Windowed)
            program.settings.windowGeometry = Qt.rect(window.x, window.y, window.width, window.height);
    }
    onNarrowChanged: overlaySidebar = false

    function show(page: int): void {
        window.page = page;
        overlaySidebar = false;
        if (page === Main.Chats)
            chatPage.focusComposer();
    }
    function newChat(): void {
        program.newChat();
        show(Main.Chats);
    }
    function toggleSidebar(): void {
        if (narrow)
            overlaySidebar = !overlaySidebar;
        else
            program.settings.sidebarVisible = !program.settings.sidebarVisible;
    }
    function searchChats(): void {
        if (narrow)
            overlaySidebar = true;
        else
            program.settings.sidebarVisible = true;
        sidebar.focusSearch();
    }
    function importFile(): void {
        importDialog.active = true;
        (importDialog.item as ImportDialog).open();
    }
    // Qt 6.2 has no dialog for folders: there a folder is chosen by its config.json.
    function importFolder(): void {
        if (!Places.choosesFolders) {
            importFile();
            return;
        }
        folderDialog.active = true;
        (folderDialog.item as ImportFolderDialog).open();
    }

    function showModelSettings(path: string, name: string): void {
        modelSheet.active = true;
        (modelSheet.item as ModelSheet).show(path, name);
    }

    // Actions: one list for shortcuts and for the palette
    C.Action {
        id: newChatAction
        text: qsTr("New chat")
        shortcut: "Ctrl+N"
        onTriggered: window.newChat()
    }
    C.Action {
        id: paletteAction
        text: qsTr("Command palette")
        shortcut: "Ctrl+K"
        onTriggered: commandPalette.opened ? commandPalette.close() : commandPalette.open()
    }
    C.Action {
        id: searchAction
        text: qsTr("Search all chats")
        shortcut: "Ctrl+F"
        onTriggered: window.searchChats()
    }
    C.Action {
        id: modelAction
        text: qsTr("Choose the model")
        shortcut: "Ctrl+L"
        onTriggered: {
            window.show(Main.Chats);
            chatPage.openModelSwitcher();
        }
    }
    C.Action {
        id: modelSettingsAction
        text: qsTr("Settings of this model")
        enabled: window.program.model.state !== ModelHost.None
        onTriggered: window.showModelSettings(window.program.model.path, window.program.model.name)
    }
    C.Action {
        id: stopAction
        text: qsTr("Stop the answer")
        shortcut: "Escape"
        enabled: window.program.chat.busy && !commandPalette.opened && !shortcuts.opened && !window.sheetShown
        onTriggered: window.program.chat.stop()
    }
    C.Action {
        id: copyAction
        text: qsTr("Copy the last answer")
        shortcut: "Ctrl+Shift+C"
        enabled: !window.program.chat.empty
        onTriggered: chatPage.copyLastAnswer()
    }
    C.Action {
        id: renameAction
        text: qsTr("Rename this chat")
        enabled: window.savedChat
        onTriggered: {
            window.show(Main.Chats);
            chatPage.header.rename();
        }
    }
    C.Action {
        id: deleteAction
        text: qsTr("Delete this chat")
        enabled: window.savedChat && !window.program.chat.busy
        onTriggered: window.program.conversations.remove(window.program.chat.conversationId) // qmllint disable
    }
    C.Action {
        id: importAction
        text: qsTr("Import a model file")
        shortcut: "Ctrl+O"
        onTriggered: window.importFile()
    }
    C.Action {
        id: importFolderAction
        text: qsTr("Import a model's folder")
        shortcut: "Ctrl+Shift+O"
        onTriggered: window.importFolder()
    }
    C.Action {
        id: sidebarAction
        text: window.sidebarShown ? qsTr("Hide the sidebar") : qsTr("Show the sidebar")
        shortcut: "Ctrl+B"
        onTriggered: window.toggleSidebar()
    }
    C.Action {
        id: modelsAction
        text: qsTr("Models")
        onTriggered: window.show(Main.Models)
    }
    C.Action {
        id: settingsAction
        text: qsTr("Settings")
        shortcut: "Ctrl+,"
        onTriggered: window.show(Main.Settings)
    }
    C.Action {
        id: darkAction
        text: Theme.dark ? qsTr("Use light colours") : qsTr("Use dark colours")
        onTriggered: window.program.settings.appearance = Theme.dark ? Settings.Light : Settings.Dark
    }
    C.Action {
        id: shortcutsAction
        text: qsTr("Shortcuts")
        shortcut: "F1"
        onTriggered: shortcuts.opened ? shortcuts.close() : shortcuts.open()
    }
    C.Action {
        id: quitAction
        text: qsTr("Quit")
        shortcut: "Ctrl+Q"
        onTriggered: window.close()
    }

    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        Item {
            Layout.fillWidth: true
            Layout.fillHeight: true

            StackLayout {
                id: pages
                anchors.fill: parent
                anchors.leftMargin: !window.narrow && window.sidebarShown ? sidebar.width : 0
                currentIndex: window.page

                ChatPage {
                    id: chatPage
                    program: window.program
                    sidebarShown: window.sidebarShown
                    onSidebarToggled: window.toggleSidebar()
                    onModelsPageRequested: window.show(Main.Models)
                    onModelSettingsRequested: window.showModelSettings(window.program.model.path, window.program.model.name)
                    onShortcutsRequested: shortcuts.open()
                    onImportRequested: window.importFile()
                    onImportFolderRequested: window.importFolder()
                }
                Loader {
                    active: window.page === Main.Models
                    sourceComponent: ModelsPage {
                        program: window.program
                        sidebarShown: window.sidebarShown
                        onImportRequested: window.importFile()
                        onImportFolderRequested: window.importFolder()
                        onSidebarToggled: window.toggleSidebar()
                        onChatRequested: window.show(Main.Chats)
                        onModelSettingsRequested: (path, name) => window.showModelSettings(path, name)
                    }
                }
                Loader {
                    active: window.page === Main.Settings
                    sourceComponent: SettingsPage {
                        program: window.program
                        sidebarShown: window.sidebarShown
                        onSidebarToggled: window.toggleSidebar()
                    }
                }
            }

            Rectangle {
                anchors.fill: parent
                visible: window.narrow && window.overlaySidebar
                color: Theme.scrim
                TapHandler {
                    onTapped: window.overlaySidebar = false
                }
                HoverHandler {}
            }
            Sidebar {
                id: sidebar
                height: parent.height
                width: Theme.sidebarWidth
                visible: window.sidebarShown
                program: window.program
                page: window.page
                onNewChatRequested: window.newChat()
                onConversationOpened: window.show(Main.Chats)
                onPageRequested: page => window.show(page)
                Keys.onEscapePressed: event => {
                    if (window.narrow)
                        window.overlaySidebar = false;
                    else
                        event.accepted = false;
                }
            }
        }

        StatusStrip {
            Layout.fillWidth: true
            program: window.program
        }
    }

    Toast {
        id: toast
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.bottom: parent.bottom
        anchors.bottomMargin: Theme.statusHeight + (window.page === Main.Chats ? chatPage.footHeight : 0) + Theme.space3
        z: 2

        property bool forModel: false

        onAction: {
            shown = false;
            if (forModel)
                window.program.library.undoRemove();
            else
                window.program.conversations.undoRemove();
        }
        onExpired: shown = false

        Connections {
            target: window.program.conversations
            function onDeletedChanged(): void {
                toast.forModel = false;
                toast.shown = window.program.conversations.canUndoDelete;
                if (toast.shown)
                    toast.text = qsTr("Deleted \u201C%1\u201D").arg(window.program.conversations.deletedTitle);
            }
        }
        Connections {
            target: window.program.library
            function onRemovedChanged(): void {
                toast.forModel = true;
                toast.shown = window.program.library.canUndoRemove;
                if (toast.shown)
                    toast.text = qsTr("Removed %1").arg(window.program.library.removedName);
            }
        }
    }

    DropArea {
        id: drop
        anchors.fill: parent
        keys: ["text/uri-list"]
        onDropped: event => {
            if (!event.hasUrls)
                return;
            for (const url of event.urls)
                window.program.library.importPath(url);
            event.accept();
            window.show(Main.Models);
        }
    }
    Rectangle {
        anchors.fill: parent
        visible: drop.containsDrag
        color: Theme.scrim
        z: 3

        Card {
            anchors.centerIn: parent
            width: dropText.implicitWidth + 2 * Theme.space6
            height: 88
            border.color: Theme.accent
            border.width: 2
            Text {
                id: dropText
                anchors.centerIn: parent
                text: qsTr("Drop the model file or folder to import it")
                color: Theme.text
                font.pixelSize: Theme.fontHeading
                font.weight: Font.DemiBold
            }
        }
    }

    CommandPalette {
        id: commandPalette
        program: window.program
        commands: [newChatAction, searchAction, modelAction, modelSettingsAction, copyAction, renameAction, deleteAction, importAction, importFolderAction,
            modelsAction, settingsAction, darkAction, sidebarAction, shortcutsAction, quitAction]
        onConversationOpened: window.show(Main.Chats)
        onClosed: if (window.page === Main.Chats) chatPage.focusComposer()
    }
    ShortcutsOverlay {
        id: shortcuts
        onClosed: if (window.page === Main.Chats) chatPage.focusComposer()
    }

    Loader {
        id: modelSheet
        active: false
        sourceComponent: ModelSheet {
            program: window.program
            onClosed: if (window.page === Main.Chats) chatPage.focusComposer()
        }
    }
    Loader {
        id: importDialog
        active: false
        sourceComponent: ImportDialog {
            onChosen: file => {
                window.program.library.importPath(file);
                window.show(Main.Models);
            }
        }
    }
    Loader {
        id: folderDialog
        active: false
        source: Places.choosesFolders ? "ImportFolderDialog.qml" : ""

        Connections {
            target: folderDialog.item
            function onChosen(file: url): void {
                window.program.library.importPath(file);
                window.show(Main.Models);
            }
        }
    }
}
