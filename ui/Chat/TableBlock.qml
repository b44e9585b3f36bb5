import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A real grid: columns are as wide as their text up to a bound, and the whole scrolls when it does not fit.
Flickable {
    id: table

    property var cells: [] // list of rich text, row by row
    property int columns: 1
    property var alignments: [] // list of int: Qt.AlignLeft ...

    readonly property real maximumCellWidth: Math.max(140, width / Math.max(1, Math.min(columns, 3)))

    implicitHeight: grid.height + (contentWidth > width ? 12 : 0)
    contentWidth: grid.width
    contentHeight: grid.height
    interactive: contentWidth > width
    clip: contentWidth > width
    flickableDirection: Flickable.HorizontalFlick
    boundsBehavior: Flickable.StopAtBounds
    Accessible.role: Accessible.Table
    Accessible.name: qsTr("Table")

    T.ScrollBar.horizontal: ScrollBar {
        policy: table.contentWidth > table.width ? T.ScrollBar.AlwaysOn : T.ScrollBar.AlwaysOff
    }

    GridLayout {
        id: grid
        columns: table.columns
        columnSpacing: 0
        rowSpacing: 0

        Repeater {
            model: table.cells

            Rectangle {
                id: cell

                required property int index
                required property string modelData
                readonly property bool header: index < table.columns
                readonly property int alignment: table.alignments[index % table.columns] ?? Qt.AlignLeft

                Layout.fillWidth: true
                Layout.fillHeight: true
                implicitWidth: Math.min(text.implicitWidth + 2 * Theme.space3, table.maximumCellWidth)
                implicitHeight: text.contentHeight + 2 * Theme.space2
                color: header ? Theme.sidebar : "transparent"
                Accessible.role: Accessible.Cell
                Accessible.name: text.getText(0, text.length)

                Rectangle {
                    anchors.bottom: parent.bottom
                    width: parent.width
                    height: 1
                    color: Theme.border
                }

                TextEdit {
                    id: text
                    x: Theme.space3
                    y: Theme.space2
                    width: cell.width - 2 * Theme.space3
                    text: Theme.richTextStyle + cell.modelData
                    textFormat: TextEdit.RichText
                    color: Theme.text
                    font.pixelSize: Theme.fontMessage - 1
                    font.weight: cell.header ? Font.DemiBold : Font.Normal
                    horizontalAlignment: cell.alignment === Qt.AlignRight ? TextEdit.AlignRight
                        : cell.alignment === Qt.AlignHCenter ? TextEdit.AlignHCenter : TextEdit.AlignLeft
                    wrapMode: TextEdit.Wrap
                    readOnly: true
                    selectByMouse: true
                    selectionColor: Theme.selection
                    selectedTextColor: Theme.text
                    Accessible.ignored: true
                    onLinkActivated: link => Qt.openUrlExternally(link)
                    onActiveFocusChanged: if (!activeFocus) deselect()
                }
            }
        }
    }
}
