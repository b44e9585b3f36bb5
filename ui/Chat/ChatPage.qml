import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The conversation: header, messages or an empty state, and the composer.
Item {
    id: page

    required property Program program
    property alias sidebarShown: header.sidebarShown
    property alias header: header
    readonly property ChatSession chat: program.chat
    readonly property ModelHost host: program.model
    readonly property real footHeight: foot.height + Theme.space3
    readonly property int sideMargin: width < 640 ? Theme.space4 : Theme.space5
    readonly property int columnWidth: Math.min(Theme.measure, width - 2 * sideMargin)
    readonly property string useContextText: qsTr("Use %1 tokens of context").arg(Theme.count(host.fittingContext))
    signal sidebarToggled
    signal modelsPageRequested
    signal modelSettingsRequested
    signal shortcutsRequested
    signal importRequested
    signal importFolderRequested

    function focusComposer(): void {
        composer.focusInput();
    }
    function copyLastAnswer(): void {
        const answer = chat.lastAnswer();
        if (answer.length > 0)
            program.copyText(answer);
    }
    function openModelSwitcher(): void {
        header.modelSwitcher.openMenu();
    }
    function editLast(): void {
        const id = chat.lastUserMessageId();
        if (id <= 0 || chat.busy)
            return;
        list.followTail = false;
        for (let row = list.count - 1; row >= 0; --row) {
            if (!list.itemAtIndex(row))
                list.positionViewAtIndex(row, ListView.Contain);
            const item = list.itemAtIndex(row);
            if (item && item.messageId === id) {
                item.startEdit();
                Qt.callLater(list.positionViewAtIndex, row, ListView.Beginning);
                return;
            }
        }
    }

    Connections {
        target: page.chat
        function onSent(): void {
            page.host.setGpuNoteSeen();
            list.followTail = true;
            list.toTail();
        }
        function onMessageWanted(row: int): void {
            list.followTail = false;
            Qt.callLater(list.positionViewAtIndex, row, ListView.Beginning); // qmllint disable
        }
        function onAnswered(): void {
            if (page.visible)
                composer.focusInput();
        }
        function onConversationIdChanged(): void {
            list.followTail = true;
            list.toTail();
        }
    }

    ChatHeader {
        id: header
        width: parent.width
        program: page.program
        onSidebarToggled: page.sidebarToggled()
        onModelsPageRequested: page.modelsPageRequested()
        onModelSettingsRequested: page.modelSettingsRequested()
        onShortcutsRequested: page.shortcutsRequested()
        onCopyAnswerRequested: page.copyLastAnswer()
    }

    ColumnLayout {
        id: notices
        anchors.top: header.bottom
        anchors.topMargin: childrenVisible ? Theme.space3 : 0
        x: Math.round((page.width - width) / 2)
        width: page.columnWidth
        spacing: Theme.space2
        readonly property bool childrenVisible: historyCard.visible || modelCard.visible

        ErrorCard {
            id: historyCard
            Layout.fillWidth: true
            visible: page.program.historyProblem.length > 0
            title: qsTr("The chat history could not be opened")
            cause: page.program.historyProblem
            fix: page.program.historyProblemFix
            details: page.program.historyProblemDetails
            actionText: qsTr("Try again")
            secondActionText: qsTr("Start a new history")
            onAction: page.program.retryHistory()
            onSecondAction: page.program.startFreshHistory()
            onCopyRequested: text => page.program.copyText(text)
        }
        ErrorCard {
            id: modelCard
            Layout.fillWidth: true
            visible: page.host.state === ModelHost.Failed
            title: page.host.name.length > 0 ? qsTr("%1 could not be loaded").arg(page.host.name) : qsTr("The model could not be loaded")
            cause: page.host.problem
            fix: page.host.problemFix
            details: page.host.problemDetails
            readonly property bool canShrink: page.host.fittingContext > 0
            actionText: canShrink ? page.useContextText : qsTr("Try again")
            secondActionText: canShrink ? qsTr("Try again") : qsTr("Choose another model")
            onAction: {
                if (canShrink)
                    page.host.useFittingContext();
                else
                    page.host.retry();
            }
            onSecondAction: {
                if (canShrink)
                    page.host.retry();
                else
                    page.openModelSwitcher();
            }
            onCopyRequested: text => page.program.copyText(text)
        }
    }

    // What stands where messages will
    Flickable {
        id: emptyView
        anchors.top: notices.bottom
        anchors.bottom: foot.top
        width: parent.width
        visible: page.chat.empty
        contentHeight: Math.max(height, stateArea.implicitHeight + 2 * Theme.space4)
        clip: contentHeight > height
        interactive: contentHeight > height
        boundsBehavior: Flickable.StopAtBounds

        Item {
            id: stateArea
            x: Math.round((page.width - width) / 2)
            width: Math.min(600, page.columnWidth)
            height: emptyView.contentHeight
            implicitHeight: empty.visible ? empty.implicitHeight : first.visible ? first.implicitHeight : 0

            EmptyChat {
                id: empty
                anchors.verticalCenter: parent.verticalCenter
                width: parent.width
                visible: page.host.state === ModelHost.Ready
                model: page.host
                tight: emptyView.height < 400
                onPromptChosen: text => composer.put(text)
            }
            LoadingCard {
                anchors.verticalCenter: parent.verticalCenter
                width: parent.width
                visible: page.host.state === ModelHost.Loading
                model: page.host
            }
            FirstStart {
                id: first
                anchors.verticalCenter: parent.verticalCenter
                width: Math.min(520, parent.width)
                anchors.horizontalCenter: parent.horizontalCenter
                visible: page.host.state === ModelHost.None
                program: page.program
                tight: emptyView.height < 400
                onImportRequested: page.importRequested()
                onImportFolderRequested: page.importFolderRequested()
                onModelsPageRequested: page.modelsPageRequested()
                onSwitcherRequested: page.openModelSwitcher()
            }
        }
    }

    ListView {
        id: list
        objectName: "messageList"

        // Set by the user's scrolling alone; while it is on, the view stays at the newest words.
        property bool followTail: true
        readonly property bool away: contentHeight > height && originY + contentHeight - contentY - height > 48

        anchors.top: notices.bottom
        anchors.bottom: foot.top
        width: parent.width
        visible: !page.chat.empty
        clip: true
        model: page.chat.messages
        reuseItems: false
        cacheBuffer: Math.max(0, 2 * height)
        boundsBehavior: Flickable.StopAtBounds
        activeFocusOnTab: true
        topMargin: Theme.space3
        bottomMargin: Theme.space3
        highlightFollowsCurrentItem: false
        currentIndex: -1
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Messages")

        function toTail(): void {
            Qt.callLater(list.goToTail); // qmllint disable
        }
        // Asks again: the user may have begun to scroll since the words came.
        function goToTail(): void {
            if (followTail) positionViewAtEnd();
        }
        function scrollBy(distance: real): void {
            const top = originY - topMargin;
            const bottom = Math.max(top, originY + contentHeight + bottomMargin - height);
            contentY = Math.max(top, Math.min(bottom, contentY + distance));
            followTail = !away;
        }

        onMovementStarted: followTail = false
        onMovementEnded: followTail = !away
        onContentHeightChanged: if (followTail) toTail()
        onHeightChanged: if (followTail) toTail()
        onCountChanged: if (followTail) toTail()

        Keys.onPressed: event => {
            switch (event.key) {
            case Qt.Key_PageUp: scrollBy(-height * 0.9); break;
            case Qt.Key_PageDown: scrollBy(height * 0.9); break;
            case Qt.Key_Up: scrollBy(-48); break;
            case Qt.Key_Down: scrollBy(48); break;
            case Qt.Key_Home: scrollBy(-1e9); break;
            case Qt.Key_End: scrollBy(1e9); break;
            default: return;
            }
            event.accepted = true;
        }

        T.ScrollBar.vertical: ScrollBar {
            onPressedChanged: list.followTail = !pressed && !list.away
        }

        // The model was switched and has not answered yet.
        footer: Item {
            readonly property bool shown: page.chat.state === ChatSession.Idle && page.host.state === ModelHost.Ready
                && page.chat.answeredBy.length > 0 && page.chat.answeredBy !== page.host.name
            width: list.width
            implicitHeight: shown ? nextNote.implicitHeight + 2 * Theme.space3 : 0

            SwitchNote {
                id: nextNote
                objectName: "nextModelNote"
                x: Math.round((parent.width - width) / 2)
                y: Theme.space3
                width: page.columnWidth
                visible: parent.shown
                text: qsTr("%1 answers next and reads this conversation first").arg(page.host.name)
            }
        }

        delegate: MessageDelegate {
            width: ListView.view.width
            program: page.program
            columnWidth: page.columnWidth
        }
    }

    Rectangle {
        anchors.fill: list
        anchors.margins: 2
        visible: list.visible && page.Window.activeFocusItem === list
        color: "transparent"
        border.width: 2
        border.color: Theme.accent
        radius: Theme.radiusControl
    }

    IconButton {
        id: jump
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.bottom: foot.top
        anchors.bottomMargin: Theme.space2
        visible: list.visible && list.away && !list.followTail
        iconName: "arrow-down"
        ink: Theme.text
        text: qsTr("Jump to the latest")
        hint: qsTr("End")
        onClicked: {
            list.followTail = true;
            list.toTail();
        }

        FloatingSurface {
            z: -1
            anchors.fill: parent
            radius: height / 2
        }
    }

    ColumnLayout {
        id: foot
        x: Math.round((page.width - width) / 2)
        width: page.columnWidth
        anchors.bottom: parent.bottom
        anchors.bottomMargin: Theme.space3
        spacing: Theme.space2

        ErrorCard {
            id: fullCard
            readonly property bool tooLong: page.chat.contextUsed > page.chat.contextSize
            readonly property bool canGrow: page.host.trainedContext > page.chat.contextSize

            Layout.fillWidth: true
            visible: page.chat.state === ChatSession.ContextFull
            calm: true
            title: tooLong ? qsTr("This conversation is longer than %1 can read").arg(page.host.name)
                : qsTr("This conversation fills the model's context")
            cause: (tooLong ? qsTr("It has about %1 tokens, and the model takes in %2 at once. Nothing is lost: the chat stays in the list.")
                : qsTr("%1 of %2 tokens are in use, so there is no room for another answer. Nothing is lost: the chat stays in the list."))
                .arg(Theme.count(page.chat.contextUsed)).arg(Theme.count(page.chat.contextSize))
            fix: canGrow ? qsTr("Go on in a new chat, or give this model a larger context (it was trained for %1) and load it again.").arg(Theme.count(page.host.trainedContext))
                : qsTr("Go on in a new chat, or choose a model with a longer context.")
            actionText: qsTr("New chat")
            secondActionText: canGrow ? qsTr("Settings of this model\u2026") : qsTr("Choose another model")
            onAction: {
                page.program.newChat();
                page.focusComposer();
            }
            onSecondAction: {
                if (canGrow)
                    page.modelSettingsRequested();
                else
                    page.openModelSwitcher();
            }
        }
        ErrorCard {
            Layout.fillWidth: true
            visible: page.chat.problem.length > 0 && page.chat.state !== ChatSession.ContextFull
            title: qsTr("The answer could not be made")
            cause: page.chat.problem
            fix: page.chat.problemFix
            details: page.chat.problemDetails
            closable: true
            onClosed: page.chat.dismissProblem()
            onCopyRequested: text => page.program.copyText(text)
        }
        QuietNote {
            Layout.fillWidth: true
            Layout.leftMargin: Theme.space4
            Layout.rightMargin: Theme.space4
            visible: page.host.state === ModelHost.Ready && !page.chat.empty && text.length > 0
            text: page.host.templateNote
        }
        QuietNote {
            objectName: "gpuNote"
            Layout.fillWidth: true
            Layout.leftMargin: Theme.space4
            Layout.rightMargin: Theme.space4
            visible: page.host.state === ModelHost.Ready && page.host.gpuNoteIsNew
            text: page.host.gpuNote
            actionText: page.host.fittingContext > 0 ? page.useContextText : ""
            closable: true
            onAction: {
                page.host.useFittingContext();
                composer.focusInput();
            }
            onClosed: {
                page.host.setGpuNoteSeen();
                composer.focusInput();
            }
        }
        QuietNote {
            Layout.fillWidth: true
            Layout.leftMargin: Theme.space4
            Layout.rightMargin: Theme.space4
            visible: page.chat.draftMarker.length > 0
            warning: true
            iconName: "warning"
            text: qsTr("Your text contains \u201C%1\u201D. %2 uses these words to mark who speaks, and may take them for a new turn.").arg(page.chat.draftMarker).arg(page.host.name)
        }
        Composer {
            id: composer
            Layout.fillWidth: true
            chat: page.chat
            model: page.host
            onEditLastRequested: page.editLast()
        }
    }
}
