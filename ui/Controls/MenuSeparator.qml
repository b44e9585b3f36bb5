import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

T.MenuSeparator {
    implicitWidth: 120
    implicitHeight: 9
    verticalPadding: 4
    contentItem: Rectangle {
        implicitHeight: 1
        color: Theme.border
    }
}
