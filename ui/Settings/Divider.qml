import QtQuick
import QtQuick.Layouts
import EdgeChat.Theme

Rectangle {
    Layout.fillWidth: true
    implicitHeight: 1
    color: Theme.border
}
