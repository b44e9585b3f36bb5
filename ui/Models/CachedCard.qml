import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// A model that another program has fetched: it runs where it is, or becomes one of EdgeChat's.
Card {
    id: card

    required property string name
    required property string repository
    required property string path
    required property string family
    required property string parametersText
    required property string quantization
    required property string sizeText
    required property bool complete
    required property string problem
    signal loadRequested
    signal addRequested
    signal getRequested

    implicitHeight: row.implicitHeight + 2 * Theme.space4
    Accessible.role: Accessible.ListItem
    Accessible.name: complete ? name : qsTr("%1, not complete").arg(name)

    RowLayout {
        id: row
        x: Theme.space4
        y: Theme.space4
        width: card.width - 2 * Theme.space4
        spacing: Theme.space3

        ColumnLayout {
            Layout.fillWidth: true
            spacing: 2
            Label {
                Layout.fillWidth: true
                text: card.name
                font.pixelSize: Theme.fontMessage
                font.weight: Font.DemiBold
            }
            Text {
                Layout.fillWidth: true
                text: Theme.joined([card.family, card.parametersText, card.quantization, card.sizeText, card.repository])
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                visible: !card.complete
                text: card.problem
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
        }
        Button {
            Layout.alignment: Qt.AlignTop
            objectName: "cachedLoadButton"
            visible: card.complete
            text: qsTr("Load")
            Accessible.name: qsTr("Load %1 where it is").arg(card.name)
            onClicked: card.loadRequested()
        }
        Button {
            Layout.alignment: Qt.AlignTop
            objectName: "cachedAddButton"
            kind: Button.Quiet
            visible: card.complete
            text: qsTr("Add")
            Accessible.name: qsTr("Add %1 to EdgeChat").arg(card.name)
            onClicked: card.addRequested()
        }
        Button {
            Layout.alignment: Qt.AlignTop
            objectName: "cachedGetButton"
            visible: !card.complete
            iconName: "import"
            text: qsTr("Get")
            Accessible.name: qsTr("Get %1").arg(card.name)
            onClicked: card.getRequested()
        }
    }
}
