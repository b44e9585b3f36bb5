import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// One message: the user's on a tinted card at the right, the model's as plain text, and under each what can be
// done with it.
Item {
    id: message

    required property int index
    required property var messageId // qint64
    required property int role
    required property string text
    required property int status
    required property int versionIndex
    required property int versionCount
    required property string modelName
    required property int generatedTokens
    required property double decodeRate
    required property double prefillRate
    required property double timeToFirstToken
    required property bool canContinue
    required property bool modelChanged

    required property Program program
    property int columnWidth: width
    property bool last: false
    property bool editing: false

    readonly property bool fromUser: role === MessageList.User
    readonly property bool streaming: status === MessageList.Streaming
    readonly property bool waiting: streaming && text.length === 0
    readonly property bool actionsShown: hover.hovered || actions.activeFocus || actions.childFocus

    implicitHeight: column.implicitHeight + Theme.space2
    Accessible.role: Accessible.ListItem
    Accessible.name: fromUser ? qsTr("You said") : qsTr("%1 answered").arg(modelName)
    Accessible.description: text

    function startEdit(): void {
        editing = true;
    }
    function endEdit(): void {
        editing = false;
    }

    HoverHandler { id: hover }

    ColumnLayout {
        id: column
        x: Math.round((message.width - width) / 2)
        width: message.columnWidth
        spacing: 0

        // The user's words
        Rectangle {
            Layout.alignment: Qt.AlignRight
            Layout.topMargin: Theme.space2
            Layout.maximumWidth: column.width * 0.85
            visible: message.fromUser && !message.editing
            implicitWidth: userText.implicitWidth + 2 * Theme.space4
            implicitHeight: userText.implicitHeight + 2 * Theme.space3 - 4
            radius: Theme.radiusCard
            color: Theme.userMessage

            TextEdit {
                id: userText
                x: Theme.space4
                y: Theme.space3 - 2
                width: parent.width - 2 * Theme.space4
                text: message.fromUser ? Theme.richTextStyle + "<p style='white-space: pre-wrap'>" + userText.escaped(message.text) + "</p>" : ""
                textFormat: TextEdit.RichText
                color: Theme.text
                font.pixelSize: Theme.fontMessage
                wrapMode: TextEdit.Wrap
                readOnly: true
                selectByMouse: true
                selectionColor: Theme.selection
                selectedTextColor: Theme.text
                Accessible.role: Accessible.StaticText
                Accessible.name: message.text
                onActiveFocusChanged: if (!activeFocus) deselect()

                function escaped(plain: string): string {
                    return plain.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\n/g, "<br>");
                }
            }
        }

        // The same words, being edited
        Rectangle {
            Layout.fillWidth: true
            Layout.topMargin: Theme.space2
            visible: message.editing
            implicitHeight: editor.active ? editor.implicitHeight + 2 * Theme.space3 : 0
            radius: Theme.radiusCard
            color: Theme.userMessage

            Loader {
                id: editor
                x: Theme.space3
                y: Theme.space3
                width: parent.width - 2 * Theme.space3
                active: message.editing
                sourceComponent: MessageEditor {
                    original: message.text
                    onAccepted: text => {
                        message.endEdit();
                        message.program.chat.edit(message.messageId, text);
                    }
                    onCancelled: message.endEdit()
                }
            }
        }

        SwitchNote {
            Layout.fillWidth: true
            Layout.topMargin: Theme.space3
            visible: message.modelChanged
            text: qsTr("Now answered by %1").arg(message.modelName)
        }

        // The model's words
        MessageBody {
            id: body
            Layout.fillWidth: true
            Layout.topMargin: Theme.space2
            visible: !message.fromUser && !message.waiting
            source: message.fromUser ? "" : message.text
            streaming: message.streaming
            caret: message.streaming
            onCopyRequested: text => message.program.copyText(text)
        }

        // Nothing to read yet: how far the prompt has been read
        PrefillLine {
            Layout.fillWidth: true
            Layout.topMargin: Theme.space2
            visible: message.waiting
            chat: message.program.chat
        }

        InterruptedNote {
            Layout.fillWidth: true
            Layout.topMargin: Theme.space2
            visible: !message.fromUser && message.status !== MessageList.Complete && !message.streaming
            status: message.status
            canContinue: message.canContinue && !message.program.chat.busy && message.status !== MessageList.ContextFull
            onContinueRequested: message.program.chat.continueAnswer(message.messageId)
        }

        MessageActions {
            id: actions
            Layout.fillWidth: true
            Layout.topMargin: 2
            opacity: message.actionsShown && !message.streaming ? 1 : 0
            visible: !message.editing
            fromUser: message.fromUser
            busy: message.program.chat.busy
            versionIndex: message.versionIndex
            versionCount: message.versionCount
            figures: message.fromUser ? "" : message.figureText()
            onCopyRequested: message.program.copyText(message.text)
            onEditRequested: message.startEdit()
            onRegenerateRequested: message.program.chat.regenerate(message.messageId)
            onStepRequested: step => message.program.chat.showSibling(message.messageId, step)
        }
    }

    function figureText(): string {
        return Theme.joined([modelName,
            generatedTokens === 1 ? qsTr("1 token") : generatedTokens > 1 ? qsTr("%1 tokens").arg(Theme.count(generatedTokens)) : "",
            decodeRate > 0 ? qsTr("%1 tok/s").arg(Theme.rate(decodeRate)) : "",
            timeToFirstToken > 0 ? qsTr("first token after %1").arg(Theme.seconds(timeToFirstToken)) : ""]);
    }
}
