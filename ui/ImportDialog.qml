import QtQuick
import QtQuick.Dialogs
import EdgeChat

FileDialog {
    id: dialog

    signal chosen(file: url)

    objectName: "importDialog"
    title: qsTr("Choose a model file")
    fileMode: FileDialog.OpenFile
    currentFolder: Places.downloads
    nameFilters: [qsTr("Models (*.gguf *.safetensors config.json)"), qsTr("All files (*)")]
    onAccepted: chosen(selectedFile)
}
