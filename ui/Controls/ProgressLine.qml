import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

// A thin line that fills. It moves only when its value does.
T.ProgressBar {
    id: bar

    property color tint: Theme.accent

    implicitWidth: 160
    implicitHeight: 3
    Accessible.role: Accessible.ProgressBar
    Accessible.name: qsTr("Progress")

    background: Rectangle {
        radius: height / 2
        color: Theme.border
    }
    contentItem: Item {
        Rectangle {
            width: Math.round(bar.visualPosition * parent.width)
            height: parent.height
            radius: height / 2
            color: bar.tint
        }
    }
}
