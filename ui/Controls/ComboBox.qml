import QtQuick
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

T.ComboBox {
    id: control

    property string label
    // Indexes of entries that cannot be chosen: a click does nothing and keys pass over them.
    property var unavailable: []

    function isAvailable(index: int): bool {
        return unavailable.indexOf(index) < 0;
    }
    // What Return would take from the open list.
    function refuses(key: int): bool {
        return popup.visible && highlightedIndex !== currentIndex && !isAvailable(highlightedIndex)
            && (key === Qt.Key_Return || key === Qt.Key_Enter || key === Qt.Key_Space);
    }
    // Goes the way of an arrow key in the closed box.
    function step(by: int): void {
        let index = currentIndex + by;
        while (index >= 0 && index < count && !isAvailable(index))
            index += by;
        if (index >= 0 && index < count)
            activated(index);
    }

    Keys.onPressed: event => {
        if (unavailable.length === 0)
            return;
        const arrow = event.key === Qt.Key_Down || event.key === Qt.Key_Up;
        if (arrow && !popup.visible) {
            step(event.key === Qt.Key_Down ? 1 : -1);
            event.accepted = true;
        } else if (refuses(event.key)) {
            event.accepted = true;
        } else if (!arrow && event.text > " ") {
            event.accepted = true; // the search by letters knows nothing of this
        }
    }
    // The list is closed when the key is let go.
    Keys.onReleased: event => event.accepted = refuses(event.key)

    implicitWidth: 200
    implicitHeight: Theme.controlHeight
    leftPadding: 12
    rightPadding: 32
    font.pixelSize: Theme.fontBase
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.ComboBox
    Accessible.name: label
    Accessible.onPressAction: popup.open()

    contentItem: Text {
        text: control.displayText
        font: control.font
        color: control.enabled ? Theme.text : Theme.disabled
        elide: Text.ElideRight
        textFormat: Text.PlainText
        verticalAlignment: Text.AlignVCenter
    }
    indicator: Icon {
        x: control.width - width - 10
        y: Math.round((control.height - height) / 2)
        name: "chevron-down"
        size: Theme.iconSmall
        color: Theme.secondary
    }
    background: Rectangle {
        radius: Theme.radiusControl
        color: control.hovered ? Theme.hover : Theme.card
        border.width: 1
        border.color: Theme.outline

        FocusRing {
            visible: control.visualFocus
        }
    }

    delegate: T.ItemDelegate {
        id: option
        required property int index
        required property string modelData
        width: ListView.view ? ListView.view.width : 0
        implicitHeight: Theme.controlHeight
        leftPadding: 10
        rightPadding: 10
        highlighted: enabled && control.highlightedIndex === index
        enabled: control.isAvailable(index)
        text: modelData
        Accessible.role: Accessible.ListItem
        Accessible.name: text
        contentItem: Text {
            text: option.text
            font.pixelSize: Theme.fontBase
            font.weight: control.currentIndex === option.index ? Font.DemiBold : Font.Normal
            color: option.enabled ? Theme.text : Theme.disabled
            elide: Text.ElideRight
            verticalAlignment: Text.AlignVCenter
            textFormat: Text.PlainText
        }
        background: Rectangle {
            radius: Theme.radiusControl
            color: option.highlighted ? Theme.hover : "transparent"
        }
    }

    popup: T.Popup {
        y: control.height + 4
        width: control.width
        implicitHeight: Math.min(contentItem.implicitHeight + 10, 320)
        padding: 5
        margins: 6
        contentItem: ListView {
            clip: true
            implicitHeight: contentHeight
            model: control.popup.visible ? control.delegateModel : null
            currentIndex: control.highlightedIndex
            interactive: contentHeight > height
        }
        background: FloatingSurface {}
    }
}
