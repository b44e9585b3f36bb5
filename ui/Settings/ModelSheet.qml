import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The settings of one model: each value is its own or the general one.
T.Popup {
    id: sheet

    required property Program program
    readonly property ModelSettings settings: program.modelSettings
    readonly property Settings general: program.settings
    readonly property ContextMemory memory: program.contextMemory
    readonly property bool loaded: program.model.state === ModelHost.Ready && program.model.path === settings.path

    readonly property var contexts: [0, 1024, 2048, 4096, 8192, 16384, 32768] // tokens; 0 is the model's own choice

    function contextText(tokens: int): string {
        return tokens === 0 ? qsTr("Automatic") : qsTr("%1 tokens").arg(Theme.count(tokens));
    }
    function decimalText(value: real): string {
        return Number(value).toLocaleString(Qt.locale(), "f", 2);
    }
    function show(path: string, name: string): void {
        program.editModel(path, name);
        view.contentY = 0;
        open();
        contextBox.forceActiveFocus();
    }

    objectName: "modelSheet"
    parent: T.Overlay.overlay
    x: parent ? Math.round((parent.width - width) / 2) : 0
    y: parent ? Math.round((parent.height - height) / 2) : 0
    width: parent ? Math.min(680, parent.width - 32) : 680
    height: parent ? Math.min(760, parent.height - (parent.height < 560 ? 24 : 48), head.implicitHeight + view.contentHeight + foot.implicitHeight) : 600
    padding: 0
    modal: true
    focus: true
    closePolicy: T.Popup.CloseOnEscape | T.Popup.CloseOnPressOutside
    onAboutToHide: prompt.keep()
    onClosed: program.editModel("", "")

    T.Overlay.modal: Rectangle {
        color: Theme.scrim
    }
    background: FloatingSurface {
        radius: Theme.radiusComposer
        color: Theme.window
    }

    contentItem: ColumnLayout {
        spacing: 0

        ColumnLayout {
            id: head
            Layout.fillWidth: true
            spacing: 0

            RowLayout {
                Layout.fillWidth: true
                Layout.leftMargin: Theme.space5
                Layout.rightMargin: Theme.space3
                Layout.topMargin: Theme.space3
                Layout.bottomMargin: Theme.space3
                spacing: Theme.space2

                ColumnLayout {
                    Layout.fillWidth: true
                    spacing: 2
                    Label {
                        Layout.fillWidth: true
                        text: sheet.settings.name
                        font.pixelSize: Theme.fontHeading
                        font.weight: Font.DemiBold
                        Accessible.role: Accessible.Heading
                        Accessible.name: qsTr("Settings of %1").arg(sheet.settings.name)
                    }
                    Label {
                        Layout.fillWidth: true
                        text: qsTr("Own values are for this model alone; the others are those of Settings.")
                        color: Theme.secondary
                        font.pixelSize: Theme.fontSmall
                    }
                }
                IconButton {
                    Layout.alignment: Qt.AlignTop
                    objectName: "closeSheet"
                    iconName: "close"
                    text: qsTr("Close")
                    hint: qsTr("Esc")
                    onClicked: sheet.close()
                }
            }
            Rectangle {
                Layout.fillWidth: true
                implicitHeight: 1
                color: Theme.border
            }
        }

        SettingsView {
            id: view
            objectName: "sheetView"
            Layout.fillWidth: true
            Layout.fillHeight: true
            widest: sheet.width
            margin: sheet.width < 640 ? Theme.space4 : Theme.space5

            SettingsGroup {
                title: qsTr("Model")

                ModelValueRow {
                    objectName: "contextRow"
                    settings: sheet.settings
                    value: ModelSettings.Context
                    title: qsTr("Context")
                    explanation: qsTr("How many tokens of a conversation the model can hold.")
                    generalValue: sheet.contextText(sheet.general.contextTokens)
                    ComboBox {
                        id: contextBox
                        objectName: "contextBox"
                        label: qsTr("Context")
                        implicitWidth: 160
                        model: sheet.contexts.map(tokens => sheet.contextText(tokens))
                        displayText: sheet.contextText(sheet.settings.contextTokens)
                        currentIndex: sheet.contexts.indexOf(sheet.settings.contextTokens)
                        onActivated: index => sheet.settings.contextTokens = sheet.contexts[index]
                    }
                }
                ContextLine {
                    Layout.bottomMargin: Theme.space3
                    visible: sheet.memory.known
                    memory: sheet.memory
                }
                Divider {}
                ModelValueRow {
                    objectName: "cacheRow"
                    settings: sheet.settings
                    value: ModelSettings.Cache
                    title: qsTr("Memory of the conversation")
                    explanation: qsTr("8 bits take half the memory of 16, and change answers very little.")
                    generalValue: sheet.general.kvInt8 ? qsTr("8 bits") : qsTr("16 bits")
                    ComboBox {
                        objectName: "cacheBox"
                        label: qsTr("Memory of the conversation")
                        implicitWidth: 160
                        model: [qsTr("16 bits"), qsTr("8 bits")]
                        currentIndex: sheet.settings.kvInt8 ? 1 : 0
                        onActivated: index => sheet.settings.kvInt8 = index === 1
                    }
                }
            }

            SettingsGroup {
                title: qsTr("Answers")

                ModelValueRow {
                    objectName: "promptRow"
                    settings: sheet.settings
                    value: ModelSettings.Prompt
                    title: qsTr("Instructions")
                    explanation: qsTr("Given to the model before every conversation: a role, a tone, a language.")
                    stacked: true
                    TextArea {
                        id: prompt
                        objectName: "promptArea"
                        Layout.fillWidth: true
                        placeholderText: qsTr("You are a helpful assistant.")
                        Accessible.name: qsTr("Instructions")
                        text: sheet.settings.systemPrompt
                        onEditingFinished: keep()
                        function keep(): void {
                            sheet.settings.systemPrompt = text;
                        }
                    }
                }
                Divider {}
                ModelValueRow {
                    objectName: "temperatureRow"
                    settings: sheet.settings
                    value: ModelSettings.Temperature
                    title: qsTr("Temperature")
                    explanation: qsTr("0 always takes the likeliest word. Higher is more varied and less sure.")
                    generalValue: sheet.decimalText(sheet.general.temperature)
                    ValueSlider {
                        objectName: "temperatureSlider"
                        label: qsTr("Temperature")
                        from: 0
                        to: 2
                        stepSize: 0.05
                        value: sheet.settings.temperature
                        onMoved: value => sheet.settings.temperature = value
                    }
                }
                Divider {}
                ModelValueRow {
                    settings: sheet.settings
                    value: ModelSettings.TopP
                    title: qsTr("Top P")
                    explanation: qsTr("Chooses among the likeliest words that together reach this share. 1 is all of them.")
                    generalValue: sheet.decimalText(sheet.general.topP)
                    ValueSlider {
                        label: qsTr("Top P")
                        from: 0.05
                        to: 1
                        stepSize: 0.05
                        value: sheet.settings.topP
                        onMoved: value => sheet.settings.topP = value
                    }
                }
                Divider {}
                ModelValueRow {
                    settings: sheet.settings
                    value: ModelSettings.MinP
                    title: qsTr("Min P")
                    explanation: qsTr("Leaves out words less likely than this share of the likeliest.")
                    generalValue: sheet.decimalText(sheet.general.minP)
                    ValueSlider {
                        label: qsTr("Min P")
                        from: 0
                        to: 0.5
                        stepSize: 0.01
                        value: sheet.settings.minP
                        onMoved: value => sheet.settings.minP = value
                    }
                }
                Divider {}
                ModelValueRow {
                    objectName: "topKRow"
                    settings: sheet.settings
                    value: ModelSettings.TopK
                    title: qsTr("Top K")
                    explanation: qsTr("Chooses among this many of the likeliest words.")
                    generalValue: sheet.general.topK === 0 ? qsTr("Off") : String(sheet.general.topK)
                    SpinBox {
                        objectName: "topKBox"
                        label: qsTr("Top K")
                        from: 0
                        to: 1000
                        zeroText: qsTr("Off")
                        value: sheet.settings.topK
                        onValueModified: sheet.settings.topK = value
                    }
                }
                Divider {}
                ModelValueRow {
                    settings: sheet.settings
                    value: ModelSettings.RepeatPenalty
                    title: qsTr("Repetition penalty")
                    explanation: qsTr("Above 1, words that were just said become less likely.")
                    generalValue: sheet.decimalText(sheet.general.repeatPenalty)
                    ValueSlider {
                        label: qsTr("Repetition penalty")
                        from: 1
                        to: 2
                        stepSize: 0.05
                        value: sheet.settings.repeatPenalty
                        onMoved: value => sheet.settings.repeatPenalty = value
                    }
                }
                Divider {}
                ModelValueRow {
                    settings: sheet.settings
                    value: ModelSettings.MaxTokens
                    title: qsTr("Longest answer")
                    explanation: qsTr("In tokens; the answer stops there and can be continued.")
                    generalValue: sheet.general.maxTokens === 0 ? qsTr("No limit") : Theme.count(sheet.general.maxTokens)
                    SpinBox {
                        label: qsTr("Longest answer")
                        from: 0
                        to: 131072
                        stepSize: 128
                        zeroText: qsTr("No limit")
                        value: sheet.settings.maxTokens
                        onValueModified: sheet.settings.maxTokens = value
                    }
                }
            }
        }

        ColumnLayout {
            id: foot
            Layout.fillWidth: true
            spacing: 0

            Rectangle {
                Layout.fillWidth: true
                implicitHeight: 1
                color: Theme.border
            }
            RowLayout {
                Layout.fillWidth: true
                Layout.leftMargin: Theme.space4
                Layout.rightMargin: Theme.space4
                Layout.topMargin: Theme.space3
                Layout.bottomMargin: Theme.space3
                spacing: Theme.space2

                Button {
                    objectName: "followAllButton"
                    kind: Button.Quiet
                    text: qsTr("Use all general values")
                    enabled: sheet.settings.own.length > 0
                    onClicked: sheet.settings.followAll()
                }
                Label {
                    Layout.fillWidth: true
                    text: sheet.loaded && sheet.program.model.reloadNeeded ? qsTr("The context acts at the next load.") : ""
                    color: Theme.secondary
                    font.pixelSize: Theme.fontSmall
                    horizontalAlignment: Text.AlignRight
                }
                Button {
                    objectName: "reloadButton"
                    visible: sheet.loaded && sheet.program.model.reloadNeeded
                    text: qsTr("Reload now")
                    onClicked: sheet.program.model.load(sheet.settings.path)
                }
                Button {
                    objectName: "doneButton"
                    kind: Button.Primary
                    text: qsTr("Done")
                    onClicked: sheet.close()
                }
            }
        }
    }
}
