import QtQuick
import QtQuick.Layouts
import EdgeChat.Controls
import EdgeChat.Theme

// What can be done with a message, and in small type what it took.
RowLayout {
    id: actions

    property bool fromUser: false
    property bool busy: false
    property int versionIndex: 1
    property int versionCount: 1
    property string figures
    readonly property bool childFocus: copyButton.activeFocus || editButton.activeFocus || againButton.activeFocus
        || previousButton.activeFocus || nextButton.activeFocus
    signal copyRequested
    signal editRequested
    signal regenerateRequested
    signal stepRequested(step: int)

    spacing: 0
    implicitHeight: 28
    Behavior on opacity { NumberAnimation { duration: Theme.motion } }

    Item {
        Layout.fillWidth: actions.fromUser
        implicitWidth: actions.fromUser ? 0 : 1
        Layout.maximumWidth: actions.fromUser ? 10000 : 0
    }
    IconButton {
        id: previousButton
        implicitHeight: 28
        implicitWidth: 24
        visible: actions.versionCount > 1
        enabled: actions.versionIndex > 1 && !actions.busy
        iconName: "chevron-left"
        text: qsTr("Previous version")
        onClicked: actions.stepRequested(-1)
    }
    Text {
        visible: actions.versionCount > 1
        text: qsTr("%1/%2").arg(actions.versionIndex).arg(actions.versionCount)
        color: Theme.secondary
        font.pixelSize: Theme.fontSmall
        Accessible.role: Accessible.StaticText
        Accessible.name: qsTr("Version %1 of %2").arg(actions.versionIndex).arg(actions.versionCount)
    }
    IconButton {
        id: nextButton
        implicitHeight: 28
        implicitWidth: 24
        visible: actions.versionCount > 1
        enabled: actions.versionIndex < actions.versionCount && !actions.busy
        iconName: "chevron-right"
        text: qsTr("Next version")
        onClicked: actions.stepRequested(1)
    }
    IconButton {
        id: copyButton
        Layout.leftMargin: actions.fromUser || actions.versionCount > 1 ? 0 : -6
        implicitHeight: 28
        iconName: copied.running ? "check" : "copy"
        text: copied.running ? qsTr("Copied") : qsTr("Copy the message as Markdown")
        onClicked: {
            actions.copyRequested();
            copied.restart();
        }
        Timer {
            id: copied
            interval: 1500
        }
    }
    IconButton {
        id: editButton
        implicitHeight: 28
        visible: actions.fromUser
        enabled: !actions.busy
        iconName: "edit"
        text: qsTr("Edit the message")
        onClicked: actions.editRequested()
    }
    IconButton {
        id: againButton
        implicitHeight: 28
        visible: !actions.fromUser
        enabled: !actions.busy
        iconName: "refresh"
        text: qsTr("Answer again")
        onClicked: actions.regenerateRequested()
    }
    Label {
        Layout.fillWidth: !actions.fromUser
        Layout.leftMargin: Theme.space2
        visible: text.length > 0
        text: actions.figures
        color: Theme.secondary
        font.pixelSize: Theme.fontSmall
    }
}
