import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

T.Slider {
    id: control

    property string label

    implicitWidth: 200
    implicitHeight: Theme.controlHeight
    padding: 0
    snapMode: T.Slider.SnapAlways
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Slider
    Accessible.name: label
    Accessible.onIncreaseAction: { increase(); moved(); }
    Accessible.onDecreaseAction: { decrease(); moved(); }

    background: Rectangle {
        x: control.leftPadding
        y: Math.round((control.height - height) / 2)
        width: control.availableWidth
        height: 4
        radius: 2
        color: Theme.outline

        Rectangle {
            width: control.visualPosition * (parent.width - 18) + 9
            height: parent.height
            radius: 2
            color: Theme.accent
        }
    }

    handle: Rectangle {
        x: Math.round(control.leftPadding + control.visualPosition * (control.availableWidth - width))
        y: Math.round((control.height - height) / 2)
        implicitWidth: 18
        implicitHeight: 18
        radius: 9
        color: Theme.card
        border.width: 2
        border.color: control.pressed ? Theme.accentHover : Theme.accent

        FocusRing {
            visible: control.visualFocus
            radius: parent.radius + 2
        }
    }
}
