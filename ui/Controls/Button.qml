import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

T.Button {
    id: button

    enum Kind { Secondary, Primary, Quiet, Danger }

    property int kind: Button.Secondary
    property string iconName

    readonly property bool filled: kind === Button.Primary
    readonly property color inkColor: !enabled ? Theme.disabled : filled ? Theme.accentInk
        : kind === Button.Danger ? Theme.danger : Theme.text

    implicitWidth: Math.max(implicitContentWidth + leftPadding + rightPadding, implicitHeight)
    implicitHeight: Theme.controlHeight
    leftPadding: iconName.length > 0 ? 10 : 14
    rightPadding: 14
    spacing: 6
    font.pixelSize: Theme.fontBase
    font.weight: filled ? Font.DemiBold : Font.Medium
    focusPolicy: Qt.StrongFocus
    opacity: enabled || filled ? 1 : 0.7
    Accessible.role: Accessible.Button
    Accessible.name: text
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Item {
        implicitWidth: row.implicitWidth
        implicitHeight: row.implicitHeight

        Row {
            id: row
            anchors.centerIn: parent
            spacing: button.spacing

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                visible: button.iconName.length > 0
                name: button.iconName
                size: Theme.iconSmall
                color: button.inkColor
            }

            Text {
                anchors.verticalCenter: parent.verticalCenter
                text: button.text
                font: button.font
                color: button.inkColor
                textFormat: Text.PlainText
            }
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: button.filled
            ? (!button.enabled ? Theme.hover : button.down || button.hovered ? Theme.accentHover : Theme.accent)
            : button.down ? Theme.selected
            : button.hovered || button.kind !== Button.Quiet && button.checked ? Theme.hover
            : button.kind === Button.Quiet ? "transparent" : Theme.card
        border.width: button.kind === Button.Secondary || button.kind === Button.Danger ? 1 : 0
        border.color: Theme.border

        FocusRing {
            visible: button.visualFocus
        }
    }
}
