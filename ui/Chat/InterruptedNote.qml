import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// Why an answer ends where it ends, and the way on.
RowLayout {
    id: note

    property int status: MessageList.Complete
    property bool canContinue: false
    signal continueRequested

    spacing: Theme.space3

    Icon {
        name: note.status === MessageList.Failed ? "warning" : "info"
        size: Theme.iconSmall
        color: note.status === MessageList.Failed ? Theme.danger : Theme.secondary
    }
    Text {
        Layout.fillWidth: true
        Layout.maximumWidth: Math.ceil(implicitWidth)
        color: Theme.secondary
        font.pixelSize: Theme.fontBase
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
        text: note.status === MessageList.Stopped ? qsTr("You stopped this answer.")
            : note.status === MessageList.Interrupted ? qsTr("This answer was cut off when the program ended.")
            : note.status === MessageList.Length ? qsTr("The answer reached the length set in the settings.")
            : note.status === MessageList.ContextFull ? qsTr("The model's memory for this chat is full.")
            : qsTr("This answer could not be finished.")
    }
    Button {
        id: button
        implicitHeight: 28
        visible: note.canContinue
        iconName: "play"
        text: qsTr("Continue")
        onClicked: note.continueRequested()
    }
    Item {
        Layout.fillWidth: true
    }
}
