import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A prompt to begin with; it is put into the composer, where it can still be changed.
T.Button {
    id: card

    property string title
    property string prompt

    implicitHeight: content.implicitHeight + 2 * Theme.space3
    padding: Theme.space3
    leftPadding: Theme.space4
    rightPadding: Theme.space4
    focusPolicy: Qt.StrongFocus
    text: title
    Accessible.role: Accessible.Button
    Accessible.name: title
    Accessible.description: prompt
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Column {
        id: content
        spacing: 2
        Text {
            width: parent.width
            text: card.title
            color: Theme.text
            font.pixelSize: Theme.fontBase
            font.weight: Font.DemiBold
            elide: Text.ElideRight
            textFormat: Text.PlainText
        }
        Text {
            width: parent.width
            text: card.prompt
            color: Theme.secondary
            font.pixelSize: Theme.fontBase
            wrapMode: Text.Wrap
            maximumLineCount: 2
            elide: Text.ElideRight
            textFormat: Text.PlainText
        }
    }
    background: Rectangle {
        radius: Theme.radiusCard
        color: card.hovered || card.down ? Theme.hover : Theme.card
        border.width: 1
        border.color: Theme.border

        FocusRing {
            visible: card.visualFocus
            radius: parent.radius + 2
        }
    }
}
