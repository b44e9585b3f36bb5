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
    required property string architecture
    required property string parametersText
    required property string quantization
    required property string sizeText
    required property bool inStore
    required property bool loaded
    required property bool damaged
    required property string problem
    property bool keyboardCurrent: false
    property bool loading: false
    property real progress: 0
    signal loadRequested
    signal unloadRequested
    signal removeRequested

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
                Label {
                    Layout.fillWidth: true
                    Layout.maximumWidth: implicitWidth + 1
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
            Label {
                Layout.fillWidth: true
                text: Theme.joined([card.architecture, card.parametersText, card.quantization, card.sizeText])
                color: Theme.secondary
            }
            Label {
                Layout.fillWidth: true
                visible: !card.inStore && !card.damaged
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
            ProgressLine {
                Layout.fillWidth: true
                Layout.topMargin: Theme.space1
                visible: card.loading
                value: card.progress
                Accessible.name: qsTr("Model loaded")
            }
        }
        Button {
            visible: !card.damaged
            enabled: !card.loading
            text: card.loaded ? qsTr("Unload") : card.loading ? qsTr("Loading\u2026") : qsTr("Load")
            Accessible.name: card.loaded ? qsTr("Unload %1").arg(card.name) : qsTr("Load %1").arg(card.name)
            onClicked: card.loaded ? card.unloadRequested() : card.loadRequested()
        }
        IconButton {
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
