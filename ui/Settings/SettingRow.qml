import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// One setting: its name and a short explanation at the left, its control at the right, or below in a narrow window.
Item {
    id: row

    property string title
    property string explanation
    property bool stacked: width < 460
    // A value that one model can have of its own says whose it is, and how it becomes the general one again.
    property bool ofModel: false
    property bool own: false
    property string generalValue // in words
    default property alias control: holder.data
    signal resetRequested

    Layout.fillWidth: true
    implicitHeight: grid.implicitHeight + 2 * Theme.space3

    GridLayout {
        id: grid
        y: Theme.space3
        width: parent.width
        columns: row.stacked ? 1 : 2
        columnSpacing: Theme.space5
        rowSpacing: Theme.space2

        ColumnLayout {
            Layout.fillWidth: true
            spacing: 2
            RowLayout {
                Layout.fillWidth: true
                spacing: Theme.space2
                Text {
                    Layout.fillWidth: true
                    Layout.maximumWidth: Math.ceil(implicitWidth)
                    text: row.title
                    color: Theme.text
                    font.pixelSize: Theme.fontBase
                    font.weight: Font.Medium
                    wrapMode: Text.Wrap
                }
                Rectangle {
                    visible: row.ofModel
                    implicitWidth: markText.implicitWidth + (row.own ? 12 : 0)
                    implicitHeight: markText.implicitHeight + 2
                    radius: height / 2
                    color: row.own ? Theme.selected : "transparent"
                    Text {
                        id: markText
                        anchors.centerIn: parent
                        text: row.own ? qsTr("own") : qsTr("general")
                        color: row.own ? Theme.text : Theme.secondary
                        font.pixelSize: Theme.fontSmall - 1
                        font.weight: row.own ? Font.DemiBold : Font.Normal
                        Accessible.role: Accessible.StaticText
                        Accessible.name: row.own ? qsTr("%1 is this model's own").arg(row.title) : qsTr("%1 is the general value").arg(row.title)
                    }
                }
                Item { Layout.fillWidth: true }
            }
            Text {
                Layout.fillWidth: true
                visible: text.length > 0
                text: row.explanation
                color: Theme.secondary
                font.pixelSize: Theme.fontSmall
                lineHeight: 1.12
                wrapMode: Text.Wrap
            }
        }
        RowLayout {
            Layout.fillWidth: row.stacked
            Layout.alignment: row.stacked ? Qt.AlignLeft : Qt.AlignRight | Qt.AlignVCenter
            spacing: Theme.space1

            RowLayout {
                id: holder
                Layout.fillWidth: row.stacked
                spacing: Theme.space2
            }
            // Its place is kept, so that nothing moves when the value becomes an own one.
            IconButton {
                Layout.alignment: Qt.AlignTop
                objectName: "resetButton"
                visible: row.ofModel
                enabled: row.own
                opacity: row.own ? 1 : 0
                iconName: "undo"
                text: row.generalValue.length > 0 ? qsTr("Use the general value of %1: %2").arg(row.title).arg(row.generalValue)
                    : qsTr("Use the general value of %1").arg(row.title)
                onClicked: row.resetRequested()
            }
        }
    }
}
