import QtQuick
import EdgeChat.Theme

// The ground of things that float: a card with the window's only shadow.
Item {
    property alias radius: face.radius
    property alias color: face.color

    Repeater {
        model: 4
        Rectangle {
            required property int index
            anchors.fill: parent
            anchors.margins: -1 - index * 2
            anchors.topMargin: 1 - index
            anchors.bottomMargin: -3 - index * 2
            radius: face.radius + 1 + index * 2
            color: Theme.shadow
            opacity: 0.34 - index * 0.08
        }
    }

    Rectangle {
        id: face
        anchors.fill: parent
        radius: Theme.radiusCard
        color: Theme.card
        border.width: 1
        border.color: Theme.border
    }
}
