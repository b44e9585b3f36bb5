import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// Every shortcut on one card.
T.Popup {
    id: overlay

    parent: T.Overlay.overlay
    x: parent ? Math.round((parent.width - width) / 2) : 0
    y: parent ? Math.max(16, Math.round((parent.height - height) / 2)) : 0
    width: parent ? Math.min(460, parent.width - 32) : 460
    implicitHeight: contentItem.implicitHeight + 2 * padding
    padding: width < 440 || parent && parent.height < 560 ? Theme.space3 : Theme.space5
    modal: true
    focus: true
    closePolicy: T.Popup.CloseOnEscape | T.Popup.CloseOnPressOutside

    T.Overlay.modal: Rectangle {
        color: Theme.scrim
    }
    background: FloatingSurface {
        radius: Theme.radiusComposer
    }

    contentItem: ColumnLayout {
        spacing: Theme.space1

        RowLayout {
            Layout.fillWidth: true
            Layout.bottomMargin: Theme.space2
            Text {
                Layout.fillWidth: true
                text: qsTr("Shortcuts")
                color: Theme.text
                font.pixelSize: Theme.fontHeading
                font.weight: Font.DemiBold
                Accessible.role: Accessible.Heading
                Accessible.name: text
            }
            IconButton {
                iconName: "close"
                text: qsTr("Close")
                onClicked: overlay.close()
            }
        }

        Repeater {
            model: [
                { keys: "Ctrl+N", text: qsTr("New chat") },
                { keys: "Ctrl+K", text: qsTr("Find a chat, a command or a model") },
                { keys: "Ctrl+F", text: qsTr("Search all chats") },
                { keys: "Ctrl+L", text: qsTr("Choose the model") },
                { keys: "Ctrl+B", text: qsTr("Show or hide the sidebar") },
                { keys: "Enter", text: qsTr("Send") },
                { keys: "Shift+Enter", text: qsTr("New line") },
                { keys: "Esc", text: qsTr("Stop the answer") },
                { keys: "\u2191", text: qsTr("Edit the last message (in an empty field)") },
                { keys: "Ctrl+Shift+C", text: qsTr("Copy the last answer") },
                { keys: "Ctrl+,", text: qsTr("Settings") },
                { keys: "F1", text: qsTr("This list") }
            ]

            RowLayout {
                id: line
                required property var modelData
                Layout.fillWidth: true
                implicitHeight: 26
                Accessible.role: Accessible.StaticText
                Accessible.name: modelData.text + ": " + modelData.keys

                Label {
                    Layout.fillWidth: true
                    text: line.modelData.text
                }
                Rectangle {
                    implicitWidth: key.implicitWidth + 14
                    implicitHeight: 22
                    radius: 5
                    color: Theme.sidebar
                    border.width: 1
                    border.color: Theme.border
                    Text {
                        id: key
                        anchors.centerIn: parent
                        text: line.modelData.keys
                        color: Theme.secondary
                        font.pixelSize: Theme.fontSmall
                    }
                }
            }
        }
    }
}
