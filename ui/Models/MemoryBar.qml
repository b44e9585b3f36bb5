import QtQuick
import EdgeChat.Controls
import EdgeChat.Theme

// What a model would take of the memory that is free: weights, then context and program.
// The figures are of the device that would run it.
Item {
    id: bar

    property real weights: 0 // bytes
    property real rest: 0
    property real available: 0
    property int context: 0 // tokens
    property bool inGpuMemory: false // all of them are of the GPU's own memory
    property real gpuNeeded: 0 // of a model that the CPU runs because the GPU does not hold it, else 0
    property real gpuFree: 0
    readonly property bool fits: weights + rest <= available
    readonly property string taken: Theme.bytes(weights + rest)
    readonly property string free: Theme.bytes(available)
    readonly property string sentence: !fits
        ? (inGpuMemory ? qsTr("needs %1, and %2 of GPU memory are free; main memory is too small as well") : qsTr("needs %1, and %2 of memory are free"))
            .arg(taken).arg(free)
        : inGpuMemory ? qsTr("%1 of %2 free GPU memory, with a context of %3 tokens").arg(taken).arg(free).arg(Theme.count(context))
        : gpuNeeded > 0
            ? qsTr("%1 of %2 free memory, with a context of %3 tokens. Runs on the CPU: the GPU would need %4 for it and has %5 free.")
                .arg(taken).arg(free).arg(Theme.count(context)).arg(Theme.bytes(gpuNeeded)).arg(Theme.bytes(gpuFree))
        : qsTr("%1 of %2 free memory, with a context of %3 tokens").arg(taken).arg(free).arg(Theme.count(context))

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
        objectName: "memoryText"
        x: share.width + Theme.space2
        width: bar.width - x
        text: bar.sentence
        color: bar.fits ? Theme.secondary : Theme.danger
        font.pixelSize: Theme.fontSmall
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
    }
}
