import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// What a model's card holds back until it is asked for: names and values, and what was odd in the checkpoint.
ColumnLayout {
    id: details

    property var facts: [] // of { label, value }
    property var warnings: [] // of sentences

    spacing: Theme.space1

    Repeater {
        model: details.facts.filter(fact => fact.value.length > 0)

        RowLayout {
            required property var modelData
            Layout.fillWidth: true
            spacing: Theme.space3

            Text {
                Layout.alignment: Qt.AlignTop
                Layout.preferredWidth: Math.round(104 * Theme.textScale)
                text: parent.modelData.label
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
            Text {
                Layout.fillWidth: true
                text: parent.modelData.value
                color: Theme.text
                font.pixelSize: Theme.fontSmall
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
            }
        }
    }
    Repeater {
        model: details.warnings

        QuietNote {
            required property string modelData
            Layout.fillWidth: true
            Layout.topMargin: Theme.space1
            iconName: "warning"
            text: modelData
        }
    }
}
