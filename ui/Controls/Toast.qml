import QtQuick
import EdgeChat.Theme

// A short note at the foot of the window, with one thing that can still be undone.
Item {
    id: toast

    property string text
    property string actionText: qsTr("Undo")
    property bool shown: false
    property int lifetime: 8000 // ms
    signal action
    signal expired

    implicitWidth: Math.min(440, row.implicitWidth + Theme.space4 + Theme.space2)
    implicitHeight: 44
    visible: opacity > 0
    opacity: shown ? 1 : 0
    Accessible.role: Accessible.AlertMessage
    Accessible.name: text
    Behavior on opacity { NumberAnimation { duration: Theme.motion } }

    Timer {
        running: toast.shown && !hover.hovered && !undo.activeFocus
        interval: toast.lifetime
        onTriggered: toast.expired()
    }

    HoverHandler { id: hover }

    FloatingSurface {
        anchors.fill: parent
        color: Theme.dark ? "#E7E9EC" : "#1B1E23"
    }

    Row {
        id: row
        x: Theme.space4
        height: parent.height
        spacing: Theme.space3

        Text {
            anchors.verticalCenter: parent.verticalCenter
            width: Math.min(implicitWidth, 300)
            text: toast.text
            color: Theme.dark ? "#1B1E23" : "#FFFFFF"
            font.pixelSize: Theme.fontBase
            elide: Text.ElideRight
            textFormat: Text.PlainText
        }
        ToastButton {
            id: undo
            objectName: "toastAction"
            anchors.verticalCenter: parent.verticalCenter
            visible: toast.actionText.length > 0
            text: toast.actionText
            onClicked: toast.action()
        }
    }
}
