import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// A model that can be had: what it is good at, what it takes of this machine, and the way to get it.
Card {
    id: card

    required property string catalogId
    required property string name
    required property string family
    required property string repository
    required property string goodAt
    required property string parametersText
    required property real downloadBytes
    required property string licenceName
    required property string licenceUrl
    required property bool gated
    required property string badge
    required property int context
    required property var memory // at `context`: CatalogList's memoryFacts()
    required property bool fits
    required property int largestContext
    required property real diskNeeded
    required property bool diskFits
    required property real rate // tokens per second to expect; 0: unknown
    required property string problem
    property real diskAvailable: 0
    property bool coming: false // it is on its way
    property bool open: false
    property int chosenContext: context
    property var chosenMemory: memory // at chosenContext
    property bool closable: false
    signal getRequested
    signal closed

    implicitHeight: row.implicitHeight + 2 * Theme.space4
    Accessible.role: Accessible.ListItem
    Accessible.name: fits ? name : qsTr("%1, does not fit").arg(name)

    component Pill: Rectangle {
        property alias text: pillText.text
        implicitWidth: pillText.implicitWidth + 12
        implicitHeight: pillText.implicitHeight + 4
        radius: height / 2
        color: Theme.hover
        Text {
            id: pillText
            anchors.centerIn: parent
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall - 1
            font.weight: Font.DemiBold
            textFormat: Text.PlainText
        }
    }

    component CardMemory: MemoryBar {
        required property var memory
        readonly property bool known: card.problem.length === 0 && memory.weights > 0
        Layout.fillWidth: true
        weights: memory.weights
        rest: memory.context + memory.runtime
        available: memory.available
        inGpuMemory: memory.inGpuMemory
        gpuNeeded: memory.gpuNeeded
        gpuFree: memory.gpuFree
    }

    RowLayout {
        id: row
        x: Theme.space4
        y: Theme.space4
        width: card.width - 2 * Theme.space4
        spacing: Theme.space3

        ColumnLayout {
            Layout.fillWidth: true
            spacing: Theme.space1

            RowLayout {
                Layout.fillWidth: true
                spacing: Theme.space2
                Label {
                    Layout.fillWidth: true
                    Layout.maximumWidth: implicitWidth + 1
                    text: card.name
                    font.pixelSize: Theme.fontMessage
                    font.weight: Font.DemiBold
                }
                Pill {
                    visible: card.gated
                    text: qsTr("needs an account")
                }
                Pill {
                    visible: card.badge.length > 0
                    text: card.badge === "tight" ? qsTr("tight on 8 GB") : card.badge
                }
                Item { Layout.fillWidth: true }
            }
            Text {
                Layout.fillWidth: true
                text: card.goodAt
                color: Theme.text
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                text: Theme.joined([card.family, card.parametersText, card.downloadBytes > 0 ? qsTr("download %1").arg(Theme.bytes(card.downloadBytes)) : "", card.licenceName,
                    card.rate > 0 ? qsTr("about %1 tokens/s here").arg(Theme.rate(card.rate)) : ""])
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            CardMemory {
                Layout.topMargin: 2
                visible: known && memory.available > 0 && !card.open
                memory: card.memory
                context: card.context
            }
            Text {
                Layout.fillWidth: true
                visible: card.problem.length === 0 && card.diskAvailable > 0 && !card.diskFits && !card.open
                text: qsTr("takes %1 of the disk while it is made, and %2 are free").arg(Theme.bytes(card.diskNeeded)).arg(Theme.bytes(card.diskAvailable))
                color: Theme.danger
                font.pixelSize: Theme.fontSmall
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                visible: card.problem.length > 0
                text: card.problem
                color: Theme.danger
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }

            ColumnLayout {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space2
                visible: card.open
                spacing: Theme.space2

                CardMemory {
                    visible: known
                    memory: card.chosenMemory
                    context: card.chosenContext
                }
                RowLayout {
                    Layout.fillWidth: true
                    visible: card.largestContext > 0
                    spacing: Theme.space2
                    Text {
                        text: qsTr("Context")
                        color: Theme.secondary
                        font.pixelSize: Theme.fontSmall
                    }
                    Slider {
                        Layout.fillWidth: true
                        Layout.maximumWidth: 320
                        objectName: "contextSlider"
                        label: qsTr("Context in tokens")
                        from: 512
                        to: Math.max(1024, card.largestContext)
                        stepSize: 512
                        value: card.chosenContext
                        onMoved: card.chosenContext = value
                    }
                    Text {
                        text: (card.chosenMemory.inGpuMemory ? qsTr("up to %1 tokens fit into GPU memory") : qsTr("up to %1 tokens fit")).arg(Theme.count(card.largestContext))
                        color: Theme.secondary
                        font.pixelSize: Theme.fontSmall
                    }
                }
                ModelDetails {
                    Layout.fillWidth: true
                    facts: [
                        { label: qsTr("Repository"), value: card.repository },
                        { label: qsTr("On the disk"), value: card.diskNeeded === 0 ? "" : card.diskFits || card.diskAvailable === 0
                            ? qsTr("%1 while it is made").arg(Theme.bytes(card.diskNeeded))
                            : qsTr("%1 while it is made, and %2 are free").arg(Theme.bytes(card.diskNeeded)).arg(Theme.bytes(card.diskAvailable)) }
                    ]
                }
                Button {
                    kind: Button.Quiet
                    visible: card.licenceUrl.length > 0
                    leftPadding: 0
                    text: qsTr("Read the licence (%1)").arg(card.licenceName)
                    onClicked: Qt.openUrlExternally(card.licenceUrl)
                }
            }
        }
        Button {
            Layout.alignment: Qt.AlignTop
            objectName: "getButton"
            visible: card.problem.length === 0
            iconName: card.coming ? "" : "import"
            text: card.coming ? qsTr("Coming\u2026") : qsTr("Get")
            enabled: !card.coming
            Accessible.name: card.coming ? qsTr("%1 is on its way").arg(card.name) : qsTr("Get %1").arg(card.name)
            onClicked: card.getRequested()
        }
        IconButton {
            Layout.alignment: Qt.AlignTop
            objectName: "catalogDetailsButton"
            iconName: card.open ? "chevron-up" : "chevron-down"
            text: card.open ? qsTr("Hide the details of %1").arg(card.name) : qsTr("Details of %1").arg(card.name)
            onClicked: card.open = !card.open
        }
        IconButton {
            Layout.alignment: Qt.AlignTop
            objectName: "closeOfferButton"
            visible: card.closable
            iconName: "close"
            text: qsTr("Forget %1").arg(card.name)
            onClicked: card.closed()
        }
    }
}
