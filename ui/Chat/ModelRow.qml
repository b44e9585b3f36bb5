import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.Controls
import EdgeChat.Theme

// One model in the switcher: what it is, and what it takes to go on with it here.
T.ItemDelegate {
    id: entry

    required property int index
    required property string name
    required property string path
    required property string family
    required property string quantization
    required property string parametersText
    required property int context
    required property bool loaded
    required property bool damaged
    required property string switchCost
    required property string switchWarning
    property int loadedContext: 0 // tokens that the loaded model takes in
    property string device // that runs the loaded model

    readonly property string contextText: loaded && loadedContext > 0 && loadedContext < context
        ? qsTr("context %1 of %2").arg(Theme.count(loadedContext)).arg(Theme.count(context))
        : context > 0 ? qsTr("context %1").arg(Theme.count(context)) : ""
    readonly property string note: switchWarning.length > 0 ? switchWarning : switchCost.length > 0 ? switchCost
        : loaded ? device : ""

    implicitHeight: texts.implicitHeight + 2 * Theme.space2
    leftPadding: 10
    rightPadding: 10
    enabled: !damaged
    Accessible.role: Accessible.ListItem
    Accessible.name: loaded ? qsTr("%1, loaded").arg(name) : qsTr("Load %1").arg(name)
    Accessible.description: note
    Accessible.onPressAction: clicked()

    contentItem: RowLayout {
        spacing: Theme.space2

        ColumnLayout {
            id: texts
            Layout.fillWidth: true
            spacing: 1

            Label {
                Layout.fillWidth: true
                text: entry.name
                color: entry.enabled ? Theme.text : Theme.disabled
                font.weight: entry.loaded ? Font.DemiBold : Font.Normal
            }
            Label {
                Layout.fillWidth: true
                text: entry.damaged ? qsTr("damaged")
                    : Theme.joined([entry.family, entry.parametersText, entry.quantization, entry.contextText])
                color: entry.damaged ? Theme.danger : Theme.secondary
                font.pixelSize: Theme.fontSmall
            }
            Text {
                Layout.fillWidth: true
                visible: text.length > 0
                text: entry.note
                color: entry.switchWarning.length > 0 ? Theme.warning : Theme.secondary
                font.pixelSize: Theme.fontSmall
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
                Accessible.ignored: true
            }
        }
        Icon {
            Layout.alignment: Qt.AlignTop
            Layout.topMargin: 2
            visible: entry.loaded
            name: "check"
            size: Theme.iconSmall
            color: Theme.accent
        }
    }
    background: Rectangle {
        radius: Theme.radiusControl
        color: entry.highlighted ? Theme.hover : "transparent"
    }
}
