import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

T.TextField {
    id: field

    signal cleared

    implicitWidth: 200
    implicitHeight: Theme.controlHeight
    leftPadding: Theme.iconSmall + 16
    rightPadding: length > 0 ? 32 : 10
    font.pixelSize: Theme.fontBase
    color: Theme.text
    placeholderTextColor: Theme.secondary
    selectionColor: Theme.selection
    selectedTextColor: Theme.text
    selectByMouse: true
    verticalAlignment: TextInput.AlignVCenter
    Accessible.role: Accessible.EditableText
    Accessible.name: placeholderText
    Accessible.searchEdit: true
    Keys.onEscapePressed: clearAll()

    function clearAll(): void {
        clear();
        cleared();
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: Theme.card
        border.width: field.activeFocus ? 2 : 1
        border.color: field.activeFocus ? Theme.accent : Theme.outline
    }

    Icon {
        x: 9
        anchors.verticalCenter: parent.verticalCenter
        name: "search"
        size: Theme.iconSmall
        color: Theme.secondary
    }

    Text {
        x: field.leftPadding
        width: field.width - field.leftPadding - field.rightPadding
        height: field.height
        visible: field.length === 0 && field.preeditText.length === 0
        text: field.placeholderText
        font: field.font
        color: field.placeholderTextColor
        elide: Text.ElideRight
        textFormat: Text.PlainText
        verticalAlignment: Text.AlignVCenter
        Accessible.ignored: true
    }

    IconButton {
        anchors.right: parent.right
        anchors.rightMargin: 4
        anchors.verticalCenter: parent.verticalCenter
        implicitHeight: 24
        visible: field.length > 0
        iconName: "close"
        iconSize: 14
        text: qsTr("Clear the search")
        onClicked: field.clearAll()
    }
}
