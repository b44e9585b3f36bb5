import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// Where models come from, how fast, and with whose token.
SettingsGroup {
    id: group

    required property HubAccess hub

    readonly property bool kept: hub.tokenPlace === HubAccess.Keyring || hub.tokenPlace === HubAccess.File
    readonly property string tokenText: hub.tokenPlace === HubAccess.Keyring ? qsTr("Kept in the keyring.")
        : hub.tokenPlace === HubAccess.File ? qsTr("Kept in a file that only you can read.")
        : hub.tokenPlace === HubAccess.Environment ? qsTr("Given by the environment (HF_TOKEN, or the login of Hugging Face\u2019s tools). One that you set here is used instead.")
        : hub.tokenPlace === HubAccess.None ? qsTr("None. Models that ask for an account need one.") : qsTr("The keyring is asked\u2026")

    title: qsTr("Downloads")

    SettingRow {
        title: qsTr("Address of the Hub")
        explanation: qsTr("Where models are looked for and fetched. Empty is %1.").arg(group.hub.usualAddress)
        stacked: true

        ColumnLayout {
            Layout.fillWidth: true
            spacing: Theme.space2
            TextField {
                id: address
                objectName: "hubAddressField"
                Layout.fillWidth: true
                placeholderText: group.hub.usualAddress
                Accessible.name: qsTr("Address of the Hub")
                text: group.hub.address
                onEditingFinished: group.hub.setAddress(text)
            }
            Text {
                objectName: "hubAddressProblem"
                Layout.fillWidth: true
                visible: text.length > 0
                text: group.hub.addressProblem
                color: Theme.danger
                font.pixelSize: Theme.fontSmall
                lineHeight: 1.12
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
                Accessible.role: Accessible.AlertMessage
                Accessible.name: text
            }
            QuietNote {
                objectName: "mirrorNote"
                Layout.fillWidth: true
                visible: group.hub.mirror
                text: qsTr("%1 is a mirror. An access token belongs to one address: that of huggingface.co is not sent there, only one that you set while this address stands.").arg(group.hub.host)
            }
        }
    }
    Divider {}
    SettingRow {
        title: qsTr("Work offline")
        explanation: group.hub.alwaysOffline ? qsTr("HF_HUB_OFFLINE is set: no host is asked.") : qsTr("No host is asked. Downloads stop, and go on when this is switched off.")
        Switch {
            objectName: "offlineSwitch"
            text: qsTr("Work offline")
            enabled: !group.hub.alwaysOffline
            checked: group.hub.offline
            onToggled: group.hub.offline = checked
        }
    }
    Divider {}
    SettingRow {
        title: qsTr("Speed limit")
        explanation: qsTr("MB per second, of all downloads together.")
        SpinBox {
            objectName: "speedBox"
            label: qsTr("Speed limit in MB per second")
            from: 0
            to: 1000
            zeroText: qsTr("No limit")
            value: group.hub.megabytesPerSecond
            onValueModified: group.hub.megabytesPerSecond = value
        }
    }
    Divider {}
    SettingRow {
        title: qsTr("Access token for %1").arg(group.hub.host)
        explanation: group.tokenText
        stacked: true

        ColumnLayout {
            Layout.fillWidth: true
            spacing: Theme.space2
            RowLayout {
                Layout.fillWidth: true
                spacing: Theme.space2
                TextField {
                    id: token
                    objectName: "hubTokenField"
                    Layout.fillWidth: true
                    echoMode: TextInput.Password
                    inputMethodHints: Qt.ImhSensitiveData | Qt.ImhNoPredictiveText | Qt.ImhNoAutoUppercase
                    placeholderText: group.kept ? qsTr("Another token, hf_\u2026") : qsTr("hf_\u2026")
                    Accessible.name: qsTr("Access token for %1").arg(group.hub.host)
                    onAccepted: keep()
                    function keep(): void {
                        if (length > 0 && group.hub.setToken(text))
                            clear();
                    }
                }
                Button {
                    objectName: "setTokenButton"
                    text: group.kept ? qsTr("Replace") : qsTr("Set")
                    enabled: token.length > 0
                    Accessible.name: group.kept ? qsTr("Replace the access token") : qsTr("Set the access token")
                    onClicked: token.keep()
                }
                Button {
                    objectName: "removeTokenButton"
                    visible: group.kept
                    kind: Button.Danger
                    text: qsTr("Remove")
                    Accessible.name: qsTr("Remove the access token")
                    onClicked: group.hub.removeToken()
                }
            }
            Text {
                objectName: "hubTokenProblem"
                Layout.fillWidth: true
                visible: text.length > 0
                text: group.hub.tokenProblem
                color: Theme.danger
                font.pixelSize: Theme.fontSmall
                lineHeight: 1.12
                wrapMode: Text.Wrap
                textFormat: Text.PlainText
                Accessible.role: Accessible.AlertMessage
                Accessible.name: text
            }
        }
    }
}
