import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The model is being loaded, and how far.
ColumnLayout {
    id: card

    required property ModelHost model

    spacing: Theme.space3

    Text {
        Layout.fillWidth: true
        text: qsTr("Loading %1").arg(card.model.name)
        color: Theme.text
        font.pixelSize: Theme.fontHeading
        font.weight: Font.DemiBold
        horizontalAlignment: Text.AlignHCenter
        elide: Text.ElideMiddle
        textFormat: Text.PlainText
        Accessible.role: Accessible.Heading
        Accessible.name: text
    }
    ProgressLine {
        Layout.alignment: Qt.AlignHCenter
        Layout.preferredWidth: Math.min(320, card.width)
        implicitHeight: 4
        value: card.model.progress
        Accessible.name: qsTr("Model loaded")
    }
    Text {
        Layout.fillWidth: true
        text: qsTr("%1 %  \u00B7  you can write already").arg(Math.round(card.model.progress * 100))
        color: Theme.secondary
        font.pixelSize: Theme.fontBase
        horizontalAlignment: Text.AlignHCenter
        textFormat: Text.PlainText
    }
}
