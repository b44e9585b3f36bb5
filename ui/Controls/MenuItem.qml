import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

T.MenuItem {
    id: item

    property string iconName
    property string hint
    property bool dangerous: false
    readonly property color ink: !enabled ? Theme.disabled : dangerous ? Theme.danger : Theme.text

    implicitWidth: row.implicitWidth + leftPadding + rightPadding + (hintText.visible ? hintText.implicitWidth + 24 : 0)
    implicitHeight: Theme.controlHeight
    leftPadding: 10
    rightPadding: 10
    font.pixelSize: Theme.fontBase
    Accessible.role: Accessible.MenuItem
    Accessible.name: text
    Accessible.onPressAction: triggered()

    contentItem: Item {
        Row {
            id: row
            anchors.verticalCenter: parent.verticalCenter
            spacing: 8

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                visible: item.iconName.length > 0
                name: item.iconName
                size: Theme.iconSmall
                color: item.dangerous ? Theme.danger : item.enabled ? Theme.secondary : Theme.disabled
            }
            Text {
                anchors.verticalCenter: parent.verticalCenter
                text: item.text
                font: item.font
                color: item.ink
                textFormat: Text.PlainText
            }
        }
        Text {
            id: hintText
            anchors.right: parent.right
            anchors.verticalCenter: parent.verticalCenter
            visible: item.hint.length > 0
            text: item.hint
            font.pixelSize: Theme.fontSmall
            color: Theme.secondary
            textFormat: Text.PlainText
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: item.highlighted ? Theme.hover : "transparent"
    }
}
