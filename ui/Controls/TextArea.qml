import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

// Several lines of plain text in a frame; Tab leaves it.
T.TextArea {
    id: area

    implicitWidth: 240
    implicitHeight: Math.max(contentHeight + topPadding + bottomPadding, 84)
    leftPadding: 10
    rightPadding: 10
    topPadding: 8
    bottomPadding: 8
    font.pixelSize: Theme.fontBase
    color: Theme.text
    selectionColor: Theme.selection
    selectedTextColor: Theme.text
    placeholderTextColor: Theme.secondary
    selectByMouse: true
    wrapMode: TextEdit.Wrap
    textFormat: TextEdit.PlainText
    Accessible.role: Accessible.EditableText
    Accessible.name: placeholderText
    Accessible.multiLine: true
    Keys.onPressed: event => {
        if (event.key === Qt.Key_Tab || event.key === Qt.Key_Backtab) {
            const next = nextItemInFocusChain(event.key === Qt.Key_Tab);
            if (next)
                next.forceActiveFocus(event.key === Qt.Key_Tab ? Qt.TabFocusReason : Qt.BacktabFocusReason);
            event.accepted = true;
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: Theme.card
        border.width: area.activeFocus ? 2 : 1
        border.color: area.activeFocus ? Theme.accent : Theme.outline
    }

    Text {
        x: area.leftPadding
        y: area.topPadding
        width: area.width - area.leftPadding - area.rightPadding
        visible: area.length === 0 && area.preeditText.length === 0
        text: area.placeholderText
        font: area.font
        color: area.placeholderTextColor
        wrapMode: Text.Wrap
        textFormat: Text.PlainText
        Accessible.ignored: true
    }
}
