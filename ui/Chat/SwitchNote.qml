import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// A line across the conversation where another model takes over.
RowLayout {
    id: note

    property string text

    spacing: Theme.space3
    Accessible.role: Accessible.StaticText
    Accessible.name: text

    Rectangle {
        Layout.fillWidth: true
        implicitHeight: 1
        color: Theme.border
    }
    Label {
        Layout.maximumWidth: note.width - 2 * Theme.space6 - 2 * note.spacing
        text: note.text
        color: Theme.secondary
        font.pixelSize: Theme.fontSmall
        elide: Text.ElideMiddle
        Accessible.ignored: true
    }
    Rectangle {
        Layout.fillWidth: true
        implicitHeight: 1
        color: Theme.border
    }
}
