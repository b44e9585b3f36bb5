import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// What the memory of the conversation takes of the memory that is free.
RowLayout {
    id: line

    required property ContextMemory memory

    readonly property bool tooLong: memory.trainedContext > 0 && memory.context > memory.trainedContext
    readonly property string sentence: !memory.fits
        ? memory.largestContext > 0
            ? qsTr("%1 tokens take %2: with them the model needs %3, and %4 are free. At most %5 tokens fit.")
                .arg(Theme.count(memory.context)).arg(Theme.bytes(memory.cacheBytes)).arg(Theme.bytes(memory.totalBytes))
                .arg(Theme.bytes(memory.availableBytes)).arg(Theme.count(memory.largestContext))
            : qsTr("The model needs %1, and %2 are free.").arg(Theme.bytes(memory.totalBytes)).arg(Theme.bytes(memory.availableBytes))
        : tooLong ? qsTr("%1 tokens take %2. The model was trained for %3, and answers get worse beyond.")
            .arg(Theme.count(memory.context)).arg(Theme.bytes(memory.cacheBytes)).arg(Theme.count(memory.trainedContext))
        : qsTr("%1 tokens take %2. With them the model needs %3 of the %4 that are free.")
            .arg(Theme.count(memory.context)).arg(Theme.bytes(memory.cacheBytes)).arg(Theme.bytes(memory.totalBytes)).arg(Theme.bytes(memory.availableBytes))

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
