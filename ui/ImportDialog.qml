import QtQuick
import QtQuick.Dialogs

FileDialog {
    id: dialog

    signal chosen(file: url)

    title: qsTr("Choose a model file")
    fileMode: FileDialog.OpenFile
    nameFilters: [qsTr("Models (*.gguf)"), qsTr("All files (*)")]
    onAccepted: chosen(selectedFile)
}
