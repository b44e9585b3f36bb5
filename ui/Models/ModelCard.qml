import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// One model: what it is, how large, where it stands, and what can be done with it.
Card {
    id: card

    required property int index
    required property string name
    required property string path
    required property string title
    required property string family
    required property string parametersText
    required property string quantization
    required property string sizeText
    required property bool inStore
    required property bool loaded
    required property bool damaged
    required property string problem
    required property int context
    required property int fileCount
    required property var warnings // list of sentences
    required property string switchCost
    required property bool ownSettings
    required property string repository
    required property string origin
    required property string licence
    required property string lastUsed
    required property string verified
    required property bool canRepair
    property string verifying: "" // name of the model that is being checked, of all of them
    property real verifyProgress: 0
    property bool coming: false // its repair is on its way
    property bool editing: false
    property real expectedBytes: 0 // of the loaded model, before it was loaded
    property real takenBytes: 0 // by which the program has grown since
    property int loadedContext: 0 // tokens that the loaded model takes in
    property bool open: false
    property bool keyboardCurrent: false
    readonly property bool busy: verifying.length > 0 && verifying === name
    property bool loading: false
    property real progress: 0
    signal loadRequested
    signal unloadRequested
    signal removeRequested
    signal settingsRequested
    signal renameRequested(newName: string)
    signal verifyRequested
    signal verifyCancelled
    signal repairRequested

    function startRename(): void {
        editing = true;
        field.text = name;
        field.forceActiveFocus();
        field.selectAll();
    }

    implicitHeight: row.implicitHeight + 2 * Theme.space4
    border.color: loaded ? Theme.accent : Theme.border
    Accessible.role: Accessible.ListItem
    Accessible.name: loaded ? qsTr("%1, loaded").arg(name) : damaged ? qsTr("%1, damaged").arg(name) : name

    RowLayout {
        id: row
        x: Theme.space4
        y: Theme.space4
        width: card.width - 2 * Theme.space4
        spacing: Theme.space3

        Icon {
            Layout.alignment: Qt.AlignTop
            Layout.topMargin: 1
            name: card.damaged ? "warning" : "model"
            size: Theme.iconNormal
            color: card.damaged ? Theme.danger : card.loaded ? Theme.accent : Theme.secondary
        }
        ColumnLayout {
            Layout.fillWidth: true
            spacing: 2

            RowLayout {
                Layout.fillWidth: true
                spacing: Theme.space2
                TextField {
                    id: field
                    objectName: "nameField"
                    Layout.fillWidth: true
                    visible: card.editing
                    placeholderText: qsTr("Name of the model")
                    onEditingFinished: {
                        if (card.editing && text.trim().length > 0 && text.trim() !== card.name)
                            card.renameRequested(text.trim());
                        card.editing = false;
                    }
                    Keys.onEscapePressed: card.editing = false
                }
                Label {
                    Layout.fillWidth: true
                    Layout.maximumWidth: implicitWidth + 1
                    visible: !card.editing
                    text: card.name
                    font.pixelSize: Theme.fontMessage
                    font.weight: Font.DemiBold
                }
                Rectangle {
                    visible: card.loaded
                    implicitWidth: loadedText.implicitWidth + 12
                    implicitHeight: loadedText.implicitHeight + 4
                    radius: height / 2
                    color: Theme.selected
                    Text {
                        id: loadedText
                        anchors.centerIn: parent
                        text: qsTr("loaded")
                        color: Theme.text
                        font.pixelSize: Theme.fontSmall - 1
                        font.weight: Font.DemiBold
                    }
                }
                Item { Layout.fillWidth: true }
            }
            Text {
                Layout.fillWidth: true
                text: Theme.joined([card.family, card.parametersText, card.quantization, card.sizeText, card.context > 0 ? qsTr("context\u00A0%1").arg(Theme.count(card.context)) : ""])
                visible: text.length > 0
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Label {
                Layout.fillWidth: true
                visible: !card.inStore && !card.damaged && !card.open
                text: card.path
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall
                elide: Text.ElideMiddle
            }
            Text {
                Layout.fillWidth: true
                visible: card.damaged
                text: card.problem
                color: Theme.danger
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                visible: card.damaged && card.inStore
                text: card.canRepair ? qsTr("Repairing fetches what is wrong from %1 again.").arg(card.origin)
                    : qsTr("Remove it, and add or get it again.")
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            ModelDetails {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space2
                visible: card.open
                warnings: card.warnings
                facts: [
                    { label: qsTr("Calls itself"), value: card.title },
                    { label: qsTr("Context"), value: card.context === 0 ? "" : card.loaded && card.loadedContext > 0
                        ? qsTr("%1 tokens loaded, trained for %2").arg(Theme.count(card.loadedContext)).arg(Theme.count(card.context))
                        : qsTr("trained for %1 tokens").arg(Theme.count(card.context)) },
                    { label: qsTr("Memory"), value: card.loaded && card.expectedBytes > 0 && card.takenBytes > 0
                        ? qsTr("%1 expected, %2 taken so far").arg(Theme.bytes(card.expectedBytes)).arg(Theme.bytes(card.takenBytes)) : "" },
                    { label: qsTr("On the disk"), value: card.fileCount > 1 ? qsTr("%1 in %2 files").arg(card.sizeText).arg(card.fileCount) : card.sizeText },
                    { label: qsTr("Place"), value: card.path },
                    { label: qsTr("From"), value: card.origin },
                    { label: qsTr("Licence"), value: card.licence },
                    { label: qsTr("Last used"), value: card.lastUsed },
                    { label: qsTr("Checked"), value: card.verified.length > 0 ? qsTr("%1: every byte is as it was added").arg(card.verified) : "" },
                    { label: qsTr("To load it"), value: card.switchCost }
                ]
            }
            RowLayout {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space1
                visible: card.open && card.inStore && !card.busy
                spacing: Theme.space2
                Button {
                    objectName: "renameButton"
                    kind: Button.Quiet
                    leftPadding: 0
                    enabled: !card.loaded && !card.loading
                    text: qsTr("Rename\u2026")
                    Accessible.name: qsTr("Rename %1").arg(card.name)
                    onClicked: card.startRename()
                }
                Button {
                    objectName: "verifyButton"
                    kind: Button.Quiet
                    enabled: card.verifying.length === 0
                    text: qsTr("Check every byte")
                    Accessible.name: qsTr("Check every byte of %1").arg(card.name)
                    onClicked: card.verifyRequested()
                }
            }
            RowLayout {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space1
                visible: card.busy
                spacing: Theme.space3
                Text {
                    text: qsTr("Checking")
                    color: Theme.secondary
                    font.pixelSize: Theme.fontSmall
                    textFormat: Text.PlainText
                }
                ProgressLine {
                    Layout.fillWidth: true
                    value: card.verifyProgress
                    Accessible.name: qsTr("Bytes of the model checked")
                }
                Button {
                    text: qsTr("Cancel")
                    onClicked: card.verifyCancelled()
                }
            }
            ProgressLine {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space1
                visible: card.loading
                value: card.progress
                Accessible.name: qsTr("Model loaded")
            }
        }
        Button {
            Layout.alignment: Qt.AlignTop
            objectName: "repairButton"
            visible: card.damaged && card.canRepair
            enabled: !card.coming
            text: card.coming ? qsTr("Coming\u2026") : qsTr("Repair")
            Accessible.name: qsTr("Repair %1").arg(card.name)
            onClicked: card.repairRequested()
        }
        Button {
            Layout.alignment: Qt.AlignTop
            visible: !card.damaged
            enabled: !card.loading
            text: card.loaded ? qsTr("Unload") : card.loading ? qsTr("Loading\u2026") : qsTr("Load")
            Accessible.name: card.loaded ? qsTr("Unload %1").arg(card.name) : qsTr("Load %1").arg(card.name)
            onClicked: card.loaded ? card.unloadRequested() : card.loadRequested()
        }
        IconButton {
            Layout.alignment: Qt.AlignTop
            objectName: "detailsButton"
            visible: !card.damaged
            iconName: card.open ? "chevron-up" : "chevron-down"
            ink: card.warnings.length > 0 && !card.open ? Theme.warning : Theme.secondary
            text: card.open ? qsTr("Hide the details of %1").arg(card.name)
                : card.warnings.length > 0 ? qsTr("Details of %1, with %2").arg(card.name).arg(card.warnings.length === 1 ? qsTr("a note") : qsTr("%1 notes").arg(card.warnings.length))
                : qsTr("Details of %1").arg(card.name)
            onClicked: card.open = !card.open
        }
        IconButton {
            Layout.alignment: Qt.AlignTop
            objectName: "modelSettingsButton"
            visible: !card.damaged
            iconName: "settings"
            ink: card.ownSettings ? Theme.accent : Theme.secondary
            text: card.ownSettings ? qsTr("Settings of %1, some of its own").arg(card.name) : qsTr("Settings of %1").arg(card.name)
            onClicked: card.settingsRequested()
        }
        IconButton {
            Layout.alignment: Qt.AlignTop
            enabled: !card.loaded && !card.loading
            iconName: "trash"
            text: card.inStore ? qsTr("Remove %1").arg(card.name) : qsTr("Take %1 off this list").arg(card.name)
            onClicked: card.removeRequested()
        }
    }

    FocusRing {
        visible: card.keyboardCurrent
        radius: card.radius + 2
    }
}
