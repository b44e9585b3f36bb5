import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// Where the user writes. It grows with its text to eight lines, and its button is Send or Stop.
Rectangle {
    id: composer

    required property ChatSession chat
    required property ModelHost model
    property alias text: area.text
    property alias input: area
    readonly property int maximumLines: 8
    readonly property bool canSend: area.text.trim().length > 0 && !chat.busy
        && (model.state === ModelHost.Ready || model.state === ModelHost.Loading)
    signal editLastRequested

    implicitHeight: view.height + footer.height + Theme.space2
    radius: Theme.radiusComposer
    color: Theme.card
    border.width: area.activeFocus ? 2 : 1
    border.color: area.activeFocus ? Theme.accent : Theme.outline

    function focusInput(): void {
        area.forceActiveFocus();
    }
    function send(): void {
        if (!canSend)
            return;
        const text = area.text.trim();
        area.clear();
        chat.send(text);
    }
    function put(text: string): void {
        area.text = text;
        area.cursorPosition = area.length;
        area.forceActiveFocus();
    }

    // The draft belongs to the conversation: it changes when another one is opened.
    Connections {
        target: composer.chat
        function onDraftChanged(): void {
            if (area.text !== composer.chat.draft) {
                area.text = composer.chat.draft;
                area.cursorPosition = area.length;
            }
        }
    }

    FontMetrics {
        id: metrics
        font: area.font
    }

    TapHandler {
        onTapped: area.forceActiveFocus()
    }

    Flickable {
        id: view
        x: 2
        y: 2
        width: parent.width - 4
        height: Math.min(area.implicitHeight, Math.ceil(metrics.lineSpacing * composer.maximumLines) + area.topPadding + area.bottomPadding)
        contentHeight: area.implicitHeight
        clip: contentHeight > height
        interactive: contentHeight > height
        boundsBehavior: Flickable.StopAtBounds

        T.ScrollBar.vertical: ScrollBar {}

        T.TextArea.flickable: T.TextArea {
            id: area
            objectName: "composerInput"
            implicitHeight: contentHeight + topPadding + bottomPadding
            leftPadding: Theme.space4
            rightPadding: Theme.space4
            topPadding: Theme.space3
            bottomPadding: Theme.space1
            text: composer.chat.draft
            font.pixelSize: Theme.fontMessage
            color: Theme.text
            selectionColor: Theme.selection
            selectedTextColor: Theme.text
            selectByMouse: true
            wrapMode: TextEdit.Wrap
            textFormat: TextEdit.PlainText
            Accessible.role: Accessible.EditableText
            Accessible.name: qsTr("Message")
            Accessible.multiLine: true
            onTextChanged: composer.chat.draft = text
            Component.onCompleted: cursorPosition = length

            Keys.onPressed: event => {
                switch (event.key) {
                case Qt.Key_Return:
                case Qt.Key_Enter:
                    if (event.modifiers & Qt.ShiftModifier) {
                        area.insert(area.cursorPosition, "\n");
                    } else {
                        composer.send();
                    }
                    event.accepted = true;
                    break;
                case Qt.Key_Escape:
                    if (composer.chat.busy)
                        composer.chat.stop();
                    event.accepted = composer.chat.busy;
                    break;
                case Qt.Key_Up:
                    if (area.length === 0) {
                        composer.editLastRequested();
                        event.accepted = true;
                    }
                    break;
                case Qt.Key_Tab:
                case Qt.Key_Backtab: {
                    const forward = event.key === Qt.Key_Tab;
                    const next = area.nextItemInFocusChain(forward);
                    if (next)
                        next.forceActiveFocus(forward ? Qt.TabFocusReason : Qt.BacktabFocusReason);
                    event.accepted = true;
                    break;
                }
                }
            }

            Text {
                x: area.leftPadding
                y: area.topPadding
                width: area.width - area.leftPadding - area.rightPadding
                visible: area.length === 0 && area.preeditText.length === 0
                text: composer.model.state === ModelHost.Ready && composer.model.completesText ? qsTr("Write the beginning of a text\u2026")
                    : composer.model.state === ModelHost.Ready ? qsTr("Write to %1").arg(composer.model.name)
                    : composer.model.state === ModelHost.Loading ? qsTr("Write while the model loads")
                    : qsTr("Load a model to chat")
                font: area.font
                color: Theme.secondary
                elide: Text.ElideRight
                textFormat: Text.PlainText
                Accessible.ignored: true
            }
        }
    }

    RowLayout {
        id: footer
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        anchors.leftMargin: Theme.space4
        anchors.rightMargin: Theme.space2
        anchors.bottomMargin: Theme.space2
        height: Theme.controlHeight
        spacing: Theme.space2

        Label {
            Layout.fillWidth: true
            color: composer.overfull ? Theme.danger : Theme.secondary
            font.pixelSize: Theme.fontSmall
            text: composer.model.state !== ModelHost.Ready || composer.chat.contextSize <= 0 ? ""
                : area.length > 0
                    ? (composer.chat.draftTokens === 1 ? qsTr("1 token  \u00B7  %1 left")
                        : qsTr("%1 tokens  \u00B7  %2 left").arg(Theme.count(composer.chat.draftTokens))).arg(Theme.count(composer.tokensLeft))
                    : qsTr("%1 tokens left").arg(Theme.count(composer.tokensLeft))
        }
        Label {
            visible: composer.width > 520 && area.activeFocus && area.length > 0
            text: qsTr("Shift+Enter for a new line")
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
        }
        IconButton {
            id: sendButton
            objectName: "sendButton"
            filled: composer.chat.busy || composer.canSend
            enabled: composer.chat.busy ? composer.chat.state !== ChatSession.Stopping : composer.canSend
            iconName: composer.chat.busy ? "stop" : "send"
            text: composer.chat.busy ? qsTr("Stop") : qsTr("Send")
            hint: composer.chat.busy ? qsTr("Esc") : qsTr("Enter")
            onClicked: {
                if (composer.chat.busy)
                    composer.chat.stop();
                else
                    composer.send();
                area.forceActiveFocus();
            }
        }
    }

    readonly property int tokensLeft: Math.max(0, chat.contextSize - chat.contextUsed - chat.draftTokens)
    readonly property bool overfull: chat.contextSize > 0 && chat.draftTokens > 0 && tokensLeft === 0
}
