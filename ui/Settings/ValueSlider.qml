import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// A slider with its value beside it, in a place of fixed width.
RowLayout {
    id: row

    property alias from: slider.from
    property alias to: slider.to
    property alias stepSize: slider.stepSize
    property alias label: slider.label
    property real value: 0
    property int decimals: 2
    property string valueText: Number(value).toLocaleString(Qt.locale(), "f", decimals)
    signal moved(value: real)

    spacing: Theme.space3

    Slider {
        id: slider
        implicitWidth: 180
        value: row.value
        onMoved: row.moved(Math.round(value / stepSize) * stepSize)
    }
    Text {
        Layout.preferredWidth: Math.round(48 * Theme.textScale)
        text: row.valueText
        color: Theme.text
        font.pixelSize: Theme.fontBase
        horizontalAlignment: Text.AlignRight
        Accessible.ignored: true
    }
}
