import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A column of settings that scrolls; a control that takes the keyboard comes into sight.
Flickable {
    id: view

    default property alias groups: column.data
    property int widest: Theme.measure - 80
    property int margin: Theme.space4

    clip: true
    contentHeight: column.implicitHeight + 2 * column.y
    boundsBehavior: Flickable.StopAtBounds
    T.ScrollBar.vertical: ScrollBar {}

    readonly property Item focused: view.Window.activeFocusItem
    onFocusedChanged: {
        let inside = focused;
        while (inside && inside !== column)
            inside = inside.parent;
        if (!inside)
            return;
        const top = focused.mapToItem(view.contentItem, 0, 0).y;
        if (top < contentY + 24)
            contentY = Math.max(0, top - 48);
        else if (top + focused.height > contentY + height - 24)
            contentY = Math.max(0, Math.min(contentHeight - height, top + focused.height - height + 48));
    }

    ColumnLayout {
        id: column
        x: Math.round((view.width - width) / 2)
        y: Theme.space5
        width: Math.min(view.widest, view.width - 2 * view.margin)
        spacing: Theme.space5
    }
}
