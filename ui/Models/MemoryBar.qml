import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// What a model would take of the memory that is free: weights, then context and program.
RowLayout {
    id: bar

    property real weights: 0 // bytes
    property real rest: 0
    property real available: 0
    property int context: 0 // tokens
    readonly property bool fits: weights + rest <= available

    spacing: Theme.space2

    SegmentedBar {
        implicitWidth: 96
        first: bar.available > 0 ? bar.weights / bar.available : 0
        second: bar.available > 0 ? bar.rest / bar.available : 0
        firstColor: bar.fits ? Theme.accent : Theme.danger
        secondColor: bar.fits ? Theme.outline : Theme.danger
        description: qsTr("Memory that the model would take")
    }
    Text {
        Layout.fillWidth: true
        text: bar.fits
            ? qsTr("%1 of %2 free memory, with a context of %3 tokens").arg(Theme.bytes(bar.weights + bar.rest)).arg(Theme.bytes(bar.available)).arg(Theme.count(bar.context))
            : qsTr("needs %1, and %2 of memory are free").arg(Theme.bytes(bar.weights + bar.rest)).arg(Theme.bytes(bar.available))
        color: bar.fits ? Theme.secondary : Theme.danger
        font.pixelSize: Theme.fontSmall
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
    }
}
