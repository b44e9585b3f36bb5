import QtQuick
import EdgeChat.Theme

// One line of chrome text. When it is too long for its place, the whole of it stands in a tooltip.
Text {
    id: label

    property bool explain: true

    color: Theme.text
    font.pixelSize: Theme.fontBase
    elide: Text.ElideRight
    textFormat: Text.PlainText
    verticalAlignment: Text.AlignVCenter
    Accessible.role: Accessible.StaticText
    Accessible.name: text

    HoverHandler {
        id: hover
        enabled: label.explain && label.truncated
    }

    Loader {
        active: label.explain && label.truncated && hover.hovered
        sourceComponent: ToolTip {
            parent: label
            text: label.text
            visible: true
        }
    }
}
