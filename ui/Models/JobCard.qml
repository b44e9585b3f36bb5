import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// A model on its way here: which step runs, how far it is, what stands in its way, and what can be done.
Card {
    id: card

    required property double jobId
    required property string title
    required property string stageText
    required property string detail
    required property real share // 0..1 of the stage; negative: not known
    required property bool paused
    required property bool running
    required property bool done
    required property bool failed
    required property string problem
    required property string fix
    required property string hubPage // where its licence is accepted, or empty
    required property bool wantsToken
    required property bool canGoFirst
    signal pauseRequested
    signal resumeRequested
    signal firstRequested
    signal cancelRequested
    signal retryRequested
    signal dismissRequested
    signal useRequested
    signal tokenGiven(token: string)

    implicitHeight: column.implicitHeight + 2 * Theme.space4
    border.color: failed ? Theme.danger : Theme.border
    Accessible.role: Accessible.ListItem
    Accessible.name: title + ", " + stageText

    ColumnLayout {
        id: column
        x: Theme.space4
        y: Theme.space4
        width: card.width - 2 * Theme.space4
        spacing: Theme.space2

        RowLayout {
            Layout.fillWidth: true
            spacing: Theme.space3

            Icon {
                Layout.alignment: Qt.AlignTop
                Layout.topMargin: 1
                name: card.failed ? "warning" : card.done ? "check" : "import"
                size: Theme.iconNormal
                color: card.failed ? Theme.danger : card.done ? Theme.good : Theme.accent
            }
            ColumnLayout {
                Layout.fillWidth: true
                spacing: 2
                Label {
                    Layout.fillWidth: true
                    text: card.title
                    font.pixelSize: Theme.fontMessage
                    font.weight: Font.DemiBold
                }
                Text {
                    Layout.fillWidth: true
                    text: Theme.joined([card.stageText, card.detail])
                    color: Theme.secondary
                    font.pixelSize: Theme.fontBase
                    wrapMode: Text.Wrap
                    textFormat: Text.PlainText
                }
            }
            Button {
                Layout.alignment: Qt.AlignTop
                objectName: "useButton"
                visible: card.done
                kind: Button.Primary
                text: qsTr("Chat")
                Accessible.name: qsTr("Chat with %1").arg(card.title)
                onClicked: card.useRequested()
            }
            IconButton {
                Layout.alignment: Qt.AlignTop
                objectName: "firstButton"
                visible: card.canGoFirst
                iconName: "chevron-up"
                text: qsTr("Do %1 before the others that wait").arg(card.title)
                onClicked: card.firstRequested()
            }
            Button {
                Layout.alignment: Qt.AlignTop
                objectName: "pauseButton"
                visible: card.running || card.paused
                text: card.paused ? qsTr("Go on") : qsTr("Pause")
                Accessible.name: card.paused ? qsTr("Go on with %1").arg(card.title) : qsTr("Pause %1").arg(card.title)
                onClicked: card.paused ? card.resumeRequested() : card.pauseRequested()
            }
            IconButton {
                Layout.alignment: Qt.AlignTop
                objectName: "cancelButton"
                iconName: "close"
                text: card.done || card.failed ? qsTr("Take %1 off this list").arg(card.title) : qsTr("Cancel %1 and delete what has come").arg(card.title)
                onClicked: card.done ? card.dismissRequested() : card.cancelRequested()
            }
        }
        ProgressLine {
            Layout.fillWidth: true
            visible: !card.done && !card.failed
            value: Math.max(0, card.share)
            Accessible.name: card.stageText
        }
        ColumnLayout {
            Layout.fillWidth: true
            visible: card.failed
            spacing: Theme.space2

            Text {
                Layout.fillWidth: true
                text: card.problem
                color: Theme.danger
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                visible: text.length > 0
                text: card.fix
                color: Theme.text
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            RowLayout {
                Layout.fillWidth: true
                spacing: Theme.space2

                TextField {
                    id: tokenField
                    Layout.fillWidth: true
                    visible: card.wantsToken
                    objectName: "tokenField"
                    echoMode: TextInput.Password
                    placeholderText: qsTr("Access token, hf_\u2026")
                    onAccepted: if (length > 0) { card.tokenGiven(text); clear(); }
                }
                Button {
                    objectName: "retryButton"
                    kind: Button.Primary
                    text: card.wantsToken ? qsTr("Use it") : qsTr("Try again")
                    enabled: !card.wantsToken || tokenField.length > 0
                    onClicked: {
                        if (card.wantsToken) {
                            card.tokenGiven(tokenField.text);
                            tokenField.clear();
                        } else {
                            card.retryRequested();
                        }
                    }
                }
                Button {
                    visible: card.hubPage.length > 0
                    text: qsTr("Open its page\u2026")
                    onClicked: Qt.openUrlExternally(card.hubPage)
                }
            }
        }
    }
}
