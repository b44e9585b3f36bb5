import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A button that is only an icon; `text` is its name for tooltips and screen readers.
T.Button {
    id: button

    property string iconName
    property int iconSize: Theme.iconSmall
    property color ink: Theme.secondary
    property string hint // the shortcut, shown after the name
    property bool filled: false

    implicitWidth: implicitHeight
    implicitHeight: Theme.controlHeight
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Item {
        Icon {
            anchors.centerIn: parent
            name: button.iconName
            size: button.iconSize
            color: button.filled ? (button.enabled ? Theme.accentInk : Theme.disabled)
                : !button.enabled ? Theme.disabled
                : button.hovered || button.checked ? Theme.text : button.ink
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: button.filled
            ? (!button.enabled ? Theme.hover : button.hovered || button.down ? Theme.accentHover : Theme.accent)
            : button.down ? Theme.selected : button.hovered || button.checked ? Theme.hover : "transparent"

        FocusRing {
            visible: button.visualFocus
            radius: parent.radius + 2
        }
    }

    Loader {
        active: button.hovered || button.visualFocus
        sourceComponent: ToolTip {
            parent: button
            text: button.hint.length > 0 ? qsTr("%1  (%2)").arg(button.text).arg(button.hint) : button.text
            visible: true
        }
    }
}
