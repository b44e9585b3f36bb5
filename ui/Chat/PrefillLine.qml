import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// "reading 1,280 of 4,096 tokens, about 6 s", over a thin line.
ColumnLayout {
    id: line

    required property ChatSession chat
    readonly property bool known: chat.state === ChatSession.Prefilling && chat.prefillTotal > 0

    spacing: Theme.space2

    Label {
        Layout.fillWidth: true
        Layout.minimumHeight: Math.round(Theme.fontMessage * 1.5)
        color: Theme.secondary
        font.pixelSize: Theme.fontBase
        text: line.chat.state === ChatSession.Loading ? qsTr("waiting for the model")
            : line.chat.state === ChatSession.Stopping ? qsTr("stopping")
            : !line.known ? qsTr("reading")
            : line.chat.prefillSecondsLeft >= 1
                ? qsTr("reading %1 of %2 tokens, about %3 s").arg(Theme.count(line.chat.prefillDone))
                    .arg(Theme.count(line.chat.prefillTotal)).arg(Theme.count(line.chat.prefillSecondsLeft))
                : qsTr("reading %1 of %2 tokens").arg(Theme.count(line.chat.prefillDone)).arg(Theme.count(line.chat.prefillTotal))
    }
    ProgressLine {
        Layout.preferredWidth: Math.min(280, line.width)
        visible: line.known
        value: line.known ? line.chat.prefillDone / line.chat.prefillTotal : 0
        Accessible.name: qsTr("Prompt read")
    }
}
