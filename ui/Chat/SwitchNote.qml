import QtQuick
import EdgeChat.Controls
import EdgeChat.Theme

// A line across the conversation where another model takes over.
Item {
    id: note

    property string text

    implicitHeight: label.implicitHeight
    Accessible.role: Accessible.StaticText
    Accessible.name: text

    Label {
        id: label
        anchors.centerIn: parent
        width: Math.min(Math.ceil(implicitWidth), note.width - 2 * (Theme.space5 + Theme.space3))
        text: note.text
        color: Theme.secondary
        font.pixelSize: Theme.fontSmall
        elide: Text.ElideMiddle
        Accessible.ignored: true
    }
    Rectangle {
        anchors.left: parent.left
        anchors.right: label.left
        anchors.rightMargin: Theme.space3
        anchors.verticalCenter: parent.verticalCenter
        height: 1
        color: Theme.border
    }
    Rectangle {
        anchors.left: label.right
        anchors.leftMargin: Theme.space3
        anchors.right: parent.right
        anchors.verticalCenter: parent.verticalCenter
        height: 1
        color: Theme.border
    }
}
