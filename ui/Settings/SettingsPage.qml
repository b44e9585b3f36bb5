import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// Every setting with a sentence about what it does.
Item {
    id: page

    required property Program program
    property bool sidebarShown: true
    readonly property Settings settings: program.settings
    signal sidebarToggled

    readonly property Gpu gpu: program.gpu
    readonly property ModelHost model: program.model
    readonly property string ownNote: model.state === ModelHost.None || model.settings.own.length === 0 ? ""
        : qsTr("%1 has values of its own, which come before these.").arg(model.name)

    Component.onCompleted: gpu.look()

    // Context sizes on offer; 0 is the model's own choice.
    readonly property var contexts: [0, 1024, 2048, 4096, 8192, 16384, 32768]

    ColumnLayout {
        id: top
        width: parent.width
        spacing: 0
        RowLayout {
            Layout.fillWidth: true
            Layout.preferredHeight: Theme.headerHeight
            Layout.leftMargin: Theme.space2
            Layout.rightMargin: Theme.space3
            spacing: Theme.space2
            IconButton {
                iconName: "sidebar"
                iconSize: Theme.iconNormal
                text: page.sidebarShown ? qsTr("Hide the sidebar") : qsTr("Show the sidebar")
                hint: "Ctrl+B"
                onClicked: page.sidebarToggled()
            }
            Label {
                Layout.fillWidth: true
                text: qsTr("Settings")
                font.pixelSize: Theme.fontMessage
                font.weight: Font.DemiBold
                Accessible.role: Accessible.Heading
            }
        }
        Rectangle {
            Layout.fillWidth: true
            implicitHeight: 1
            color: Theme.border
        }
    }

    SettingsView {
        objectName: "settingsView"
        anchors.top: top.bottom
        anchors.bottom: parent.bottom
        width: parent.width

        SettingsGroup {
            title: qsTr("Appearance")

            SettingRow {
                title: qsTr("Colours")
                explanation: qsTr("System follows the desktop.")
                ComboBox {
                    label: qsTr("Colours")
                    implicitWidth: 160
                    model: [qsTr("System"), qsTr("Light"), qsTr("Dark")]
                    currentIndex: page.settings.appearance
                    onActivated: index => page.settings.appearance = index
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Text size")
                ValueSlider {
                    label: qsTr("Text size")
                    from: 0.8
                    to: 2
                    stepSize: 0.1
                    value: page.settings.textScale
                    valueText: qsTr("%1 %").arg(Math.round(value * 100))
                    onMoved: value => page.settings.textScale = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Reduced motion")
                explanation: qsTr("Nothing fades or slides.")
                Switch {
                    text: qsTr("Reduced motion")
                    checked: page.settings.reducedMotion
                    onToggled: page.settings.reducedMotion = checked
                }
            }
        }

        SettingsGroup {
            title: qsTr("Model")
            note: page.ownNote

            ErrorCard {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space3
                visible: page.program.model.reloadNeeded
                calm: true
                title: qsTr("These act when the model is loaded again")
                actionText: qsTr("Load it again")
                onAction: page.program.model.load(page.program.model.path)
            }
            SettingRow {
                objectName: "deviceRow"
                title: qsTr("Device")
                explanation: qsTr("What computes the answers. Automatic takes the GPU for every model that fits there.")
                    + (page.gpu.description.length > 0 ? "\n" + page.gpu.description : "")
                ComboBox {
                    objectName: "deviceBox"
                    label: qsTr("Device")
                    implicitWidth: 160
                    model: [qsTr("Automatic"), qsTr("GPU"), qsTr("CPU")]
                    unavailable: page.gpu.known && !page.gpu.usable ? [Settings.Gpu] : []
                    currentIndex: page.settings.device
                    onActivated: index => page.settings.device = index
                    Accessible.description: page.gpu.description
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Context")
                explanation: qsTr("How many tokens of a conversation the model can hold. More needs more memory.")
                ComboBox {
                    label: qsTr("Context")
                    implicitWidth: 160
                    model: page.contexts.map(size => size === 0 ? qsTr("Automatic") : qsTr("%1 tokens").arg(Theme.count(size)))
                    currentIndex: Math.max(0, page.contexts.indexOf(page.settings.contextTokens))
                    onActivated: index => page.settings.contextTokens = page.contexts[index]
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Memory of the conversation")
                explanation: qsTr("8 bits take half the memory of 16 for the same context, and change answers very little.")
                ComboBox {
                    label: qsTr("Memory of the conversation")
                    implicitWidth: 160
                    model: [qsTr("16 bits"), qsTr("8 bits")]
                    currentIndex: page.settings.kvInt8 ? 1 : 0
                    onActivated: index => page.settings.kvInt8 = index === 1
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Threads")
                explanation: qsTr("Processor cores that compute where the GPU does not. Automatic uses all of them.")
                SpinBox {
                    label: qsTr("Threads")
                    from: 0
                    to: 64
                    zeroText: qsTr("Automatic")
                    value: page.settings.threads
                    onValueModified: page.settings.threads = value
                }
            }
        }

        SettingsGroup {
            title: qsTr("Answers")

            SettingRow {
                title: qsTr("Instructions")
                explanation: qsTr("Given to the model before every conversation: a role, a tone, a language.")
                stacked: true
                TextArea {
                    id: prompt
                    Layout.fillWidth: true
                    placeholderText: qsTr("You are a helpful assistant.")
                    Accessible.name: qsTr("Instructions")
                    text: page.settings.systemPrompt
                    onEditingFinished: page.settings.systemPrompt = text
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Temperature")
                explanation: qsTr("0 always takes the likeliest word. Higher is more varied and less sure.")
                ValueSlider {
                    label: qsTr("Temperature")
                    from: 0
                    to: 2
                    stepSize: 0.05
                    value: page.settings.temperature
                    onMoved: value => page.settings.temperature = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Top P")
                explanation: qsTr("Chooses among the likeliest words that together reach this share. 1 is all of them.")
                ValueSlider {
                    label: qsTr("Top P")
                    from: 0.05
                    to: 1
                    stepSize: 0.05
                    value: page.settings.topP
                    onMoved: value => page.settings.topP = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Min P")
                explanation: qsTr("Leaves out words less likely than this share of the likeliest.")
                ValueSlider {
                    label: qsTr("Min P")
                    from: 0
                    to: 0.5
                    stepSize: 0.01
                    value: page.settings.minP
                    onMoved: value => page.settings.minP = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Top K")
                explanation: qsTr("Chooses among this many of the likeliest words.")
                SpinBox {
                    label: qsTr("Top K")
                    from: 0
                    to: 1000
                    zeroText: qsTr("Off")
                    value: page.settings.topK
                    onValueModified: page.settings.topK = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Repetition penalty")
                explanation: qsTr("Above 1, words that were just said become less likely.")
                ValueSlider {
                    label: qsTr("Repetition penalty")
                    from: 1
                    to: 2
                    stepSize: 0.05
                    value: page.settings.repeatPenalty
                    onMoved: value => page.settings.repeatPenalty = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Longest answer")
                explanation: qsTr("In tokens; the answer stops there and can be continued.")
                SpinBox {
                    label: qsTr("Longest answer")
                    from: 0
                    to: 131072
                    stepSize: 128
                    zeroText: qsTr("No limit")
                    value: page.settings.maxTokens
                    onValueModified: page.settings.maxTokens = value
                }
            }
            Divider {}
            SettingRow {
                title: qsTr("Seed")
                explanation: qsTr("The same seed and the same question give the same answer.")
                SpinBox {
                    label: qsTr("Seed")
                    from: 0
                    to: 2147483647
                    zeroText: qsTr("Random")
                    value: Math.min(page.settings.seed, to) // qmllint disable
                    onValueModified: page.settings.seed = value // qmllint disable
                }
            }
        }

        DownloadsGroup {
            hub: page.program.hub
        }

        Text {
            Layout.fillWidth: true
            text: qsTr("EdgeChat %1. Everything runs on this machine; nothing that you write leaves it.").arg(page.program.version)
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
            wrapMode: Text.Wrap
        }
    }
}
