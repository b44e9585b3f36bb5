import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// Settings that belong together, on one card under one heading.
ColumnLayout {
    id: group

    property string title
    property string note
    default property alias rows: rows.data

    Layout.fillWidth: true
    spacing: Theme.space2

    Text {
        text: group.title
        color: Theme.text
        font.pixelSize: Theme.fontMessage
        font.weight: Font.DemiBold
        Accessible.role: Accessible.Heading
        Accessible.name: text
    }
    Card {
        Layout.fillWidth: true
        implicitHeight: rows.implicitHeight + 2 * Theme.space1
        ColumnLayout {
            id: rows
            x: Theme.space4
            y: Theme.space1
            width: parent.width - 2 * Theme.space4
            spacing: 0
        }
    }
    Text {
        Layout.fillWidth: true
        visible: text.length > 0
        text: group.note
        color: Theme.secondary
        font.pixelSize: Theme.fontSmall
        wrapMode: Text.Wrap
    }
}
