import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// The text of an earlier message, and the two ways out of it.
ColumnLayout {
    id: editor

    property string original
    signal accepted(text: string)
    signal cancelled

    spacing: Theme.space2

    function accept(): void {
        const text = area.text.trim();
        if (text.length > 0)
            accepted(text);
    }

    TextArea {
        id: area
        objectName: "messageEditor"
        Layout.fillWidth: true
        implicitHeight: contentHeight + topPadding + bottomPadding
        font.pixelSize: Theme.fontMessage
        text: editor.original
        placeholderText: qsTr("Your message")
        Accessible.name: qsTr("Edit the message")
        Keys.onEscapePressed: editor.cancelled()
        Keys.onReturnPressed: event => {
            if (event.modifiers & Qt.ShiftModifier)
                event.accepted = false;
            else
                editor.accept();
        }
        Component.onCompleted: {
            forceActiveFocus();
            cursorPosition = length;
        }
    }

    RowLayout {
        Layout.fillWidth: true
        spacing: Theme.space2

        Label {
            Layout.fillWidth: true
            text: qsTr("The answer that stands there is kept as a version.")
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
        }
        Button {
            text: qsTr("Cancel")
            kind: Button.Quiet
            onClicked: editor.cancelled()
        }
        Button {
            text: qsTr("Send")
            kind: Button.Primary
            enabled: area.text.trim().length > 0
            onClicked: editor.accept()
        }
    }
}
