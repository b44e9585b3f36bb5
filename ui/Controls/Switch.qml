import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

T.Switch {
    id: control

    implicitWidth: 40
    implicitHeight: Theme.controlHeight
    padding: 0
    Accessible.role: Accessible.CheckBox
    Accessible.name: text
    Accessible.checked: checked
    Accessible.onPressAction: toggle()
    Accessible.onToggleAction: toggle()

    indicator: Rectangle {
        anchors.verticalCenter: parent.verticalCenter
        width: 40
        height: 22
        radius: 11
        color: control.checked ? Theme.accent : Theme.card
        border.width: control.checked ? 0 : 1.5
        border.color: Theme.outline

        Rectangle {
            x: control.checked ? parent.width - width - 3 : 3
            anchors.verticalCenter: parent.verticalCenter
            width: 16
            height: 16
            radius: 8
            color: control.checked ? Theme.accentInk : Theme.outline
            Behavior on x { NumberAnimation { duration: Theme.motion } }
        }

        FocusRing {
            visible: control.visualFocus
            radius: parent.radius + 2
        }
    }
}
