import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// What the memory of the conversation takes of the memory that is free, on the device that would run the model.
RowLayout {
    id: line

    required property ContextMemory memory

    readonly property bool tooLong: memory.trainedContext > 0 && memory.context > memory.trainedContext
    readonly property string tokens: Theme.count(memory.context)
    readonly property string cache: Theme.bytes(memory.cacheBytes)
    readonly property string total: Theme.bytes(memory.totalBytes)
    readonly property string free: Theme.bytes(memory.availableBytes)
    readonly property string tooMuch: memory.largestContext > 0
        ? (memory.inGpuMemory
            ? qsTr("%1 tokens take %2: with them the model needs %3, and %4 of GPU memory are free; main memory is too small as well. At most %5 tokens fit.")
            : qsTr("%1 tokens take %2: with them the model needs %3, and %4 are free. At most %5 tokens fit."))
            .arg(tokens).arg(cache).arg(total).arg(free).arg(Theme.count(memory.largestContext))
        : (memory.inGpuMemory ? qsTr("The model needs %1, and %2 of GPU memory are free; main memory is too small as well.") : qsTr("The model needs %1, and %2 are free."))
            .arg(total).arg(free)
    readonly property string taken: tooLong
        ? qsTr("%1 tokens take %2. The model was trained for %3, and answers get worse beyond.").arg(tokens).arg(cache).arg(Theme.count(memory.trainedContext))
        : (memory.inGpuMemory ? qsTr("%1 tokens take %2. With them the model needs %3 of the %4 of GPU memory that are free.") : qsTr("%1 tokens take %2. With them the model needs %3 of the %4 that are free."))
            .arg(tokens).arg(cache).arg(total).arg(free)
    // The CPU runs it because the GPU does not hold it.
    readonly property string onCpu: memory.gpuNeededBytes === 0 ? ""
        : (memory.gpuContext > 0
            ? qsTr("It runs on the CPU: the GPU would need %1 and has %2 free. At most %3 tokens fit there.").arg(Theme.bytes(memory.gpuNeededBytes)).arg(Theme.bytes(memory.gpuFreeBytes)).arg(Theme.count(memory.gpuContext))
            : qsTr("It runs on the CPU: the GPU would need %1 and has %2 free.").arg(Theme.bytes(memory.gpuNeededBytes)).arg(Theme.bytes(memory.gpuFreeBytes)))
    readonly property string sentence: !memory.fits ? tooMuch : onCpu.length > 0 ? taken + " " + onCpu : taken

    Layout.fillWidth: true
    spacing: Theme.space3

    SegmentedBar {
        Layout.alignment: Qt.AlignTop
        Layout.topMargin: 5
        implicitWidth: 96
        first: line.memory.availableBytes > 0 ? (line.memory.totalBytes - line.memory.cacheBytes) / line.memory.availableBytes : 0
        second: line.memory.availableBytes > 0 ? line.memory.cacheBytes / line.memory.availableBytes : 0
        firstColor: line.memory.fits ? Theme.outline : Theme.danger
        secondColor: line.memory.fits ? Theme.accent : Theme.danger
        description: qsTr("Memory that the model takes, its context last")
    }
    Text {
        objectName: "contextMemoryText"
        Layout.fillWidth: true
        text: line.sentence
        color: !line.memory.fits ? Theme.danger : line.tooLong ? Theme.warning : Theme.secondary
        font.pixelSize: Theme.fontSmall
        lineHeight: 1.12
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
        Accessible.role: Accessible.StaticText
        Accessible.name: text
    }
}
