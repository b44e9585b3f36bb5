import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// What happened, why, what to do, and one button that does it. The details fold out and can be copied.
Rectangle {
    id: card

    property string title
    property string cause
    property string fix
    property string details
    property string actionText
    property string secondActionText
    property bool closable: false
    property bool calm: false // a warning rather than a failure
    signal action
    signal secondAction
    signal copyRequested(text: string)
    signal closed

    property bool open: false

    implicitHeight: column.implicitHeight + 2 * Theme.space4
    implicitWidth: 480
    radius: Theme.radiusCard
    color: calm ? Theme.warningSurface : Theme.dangerSurface
    border.width: 1
    border.color: Theme.border
    Accessible.role: Accessible.AlertMessage
    Accessible.name: title + ". " + cause + " " + fix

    RowLayout {
        id: column
        x: Theme.space4
        y: Theme.space4
        width: card.width - 2 * Theme.space4
        spacing: Theme.space3

        Icon {
            Layout.alignment: Qt.AlignTop
            Layout.topMargin: 1
            name: "warning"
            size: Theme.iconNormal
            color: card.calm ? Theme.warning : Theme.danger
        }

        // A positioner: texts that wrap once they have their width stand below each other in any case.
        Column {
            id: texts
            Layout.fillWidth: true
            spacing: Theme.space1

            Text {
                width: texts.width - (closeButton.visible ? 28 : 0)
                visible: text.length > 0
                text: card.title
                color: Theme.text
                font.pixelSize: Theme.fontBase
                font.weight: Font.DemiBold
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                width: texts.width
                visible: text.length > 0
                text: card.cause
                color: Theme.text
                font.pixelSize: Theme.fontBase
                lineHeight: 1.12
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                width: texts.width
                visible: text.length > 0
                text: card.fix
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                lineHeight: 1.12
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Flow {
                width: texts.width
                topPadding: Theme.space2
                bottomPadding: card.open ? Theme.space1 : 0
                visible: card.actionText.length > 0 || card.details.length > 0
                spacing: Theme.space2

                Button {
                    visible: card.actionText.length > 0
                    text: card.actionText
                    onClicked: card.action()
                }
                Button {
                    visible: card.secondActionText.length > 0
                    text: card.secondActionText
                    kind: Button.Quiet
                    onClicked: card.secondAction()
                }
                Button {
                    visible: card.details.length > 0
                    text: card.open ? qsTr("Hide details") : qsTr("Show details")
                    kind: Button.Quiet
                    onClicked: card.open = !card.open
                }
            }
            Rectangle {
                width: texts.width
                visible: card.open && card.details.length > 0
                implicitHeight: detailText.implicitHeight + 2 * Theme.space2
                radius: Theme.radiusControl
                color: Theme.window
                border.width: 1
                border.color: Theme.border

                TextEdit {
                    id: detailText
                    x: Theme.space2
                    y: Theme.space2
                    width: parent.width - 2 * Theme.space2 - 32
                    text: card.details
                    readOnly: true
                    selectByMouse: true
                    activeFocusOnTab: true
                    color: Theme.secondary
                    selectionColor: Theme.selection
                    selectedTextColor: Theme.text
                    font.family: Theme.monoFamily
                    font.pixelSize: Theme.fontSmall
                    wrapMode: TextEdit.Wrap
                    textFormat: TextEdit.PlainText
                    Accessible.role: Accessible.EditableText
                    Accessible.name: qsTr("Details")
                    Accessible.readOnly: true
                }
                IconButton {
                    anchors.right: parent.right
                    anchors.top: parent.top
                    anchors.margins: 2
                    implicitHeight: 28
                    iconName: "copy"
                    text: qsTr("Copy the details")
                    onClicked: card.copyRequested(card.title + "\n" + card.cause + "\n" + card.details)
                }
            }
        }
    }

    IconButton {
        id: closeButton
        anchors.right: parent.right
        anchors.top: parent.top
        anchors.margins: Theme.space2
        implicitHeight: 28
        visible: card.closable
        iconName: "close"
        text: qsTr("Dismiss")
        onClicked: card.closed()
    }
}
