import QtQuick
import EdgeChat.Theme

// Parts of one whole beside each other: `first` and `second` are shares of 0..1, the rest is free.
Rectangle {
    id: bar

    property real first: 0
    property real second: 0
    property color firstColor: Theme.accent
    property color secondColor: Theme.outline
    property string description

    implicitWidth: 72
    implicitHeight: 6
    radius: height / 2
    color: Theme.border
    Accessible.role: Accessible.ProgressBar
    Accessible.name: description

    readonly property real firstWidth: Math.round(width * Math.max(0, Math.min(1, first)))
    readonly property real secondWidth: Math.round(width * Math.max(0, Math.min(1 - Math.min(1, first), second)))

    Rectangle {
        x: Math.max(0, bar.firstWidth - height / 2)
        width: bar.secondWidth + bar.firstWidth - x
        height: parent.height
        radius: bar.radius
        color: bar.secondColor
        visible: bar.secondWidth > 0
    }
    Rectangle {
        width: bar.firstWidth > 0 ? Math.max(bar.firstWidth, height) : 0
        height: parent.height
        radius: bar.radius
        color: bar.firstColor
    }
}
