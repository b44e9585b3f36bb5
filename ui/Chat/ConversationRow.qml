import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A conversation in the sidebar: its title, the place a search found, and rename and delete.
T.ItemDelegate {
    id: row

    required property int index
    required property var conversationId // qint64
    required property string title
    required property string snippet
    required property bool current
    property bool keyboardCurrent: false
    property bool editing: false
    signal opened
    signal renamed(title: string)
    signal removed

    implicitHeight: snippet.length > 0 && !editing ? Theme.rowHeight + snippetText.implicitHeight + 4 : Theme.rowHeight
    leftPadding: 10
    rightPadding: 4
    focusPolicy: Qt.NoFocus
    Accessible.role: Accessible.ListItem
    Accessible.name: title
    Accessible.description: snippetText.text
    Accessible.selected: current
    Accessible.onPressAction: clicked()
    onClicked: opened()
    onDoubleClicked: startRename()

    function startRename(): void {
        editing = true;
        field.text = title;
        field.forceActiveFocus();
        field.selectAll();
    }

    contentItem: Item {
        RowLayout {
            id: line
            width: parent.width
            height: Theme.rowHeight
            spacing: 0
            y: -row.topPadding

            Label {
                Layout.fillWidth: true
                visible: !row.editing
                text: row.title
                font.weight: row.current ? Font.DemiBold : Font.Normal
            }
            TextField {
                id: field
                Layout.fillWidth: true
                Layout.leftMargin: -7
                implicitHeight: Theme.rowHeight - 4
                leftPadding: 7
                visible: row.editing
                placeholderText: qsTr("Title of the conversation")
                onEditingFinished: {
                    if (row.editing && text.trim().length > 0 && text.trim() !== row.title)
                        row.renamed(text.trim());
                    row.editing = false;
                }
                Keys.onEscapePressed: row.editing = false
            }
            IconButton {
                implicitHeight: 26
                visible: !row.editing && (row.hovered || row.keyboardCurrent || activeFocus)
                focusPolicy: Qt.NoFocus
                iconName: "edit"
                text: qsTr("Rename")
                hint: "F2"
                onClicked: row.startRename()
            }
            IconButton {
                implicitHeight: 26
                visible: !row.editing && (row.hovered || row.keyboardCurrent || activeFocus)
                focusPolicy: Qt.NoFocus
                iconName: "trash"
                text: qsTr("Delete")
                hint: qsTr("Del")
                onClicked: row.removed()
            }
        }
        Text {
            id: snippetText
            y: line.y + line.height - 6
            width: parent.width - 6
            visible: row.snippet.length > 0 && !row.editing
            // The hit stands between two invisible characters, U+2068 and U+2069.
            text: row.snippet.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/\n/g, " ")
                .replace(/\u2068/g, "<b>").replace(/\u2069/g, "</b>")
            textFormat: Text.StyledText
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
            wrapMode: Text.Wrap
            maximumLineCount: 2
            elide: Text.ElideRight
            Accessible.ignored: true
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: row.current ? Theme.selected : row.hovered ? Theme.hover : "transparent"

        FocusRing {
            anchors.margins: 0
            visible: row.keyboardCurrent
        }
    }
}
