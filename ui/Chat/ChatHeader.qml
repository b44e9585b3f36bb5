import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The conversation's title (editable where it stands), the model, and what else can be done here.
Item {
    id: header

    required property Program program
    property bool sidebarShown: true
    property alias modelSwitcher: switcher
    signal sidebarToggled
    signal modelsPageRequested
    signal modelSettingsRequested
    signal shortcutsRequested
    signal copyAnswerRequested

    readonly property ChatSession chat: program.chat
    readonly property bool saved: chat.conversationId > 0 // qmllint disable

    implicitHeight: Theme.headerHeight

    function rename(): void {
        if (!saved)
            return;
        title.editing = true;
        field.text = chat.title;
        field.forceActiveFocus();
        field.selectAll();
    }

    RowLayout {
        anchors.fill: parent
        anchors.leftMargin: Theme.space2
        anchors.rightMargin: Theme.space2
        spacing: Theme.space1

        IconButton {
            iconName: "sidebar"
            iconSize: Theme.iconNormal
            text: header.sidebarShown ? qsTr("Hide the sidebar") : qsTr("Show the sidebar")
            hint: "Ctrl+B"
            onClicked: header.sidebarToggled()
        }

        Item {
            id: title
            property bool editing: false

            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.leftMargin: Theme.space1

            Label {
                id: titleLabel
                anchors.left: parent.left
                anchors.verticalCenter: parent.verticalCenter
                width: Math.min(implicitWidth, parent.width)
                visible: !title.editing
                text: header.chat.title.length > 0 ? header.chat.title : qsTr("New chat")
                font.pixelSize: Theme.fontMessage
                font.weight: Font.DemiBold
                Accessible.role: Accessible.Heading

                TapHandler {
                    enabled: header.saved
                    onDoubleTapped: header.rename()
                }
            }
            TextField {
                id: field
                anchors.verticalCenter: parent.verticalCenter
                width: Math.min(parent.width, 420)
                visible: title.editing
                font.pixelSize: Theme.fontMessage
                placeholderText: qsTr("Title of the conversation")
                onEditingFinished: {
                    if (title.editing && text.trim().length > 0)
                        header.chat.title = text.trim();
                    title.editing = false;
                }
                Keys.onEscapePressed: title.editing = false
            }
        }

        ModelSwitcher {
            id: switcher
            Layout.maximumWidth: header.width * 0.5
            program: header.program
            compact: header.width < 760
            onModelsPageRequested: header.modelsPageRequested()
            onModelSettingsRequested: header.modelSettingsRequested()
        }

        IconButton {
            id: overflow
            iconName: "more"
            iconSize: Theme.iconNormal
            text: qsTr("More")
            checked: menu.visible
            onClicked: menu.visible ? menu.close() : menu.open()

            Menu {
                id: menu
                x: parent.width - width
                y: parent.height + 4

                MenuItem {
                    iconName: "edit"
                    text: qsTr("Rename")
                    enabled: header.saved
                    onTriggered: header.rename()
                }
                MenuItem {
                    iconName: "copy"
                    text: qsTr("Copy the last answer")
                    hint: "Ctrl+Shift+C"
                    enabled: !header.chat.empty
                    onTriggered: header.copyAnswerRequested()
                }
                MenuItem {
                    iconName: "keyboard"
                    text: qsTr("Shortcuts")
                    hint: "F1"
                    onTriggered: header.shortcutsRequested()
                }
                MenuSeparator {}
                MenuItem {
                    iconName: "trash"
                    text: qsTr("Delete the conversation")
                    dangerous: true
                    enabled: header.saved && !header.chat.busy
                    onTriggered: header.program.conversations.remove(header.chat.conversationId) // qmllint disable
                }
            }
        }
    }

    Rectangle {
        anchors.bottom: parent.bottom
        width: parent.width
        height: 1
        color: Theme.border
    }
}
