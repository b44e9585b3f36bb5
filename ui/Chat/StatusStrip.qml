import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The live figures. Each stands in a place of fixed width, so nothing moves when a digit is added, and figures of
// less use leave when the window is narrow.
Rectangle {
    id: strip

    required property Program program
    readonly property Telemetry telemetry: program.telemetry
    readonly property ChatSession chat: program.chat
    readonly property ModelHost model: program.model
    // As real: the linter has no qint64
    readonly property real memoryTotal: telemetry.memoryTotal // qmllint disable
    readonly property real memoryAvailable: telemetry.memoryAvailable // qmllint disable
    readonly property real modelBytes: telemetry.modelBytes // qmllint disable
    readonly property real processBytes: telemetry.processBytes // qmllint disable
    // 0 or not a number where they are not known
    readonly property real gpuMemoryTotal: telemetry.gpuMemoryTotal // qmllint disable
    readonly property real gpuMemoryUsed: telemetry.gpuMemoryUsed // qmllint disable
    readonly property real energyPerToken: telemetry.energyPerToken
    readonly property real gpuModelBytes: model.weightBytes + model.kvBytes // qmllint disable

    readonly property bool gpuShown: telemetry.jetson || model.onGpu
    // A card has a memory of its own; what a model takes of it is in no other figure.
    readonly property bool gpuMemoryShown: model.inGpuMemory && gpuMemoryTotal > 0
    readonly property real shownTotal: gpuMemoryShown ? gpuMemoryTotal : memoryTotal // bytes, of the memory that the model is in
    readonly property real shownFree: gpuMemoryShown ? Math.max(0, gpuMemoryTotal - gpuMemoryUsed) : memoryAvailable
    readonly property real shownModel: gpuMemoryShown ? Math.min(gpuModelBytes, gpuMemoryUsed) : modelBytes
    // A GPU that shares the processor's memory takes its part outside of the process's.
    readonly property real programBytes: model.onGpu ? processBytes : Math.max(0, processBytes - modelBytes)
    readonly property string mainMemoryText: qsTr("Model %1, the rest of EdgeChat %2, other programs %3, free %4")
        .arg(Theme.bytes(modelBytes)).arg(Theme.bytes(programBytes))
        .arg(Theme.bytes(Math.max(0, memoryTotal - memoryAvailable - modelBytes - programBytes))).arg(Theme.bytes(memoryAvailable))

    readonly property real room: width / Math.max(1, Theme.textScale)
    // What figures that not every machine has take is missed by the others.
    readonly property bool gpuFigures: gpuShown && room > 860
    // It is of what the power is of, and keeps its place while an answer has none yet.
    readonly property bool energyFigure: gpuFigures && room > 960 && (energyPerToken > 0 || !isNaN(telemetry.power))
    readonly property real spare: room - (gpuFigures ? 236 : 0) - (energyFigure ? 106 : 0)
    // What the chip takes more where it names the device and not only its kind.
    readonly property real chipExtra: model.state !== ModelHost.Ready ? 0
        : Math.max(0, Math.min(180, wholeDevice.advanceWidth / Math.max(1, Theme.textScale)) - 25)

    TextMetrics {
        id: wholeDevice
        font.pixelSize: Theme.fontSmall - 1
        font.weight: Font.DemiBold
        text: strip.model.deviceText
    }
    readonly property bool measured: telemetry.decodeRate > 0

    implicitHeight: Theme.statusHeight
    color: Theme.sidebar
    Accessible.role: Accessible.StatusBar
    Accessible.name: qsTr("Figures")

    Rectangle {
        width: parent.width
        height: 1
        color: Theme.border
    }

    component Figure: Row {
        id: figure
        property string caption
        property string value
        property string widest // the longest text the value can have
        property string explanation
        spacing: 5
        Accessible.role: Accessible.StaticText
        Accessible.name: explanation + ": " + value

        Text {
            visible: text.length > 0
            text: figure.caption
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
            Accessible.ignored: true
        }
        Text {
            width: Math.max(metrics.advanceWidth, implicitWidth)
            text: figure.value
            color: Theme.text
            font.pixelSize: Theme.fontSmall
            horizontalAlignment: Text.AlignRight
            Accessible.ignored: true

            TextMetrics {
                id: metrics
                font.pixelSize: Theme.fontSmall
                text: figure.widest
            }
        }
        HoverHandler { id: hover }
        Loader {
            active: hover.hovered && figure.explanation.length > 0
            sourceComponent: ToolTip {
                parent: figure
                text: figure.explanation
                visible: true
            }
        }
    }

    RowLayout {
        anchors.fill: parent
        anchors.topMargin: 1
        anchors.leftMargin: Theme.space3
        anchors.rightMargin: Theme.space3
        spacing: Theme.space4

        Figure {
            value: strip.measured ? qsTr("%1 tok/s").arg(Theme.rate(strip.telemetry.decodeRate)) : qsTr("\u2013 tok/s")
            widest: qsTr("%1 tok/s").arg("0000")
            explanation: qsTr("Speed of the current or last answer")
        }
        Sparkline {
            id: sparkline
            implicitWidth: 72
            implicitHeight: 14
            values: strip.telemetry.rateHistory
            capacity: 120
            color: Theme.accent
            baseColor: Theme.border
            visible: strip.spare > 560
            Accessible.role: Accessible.Graphic
            Accessible.name: qsTr("Speed over the last minute")
        }
        Figure {
            objectName: "energyFigure"
            visible: strip.energyFigure
            value: qsTr("%1 J/token").arg(strip.energyPerToken > 0 ? Theme.joules(strip.energyPerToken) : "\u2013")
            widest: qsTr("%1 J/token").arg("0.00")
            explanation: strip.telemetry.jetson ? qsTr("Energy that the board took for each token of the last answer")
                : qsTr("Energy that the GPU took for each token of the last answer")
        }
        Figure {
            visible: strip.spare > 1000 + strip.chipExtra
            caption: qsTr("prompt")
            value: strip.telemetry.prefillRate > 0 ? qsTr("%1 tok/s").arg(Theme.rate(strip.telemetry.prefillRate)) : qsTr("\u2013 tok/s")
            widest: qsTr("%1 tok/s").arg("0000")
            explanation: qsTr("Speed of reading the prompt")
        }
        Figure {
            visible: strip.spare > 760
            caption: qsTr("first token")
            value: strip.telemetry.timeToFirstToken > 0 ? Theme.seconds(strip.telemetry.timeToFirstToken) : "\u2013 s"
            widest: qsTr("%1 ms").arg("000")
            explanation: qsTr("Time from sending to the first token")
        }

        Item { Layout.fillWidth: true }

        Figure {
            objectName: "gpuLoadFigure"
            visible: strip.gpuFigures && strip.telemetry.gpuLoad >= 0
            caption: qsTr("GPU")
            value: qsTr("%1 %").arg(Math.round(strip.telemetry.gpuLoad * 100))
            widest: "100 %"
            explanation: qsTr("Load of the GPU")
        }
        Figure {
            visible: strip.gpuFigures && !isNaN(strip.telemetry.temperature)
            value: qsTr("%1 \u00B0C").arg(Math.round(strip.telemetry.temperature))
            widest: "100 \u00B0C"
            explanation: strip.telemetry.jetson ? qsTr("Temperature of the board") : qsTr("Temperature of the GPU")
        }
        Figure {
            visible: strip.gpuFigures && !isNaN(strip.telemetry.power)
            value: qsTr("%1 W").arg(Number(strip.telemetry.power).toLocaleString(Qt.locale(), "f", 1))
            widest: "00.0 W"
            explanation: strip.telemetry.powerMode.length > 0 ? qsTr("Power, in mode %1").arg(strip.telemetry.powerMode)
                : strip.telemetry.jetson ? qsTr("Power") : qsTr("Power of the GPU")
        }

        Row {
            visible: strip.chat.contextSize > 0
            spacing: 7
            Figure {
                anchors.verticalCenter: parent.verticalCenter
                caption: qsTr("context")
                value: strip.spare > 700 ? qsTr("%1 / %2").arg(Theme.count(strip.chat.contextUsed)).arg(Theme.count(strip.chat.contextSize))
                    : qsTr("%1 %").arg(Math.round(100 * strip.chat.contextUsed / Math.max(1, strip.chat.contextSize)))
                widest: strip.spare > 700 ? qsTr("%1 / %2").arg(Theme.count(strip.chat.contextSize)).arg(Theme.count(strip.chat.contextSize)) : "100 %"
                explanation: qsTr("Tokens of this conversation that the model holds, of what it can hold")
            }
            SegmentedBar {
                anchors.verticalCenter: parent.verticalCenter
                visible: strip.spare > 640
                implicitWidth: 56
                first: strip.chat.contextUsed / Math.max(1, strip.chat.contextSize)
                firstColor: first > 0.9 ? Theme.warning : Theme.accent
                description: qsTr("Context used: %1 percent").arg(Math.round(first * 100))
            }
        }

        Row {
            visible: strip.shownTotal > 0
            spacing: 7
            Figure {
                objectName: "memoryFigure"
                anchors.verticalCenter: parent.verticalCenter
                caption: strip.gpuMemoryShown ? qsTr("GPU memory") : qsTr("memory")
                value: strip.spare > 860 + strip.chipExtra
                    ? qsTr("%1 of %2 free").arg(Theme.bytes(strip.shownFree)).arg(Theme.bytes(strip.shownTotal))
                    : qsTr("%1 free").arg(Theme.bytes(strip.shownFree))
                explanation: strip.gpuMemoryShown
                    ? qsTr("Memory of the GPU: model %1, others %2, free %3. Main memory: %4 of %5 free")
                        .arg(Theme.bytes(strip.shownModel)).arg(Theme.bytes(Math.max(0, strip.gpuMemoryUsed - strip.shownModel)))
                        .arg(Theme.bytes(strip.shownFree)).arg(Theme.bytes(strip.memoryAvailable)).arg(Theme.bytes(strip.memoryTotal))
                    : strip.mainMemoryText
            }
            SegmentedBar {
                anchors.verticalCenter: parent.verticalCenter
                visible: strip.spare > 640
                first: strip.shownModel / Math.max(1, strip.shownTotal)
                second: Math.max(0, strip.shownTotal - strip.shownFree - strip.shownModel) / Math.max(1, strip.shownTotal)
                description: qsTr("Memory: this model, other programs, free")
            }
        }

        Rectangle {
            id: chip
            objectName: "deviceChip"
            readonly property string explanation: strip.model.gpuNote.length > 0 ? strip.model.gpuNote
                : qsTr("The model runs on %1").arg(strip.model.deviceText)
            visible: strip.model.state === ModelHost.Ready && strip.model.device.length > 0
            implicitWidth: chipText.width + 14
            implicitHeight: chipText.implicitHeight + 4
            radius: height / 2
            color: Theme.hover
            border.width: 1
            border.color: Theme.border

            Text {
                id: chipText
                anchors.centerIn: parent
                width: Math.min(Math.ceil(implicitWidth), 180 * Math.max(1, Theme.textScale))
                text: strip.spare > 775 + strip.chipExtra ? strip.model.deviceText : strip.model.device
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall - 1
                font.weight: Font.DemiBold
                elide: Text.ElideRight
                textFormat: Text.PlainText
                Accessible.role: Accessible.StaticText
                Accessible.name: chip.explanation
            }
            HoverHandler { id: chipHover }
            Loader {
                active: chipHover.hovered
                sourceComponent: ToolTip {
                    parent: chip
                    text: chip.explanation
                    visible: true
                }
            }
        }
    }
}
