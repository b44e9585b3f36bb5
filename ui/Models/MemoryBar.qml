import QtQuick
import EdgeChat.Controls
import EdgeChat.Theme

// What a model would take of the memory that is free: weights, then context and program.
Item {
    id: bar

    property real weights: 0 // bytes
    property real rest: 0
    property real available: 0
    property int context: 0 // tokens
    readonly property bool fits: weights + rest <= available

    implicitHeight: note.implicitHeight

    SegmentedBar {
        id: share
        y: Math.round((note.contentHeight / Math.max(1, note.lineCount) - height) / 2) // beside the first line
        width: 96
        first: bar.available > 0 ? bar.weights / bar.available : 0
        second: bar.available > 0 ? bar.rest / bar.available : 0
        firstColor: bar.fits ? Theme.accent : Theme.danger
        secondColor: bar.fits ? Theme.outline : Theme.danger
        description: qsTr("Memory that the model would take")
    }
    Text {
        id: note
        x: share.width + Theme.space2
        width: bar.width - x
        text: bar.fits
            ? qsTr("%1 of %2 free memory, with a context of %3 tokens").arg(Theme.bytes(bar.weights + bar.rest)).arg(Theme.bytes(bar.available)).arg(Theme.count(bar.context))
            : qsTr("needs %1, and %2 of memory are free").arg(Theme.bytes(bar.weights + bar.rest)).arg(Theme.bytes(bar.available))
        color: bar.fits ? Theme.secondary : Theme.danger
        font.pixelSize: Theme.fontSmall
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
    }
}
