import QtQuick
import EdgeChat.App

// A setting of one model.
SettingRow {
    id: row

    required property ModelSettings settings
    required property int value // of ModelSettings.Value

    ofModel: true
    own: settings.own.indexOf(value) >= 0 // qmllint disable
    onResetRequested: settings.follow(value)
}
