import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// A full-width row that does something: in popups and at the foot of the sidebar.
T.ItemDelegate {
    id: row

    property string iconName
    property string hint
    property bool selected: false

    implicitWidth: 160
    implicitHeight: Theme.rowHeight
    leftPadding: 10
    rightPadding: 10
    focusPolicy: Qt.StrongFocus
    font.pixelSize: Theme.fontBase
    Accessible.role: Accessible.Button
    Accessible.name: text
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: RowLayout {
        spacing: 10
        Icon {
            visible: row.iconName.length > 0
            name: row.iconName
            size: Theme.iconSmall
            color: row.selected ? Theme.text : Theme.secondary
        }
        Label {
            Layout.fillWidth: true
            text: row.text
            font.weight: row.selected ? Font.DemiBold : Font.Normal
        }
        Label {
            visible: row.hint.length > 0
            text: row.hint
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
        }
    }
    background: Rectangle {
        radius: Theme.radiusControl
        color: row.selected ? Theme.selected : row.hovered || row.highlighted ? Theme.hover : "transparent"

        FocusRing {
            visible: row.visualFocus
            anchors.margins: 0
        }
    }
}
