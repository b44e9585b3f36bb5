import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

// Seen only where there is something to scroll and the pointer or the view is at it.
T.ScrollBar {
    id: bar

    implicitWidth: orientation === Qt.Vertical ? 10 : 40
    implicitHeight: orientation === Qt.Vertical ? 40 : 10
    padding: 2
    minimumSize: 0.05
    visible: policy === T.ScrollBar.AlwaysOn || policy === T.ScrollBar.AsNeeded && size < 1.0

    contentItem: Rectangle {
        radius: Math.min(width, height) / 2
        color: bar.pressed || bar.hovered ? Theme.secondary : Theme.outline
        opacity: bar.pressed || bar.hovered ? 0.9 : bar.active ? 0.6 : 0.28
    }
}
