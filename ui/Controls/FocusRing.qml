import QtQuick
import EdgeChat.Theme

// The ring around the control that has the keyboard.
Rectangle {
    anchors.fill: parent
    anchors.margins: -2
    radius: Theme.radiusControl + 2
    color: "transparent"
    border.width: 2
    border.color: Theme.accent
}
