import QtQuick
import EdgeChat.Theme

// A paragraph or a heading: rich text that can be selected and whose links open after a click.
TextEdit {
    id: prose

    property string html
    property int level: 0 // of a heading; 0: a paragraph

    readonly property int pixelSize: level === 0 ? Theme.fontMessage
        : level === 1 ? Theme.fontTitle : level === 2 ? Theme.fontHeading : level === 3 ? Math.round((Theme.fontMessage + Theme.fontHeading) / 2) : Theme.fontMessage

    text: Theme.richTextStyle + "<p>" + html + "</p>"
    textFormat: TextEdit.RichText
    color: Theme.text
    font.pixelSize: pixelSize
    font.weight: level > 0 ? Font.DemiBold : Font.Normal
    wrapMode: TextEdit.Wrap
    readOnly: true
    selectByMouse: true
    selectionColor: Theme.selection
    selectedTextColor: Theme.text
    activeFocusOnPress: true
    Accessible.role: level > 0 ? Accessible.Heading : Accessible.StaticText
    Accessible.name: getText(0, length)
    onLinkActivated: link => Qt.openUrlExternally(link)
    onActiveFocusChanged: if (!activeFocus) deselect()

    HoverHandler {
        enabled: prose.hoveredLink.length > 0
        cursorShape: Qt.PointingHandCursor
    }
}
