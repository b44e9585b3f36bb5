import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

T.ToolTip {
    id: tip

    x: parent ? Math.round((parent.width - implicitWidth) / 2) : 0
    y: -implicitHeight - 4
    implicitWidth: Math.min(360, content.implicitWidth + leftPadding + rightPadding)
    implicitHeight: content.implicitHeight + topPadding + bottomPadding
    horizontalPadding: 8
    verticalPadding: 5
    margins: 6
    delay: 500
    closePolicy: T.Popup.CloseOnEscape | T.Popup.CloseOnPressOutsideParent | T.Popup.CloseOnReleaseOutsideParent

    contentItem: Text {
        id: content
        text: tip.text
        color: Theme.window
        font.pixelSize: Theme.fontSmall
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
    }

    background: Rectangle {
        color: Theme.dark ? "#E7E9EC" : "#1B1E23"
        radius: Theme.radiusControl
    }
}
