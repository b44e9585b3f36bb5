import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

// A button on the toast's dark (or, in a dark window, light) ground.
T.Button {
    id: button

    implicitWidth: implicitContentWidth + leftPadding + rightPadding
    implicitHeight: 30
    leftPadding: 10
    rightPadding: 10
    font.pixelSize: Theme.fontBase
    font.weight: Font.DemiBold
    Accessible.role: Accessible.Button
    Accessible.name: text
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Text {
        text: button.text
        font: button.font
        color: Theme.dark ? "#1D55D0" : "#9DC0FF"
        verticalAlignment: Text.AlignVCenter
        horizontalAlignment: Text.AlignHCenter
    }
    background: Rectangle {
        radius: Theme.radiusControl
        color: button.hovered || button.down ? (Theme.dark ? "#D3D7DC" : "#343941") : "transparent"
        FocusRing {
            visible: button.visualFocus
        }
    }
}
