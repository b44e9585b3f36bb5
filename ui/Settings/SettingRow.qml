import QtQuick
import QtQuick.Layouts
import EdgeChat.Theme

// One setting: its name and a short explanation at the left, its control at the right, or below in a narrow window.
Item {
    id: row

    property string title
    property string explanation
    property bool stacked: width < 460
    default property alias control: holder.data

    Layout.fillWidth: true
    implicitHeight: grid.implicitHeight + 2 * Theme.space3

    GridLayout {
        id: grid
        y: Theme.space3
        width: parent.width
        columns: row.stacked ? 1 : 2
        columnSpacing: Theme.space5
        rowSpacing: Theme.space2

        ColumnLayout {
            Layout.fillWidth: true
            spacing: 2
            Text {
                Layout.fillWidth: true
                text: row.title
                color: Theme.text
                font.pixelSize: Theme.fontBase
                font.weight: Font.Medium
                wrapMode: Text.Wrap
            }
            Text {
                Layout.fillWidth: true
                visible: text.length > 0
                text: row.explanation
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall
                lineHeight: 1.12
                wrapMode: Text.Wrap
            }
        }
        RowLayout {
            id: holder
            Layout.fillWidth: row.stacked
            Layout.alignment: row.stacked ? Qt.AlignLeft : Qt.AlignRight | Qt.AlignVCenter
            spacing: Theme.space2
        }
    }
}
