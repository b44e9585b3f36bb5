import QtQuick
import EdgeChat.Chat
import EdgeChat.Theme

// The blocks of an answer, one under the other. Only the last ones change while it streams.
Column {
    id: body

    property alias source: blocks.source
    property alias streaming: blocks.streaming
    property bool caret: false
    signal copyRequested(text: string)

    MessageBlocks {
        id: blocks
    }

    Repeater {
        model: blocks

        Item {
            id: row

            required property int index
            required property int kind
            required property string text
            required property string language
            required property string marker
            required property int level
            required property int check
            required property int indent
            required property int quoteDepth
            required property int quoteIndent
            required property int columns
            required property var cells // list of rich text
            required property var alignments
            required property bool continues
            required property bool closed

            readonly property bool listItem: marker.length > 0 || indent > 0
            readonly property int gap: index === 0 || continues ? 0
                : kind === MessageBlocks.Heading ? (level <= 2 ? Theme.space5 : Theme.space4)
                : kind === MessageBlocks.Paragraph && listItem ? Theme.space1 + 2 : Theme.space3
            readonly property int textLeft: indent * 24 + quoteDepth * Theme.space4

            width: body.width
            implicitHeight: content.y + content.height

            Repeater {
                model: row.quoteDepth

                Rectangle {
                    required property int index
                    x: row.quoteIndent * 24 + index * Theme.space4
                    y: row.index === 0 ? 0 : row.gap - (row.gap > Theme.space2 ? Theme.space1 : row.gap)
                    width: 3
                    height: row.height - y
                    radius: 1.5
                    color: Theme.border
                }
            }

            Text {
                visible: row.marker.length > 0 && row.check < 0
                x: row.textLeft - 24
                y: row.gap
                width: 18
                text: row.marker
                color: Theme.secondary
                font.pixelSize: Theme.fontMessage
                lineHeight: Theme.lineHeightPercent / 100
                horizontalAlignment: row.marker.length > 1 ? Text.AlignRight : Text.AlignHCenter
                textFormat: Text.PlainText
                Accessible.ignored: true
            }
            Rectangle {
                visible: row.check >= 0
                x: row.textLeft - 21
                y: row.gap + Math.round((Theme.fontMessage * 1.5 - height) / 2) + 1
                width: 14
                height: 14
                radius: 3
                color: row.check === 1 ? Theme.accent : "transparent"
                border.width: row.check === 1 ? 0 : 1.5
                border.color: Theme.outline
                Accessible.role: Accessible.CheckBox
                Accessible.name: row.check === 1 ? qsTr("Done") : qsTr("Open")
                Accessible.readOnly: true

                Text {
                    anchors.centerIn: parent
                    visible: row.check === 1
                    text: "\u2713"
                    color: Theme.accentInk
                    font.pixelSize: 11
                    font.bold: true
                    Accessible.ignored: true
                }
            }

            Loader {
                id: content
                x: row.textLeft
                y: row.gap
                width: row.width - row.textLeft
                sourceComponent: row.kind === MessageBlocks.Code ? codeComponent
                    : row.kind === MessageBlocks.Table ? tableComponent
                    : row.kind === MessageBlocks.Rule ? ruleComponent : proseComponent
            }

            Component {
                id: proseComponent
                ProseBlock {
                    html: row.text
                    level: row.kind === MessageBlocks.Heading ? row.level : 0
                    color: row.quoteDepth > 0 ? Theme.secondary : Theme.text

                    // The soft caret stands where the next word will.
                    Rectangle {
                        readonly property rect place: visible ? parent.positionToRectangle(parent.length) : Qt.rect(0, 0, 0, 0)
                        visible: body.caret && row.index === blocks.count - 1
                        x: Math.min(place.x + 2, parent.width - width)
                        y: place.y + Math.round((place.height - height) / 2)
                        width: 8
                        height: Theme.fontMessage
                        radius: 2
                        color: Theme.accent
                        opacity: 0.55
                    }
                }
            }
            Component {
                id: codeComponent
                CodeBlock {
                    code: row.text
                    language: row.language
                    closed: row.closed
                    onCopyRequested: text => body.copyRequested(text)
                }
            }
            Component {
                id: tableComponent
                TableBlock {
                    cells: row.cells
                    columns: row.columns
                    alignments: row.alignments
                }
            }
            Component {
                id: ruleComponent
                Item {
                    implicitHeight: 9
                    Rectangle {
                        anchors.verticalCenter: parent.verticalCenter
                        width: parent.width
                        height: 1
                        color: Theme.border
                    }
                }
            }
        }
    }
}
