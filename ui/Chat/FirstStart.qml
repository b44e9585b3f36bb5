import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// Nothing is loaded: one card that leads to a running model.
Card {
    id: card

    required property Program program
    property bool tight: false // little height: the mark stays away
    readonly property bool installed: program.library.count > 0
    signal importRequested
    signal importFolderRequested
    signal modelsPageRequested
    signal switcherRequested

    implicitHeight: column.implicitHeight + 2 * Theme.space5

    ColumnLayout {
        id: column
        x: Theme.space5
        y: Theme.space5
        width: card.width - 2 * Theme.space5
        spacing: Theme.space3

        Image {
            visible: !card.tight
            source: "qrc:/edgechat/icons/edgechat.svg"
            sourceSize.width: 40
            sourceSize.height: 40
        }
        Text {
            Layout.fillWidth: true
            text: card.installed ? qsTr("Choose a model to chat with") : qsTr("Chat with a model on this machine")
            color: Theme.text
            font.pixelSize: Theme.fontTitle
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
            textFormat: Text.PlainText
            Accessible.role: Accessible.Heading
            Accessible.name: text
        }
        Text {
            Layout.fillWidth: true
            text: card.installed
                ? qsTr("No model is loaded. Pick one of those that are installed; it stays in memory until you unload it.")
                : qsTr("EdgeChat needs a model. Get one that fits this machine, or drag a file that ends in .gguf, or a Hugging Face folder with .safetensors files, onto this window. Nothing you write leaves this machine.")
            color: Theme.secondary
            font.pixelSize: Theme.fontBase
            lineHeight: 1.12
            wrapMode: Text.Wrap
            textFormat: Text.PlainText
        }
        Flow {
            Layout.fillWidth: true
            Layout.topMargin: Theme.space1
            spacing: Theme.space2

            Button {
                visible: card.installed
                kind: Button.Primary
                text: qsTr("Choose a model")
                iconName: "model"
                onClicked: card.switcherRequested()
            }
            Button {
                objectName: "getModelButton"
                visible: !card.installed
                kind: Button.Primary
                text: qsTr("Get a model\u2026")
                iconName: "model"
                onClicked: card.modelsPageRequested()
            }
            Button {
                text: card.program.library.importing ? qsTr("Checking the file\u2026") : qsTr("Choose a file\u2026")
                enabled: !card.program.library.importing
                iconName: "import"
                onClicked: card.importRequested()
            }
            Button {
                text: qsTr("Choose a folder\u2026")
                visible: !card.program.library.importing
                iconName: "folder"
                onClicked: card.importFolderRequested()
            }
        }
    }
}
