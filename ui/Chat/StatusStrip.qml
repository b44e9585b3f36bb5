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
    readonly property real room: width / Math.max(1, Theme.textScale)
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
            visible: strip.room > 560
            Accessible.role: Accessible.Graphic
            Accessible.name: qsTr("Speed over the last minute")
        }
        Figure {
            visible: strip.room > 1000
            caption: qsTr("prompt")
            value: strip.telemetry.prefillRate > 0 ? qsTr("%1 tok/s").arg(Theme.rate(strip.telemetry.prefillRate)) : qsTr("\u2013 tok/s")
            widest: qsTr("%1 tok/s").arg("0000")
            explanation: qsTr("Speed of reading the prompt")
        }
        Figure {
            visible: strip.room > 760
            caption: qsTr("first token")
            value: strip.telemetry.timeToFirstToken > 0 ? Theme.seconds(strip.telemetry.timeToFirstToken) : "\u2013 s"
            widest: qsTr("%1 ms").arg("000")
            explanation: qsTr("Time from sending to the first token")
        }

        Item { Layout.fillWidth: true }

        Figure {
            visible: strip.telemetry.jetson && strip.telemetry.gpuLoad >= 0 && strip.room > 860
            caption: qsTr("GPU")
            value: qsTr("%1 %").arg(Math.round(strip.telemetry.gpuLoad * 100))
            widest: "100 %"
            explanation: qsTr("Load of the GPU")
        }
        Figure {
            visible: strip.telemetry.jetson && !isNaN(strip.telemetry.temperature) && strip.room > 860
            value: qsTr("%1 \u00B0C").arg(Math.round(strip.telemetry.temperature))
            widest: "100 \u00B0C"
            explanation: qsTr("Temperature of the board")
        }
        Figure {
            visible: strip.telemetry.jetson && !isNaN(strip.telemetry.power) && strip.room > 860
            value: qsTr("%1 W").arg(Number(strip.telemetry.power).toLocaleString(Qt.locale(), "f", 1))
            widest: "00.0 W"
            explanation: strip.telemetry.powerMode.length > 0 ? qsTr("Power, in mode %1").arg(strip.telemetry.powerMode) : qsTr("Power")
        }

        Row {
            visible: strip.chat.contextSize > 0
            spacing: 7
            Figure {
                anchors.verticalCenter: parent.verticalCenter
                caption: qsTr("context")
                value: strip.room > 700 ? qsTr("%1 / %2").arg(Theme.count(strip.chat.contextUsed)).arg(Theme.count(strip.chat.contextSize))
                    : qsTr("%1 %").arg(Math.round(100 * strip.chat.contextUsed / Math.max(1, strip.chat.contextSize)))
                widest: strip.room > 700 ? qsTr("%1 / %2").arg(Theme.count(strip.chat.contextSize)).arg(Theme.count(strip.chat.contextSize)) : "100 %"
                explanation: qsTr("Tokens of this conversation that the model holds, of what it can hold")
            }
            SegmentedBar {
                anchors.verticalCenter: parent.verticalCenter
                visible: strip.room > 640
                implicitWidth: 56
                first: strip.chat.contextUsed / Math.max(1, strip.chat.contextSize)
                firstColor: first > 0.9 ? Theme.warning : Theme.accent
                description: qsTr("Context used: %1 percent").arg(Math.round(first * 100))
            }
        }

        Row {
            visible: strip.memoryTotal > 0
            spacing: 7
            Figure {
                anchors.verticalCenter: parent.verticalCenter
                caption: qsTr("memory")
                value: strip.room > 940
                    ? qsTr("%1 of %2 free").arg(Theme.bytes(strip.memoryAvailable)).arg(Theme.bytes(strip.memoryTotal))
                    : qsTr("%1 free").arg(Theme.bytes(strip.memoryAvailable))
                explanation: qsTr("Model %1, the rest of EdgeChat %2, other programs %3, free %4")
                    .arg(Theme.bytes(strip.modelBytes))
                    .arg(Theme.bytes(Math.max(0, strip.processBytes - strip.modelBytes)))
                    .arg(Theme.bytes(Math.max(0, strip.memoryTotal - strip.memoryAvailable - strip.processBytes)))
                    .arg(Theme.bytes(strip.memoryAvailable))
            }
            SegmentedBar {
                anchors.verticalCenter: parent.verticalCenter
                visible: strip.room > 640
                first: strip.modelBytes / Math.max(1, strip.memoryTotal)
                second: Math.max(0, strip.memoryTotal - strip.memoryAvailable - strip.modelBytes) / Math.max(1, strip.memoryTotal)
                description: qsTr("Memory: this model, other programs, free")
            }
        }

        Rectangle {
            visible: strip.model.state === ModelHost.Ready && strip.model.device.length > 0
            implicitWidth: chip.implicitWidth + 14
            implicitHeight: chip.implicitHeight + 4
            radius: height / 2
            color: Theme.hover
            border.width: 1
            border.color: Theme.border

            Text {
                id: chip
                anchors.centerIn: parent
                text: strip.model.device
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall - 1
                font.weight: Font.DemiBold
                Accessible.role: Accessible.StaticText
                Accessible.name: qsTr("The model runs on %1").arg(text)
            }
        }
    }
}
