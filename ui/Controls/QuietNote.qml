import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// A line that explains without asking for anything; it may offer one thing to do.
RowLayout {
    id: note

    property string text
    property string iconName: "info"
    property bool warning: false
    property int horizontalAlignment: Text.AlignLeft
    property string actionText
    property bool closable: false
    signal action
    signal closed

    spacing: Theme.space2
    Accessible.role: Accessible.StaticText
    Accessible.name: text

    Icon {
        Layout.alignment: Qt.AlignTop
        Layout.topMargin: 1
        name: note.iconName
        size: Theme.iconSmall
        color: note.warning ? Theme.warning : Theme.secondary
    }
    ColumnLayout {
        Layout.fillWidth: true
        spacing: Theme.space2

        Text {
            Layout.fillWidth: true
            text: note.text
            color: note.warning ? Theme.warning : Theme.secondary
            font.pixelSize: Theme.fontBase
            lineHeight: 1.12
            wrapMode: Text.Wrap
            horizontalAlignment: note.horizontalAlignment
            textFormat: Text.PlainText
            Accessible.ignored: true
        }
        Button {
            objectName: "noteAction"
            visible: note.actionText.length > 0
            text: note.actionText
            onClicked: note.action()
        }
    }
    IconButton {
        Layout.alignment: Qt.AlignTop
        Layout.topMargin: -Math.round((height - Theme.iconSmall) / 2) + 1
        Layout.bottomMargin: Layout.topMargin
        objectName: "closeNote"
        visible: note.closable
        iconName: "close"
        text: qsTr("Close")
        onClicked: note.closed()
    }
}
