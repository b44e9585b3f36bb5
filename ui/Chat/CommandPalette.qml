import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Chat
import EdgeChat.Controls
import EdgeChat.Theme

// Chats, commands and models in one list, found by typing.
T.Popup {
    id: commandPalette

    required property Program program
    property var commands: [] // of Action
    signal conversationOpened

    parent: T.Overlay.overlay
    x: parent ? Math.round((parent.width - width) / 2) : 0
    y: parent ? Math.max(24, Math.round(parent.height * 0.14)) : 0
    width: parent ? Math.min(560, parent.width - 32) : 560
    height: Math.min(parent ? parent.height - y - 40 : 420, Theme.controlHeight + 6 + Math.max(1, results.count) * Theme.rowHeight + 3 * Theme.space2, Math.round(420 * Theme.textScale))
    padding: Theme.space2
    modal: true
    focus: true
    closePolicy: T.Popup.CloseOnEscape | T.Popup.CloseOnPressOutside
    onAboutToShow: {
        field.clear();
        results.refresh();
        list.currentIndex = 0;
        field.forceActiveFocus();
    }

    function run(row: int): void {
        const kind = results.kindAt(row);
        const target = results.targetAt(row);
        if (kind < 0)
            return;
        close();
        if (kind === PaletteModel.Command) {
            commands[target].trigger();
        } else if (kind === PaletteModel.Model) {
            program.model.load(target);
        } else {
            program.openConversation(target);
            conversationOpened();
        }
    }

    PaletteModel {
        id: results
        filter: field.text
        commands: commandPalette.commands // qmllint disable
        conversations: commandPalette.program.conversations
        models: commandPalette.program.library
        onFilterChanged: list.currentIndex = 0
    }

    T.Overlay.modal: Rectangle {
        color: Theme.scrim
    }

    background: FloatingSurface {
        radius: Theme.radiusComposer
    }

    enter: Transition {
        NumberAnimation { property: "opacity"; from: 0; to: 1; duration: Theme.motion }
    }
    exit: Transition {
        NumberAnimation { property: "opacity"; from: 1; to: 0; duration: Theme.motion }
    }

    contentItem: ColumnLayout {
        spacing: Theme.space2

        SearchField {
            id: field
            objectName: "paletteField"
            Layout.fillWidth: true
            implicitHeight: Theme.controlHeight + 6
            font.pixelSize: Theme.fontMessage
            placeholderText: qsTr("Find a chat, a command or a model")
            Keys.onEscapePressed: commandPalette.close()
            Keys.onDownPressed: list.incrementCurrentIndex()
            Keys.onUpPressed: list.decrementCurrentIndex()
            Keys.onReturnPressed: commandPalette.run(list.currentIndex)
            Keys.onEnterPressed: commandPalette.run(list.currentIndex)
        }

        ListView {
            id: list
            objectName: "paletteList"
            Layout.fillWidth: true
            Layout.fillHeight: true
            implicitHeight: Math.max(1, count) * Theme.rowHeight
            clip: true
            model: results
            boundsBehavior: Flickable.StopAtBounds
            highlightMoveDuration: 0
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Results")

            T.ScrollBar.vertical: ScrollBar {}

            delegate: T.ItemDelegate {
                id: entry

                required property int index
                required property int kind
                required property string title
                required property string detail

                width: ListView.view.width
                implicitHeight: Theme.rowHeight
                leftPadding: 10
                rightPadding: 12
                focusPolicy: Qt.NoFocus
                Accessible.role: Accessible.ListItem
                Accessible.name: title
                Accessible.onPressAction: clicked()
                onClicked: commandPalette.run(index)

                contentItem: RowLayout {
                    spacing: 10
                    Icon {
                        name: entry.kind === PaletteModel.Command ? "chevron-right" : entry.kind === PaletteModel.Model ? "model" : "chat"
                        size: Theme.iconSmall
                        color: Theme.secondary
                    }
                    Label {
                        Layout.fillWidth: true
                        text: entry.title
                    }
                    Label {
                        text: entry.detail
                        color: Theme.secondary
                        font.pixelSize: Theme.fontSmall
                    }
                }
                background: Rectangle {
                    radius: Theme.radiusControl
                    color: entry.ListView.isCurrentItem ? Theme.selected : entry.hovered ? Theme.hover : "transparent"
                }
            }

            Text {
                x: 10
                height: Theme.rowHeight
                visible: list.count === 0
                text: qsTr("Nothing was found.")
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                verticalAlignment: Text.AlignVCenter
            }
        }
    }
}
