import QtQuick
import QtQuick.Dialogs
import EdgeChat

FolderDialog {
    id: dialog

    signal chosen(file: url)

    objectName: "importFolderDialog"
    title: qsTr("Choose a model's folder")
    currentFolder: Places.downloads
    onAccepted: chosen(selectedFolder)
}
