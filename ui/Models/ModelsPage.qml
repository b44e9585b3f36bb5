import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The models on this machine: load, remove (with a way back), import.
Item {
    id: page

    required property Program program
    property bool sidebarShown: true
    readonly property ModelLibrary library: program.library
    readonly property InstalledModels installed: program.installed
    readonly property CatalogList catalog: program.catalog
    readonly property CachedModels cached: program.cached
    readonly property JobList jobs: program.jobs
    readonly property RepositoryOffer offer: program.offer
    signal importRequested
    signal importFolderRequested
    signal sidebarToggled
    signal chatRequested
    signal modelSettingsRequested(path: string, name: string)

    function search(words: string): void {
        installed.filter = words;
        catalog.filter = words;
    }

    onVisibleChanged: if (visible) program.lookAround()
    Component.onCompleted: if (visible) program.lookAround()

    ColumnLayout {
        id: top
        width: parent.width
        spacing: 0

        RowLayout {
            Layout.fillWidth: true
            Layout.preferredHeight: Theme.headerHeight
            Layout.leftMargin: Theme.space2
            Layout.rightMargin: Theme.space3
            spacing: Theme.space2

            IconButton {
                iconName: "sidebar"
                iconSize: Theme.iconNormal
                text: page.sidebarShown ? qsTr("Hide the sidebar") : qsTr("Show the sidebar")
                hint: "Ctrl+B"
                onClicked: page.sidebarToggled()
            }
            Label {
                Layout.fillWidth: true
                text: qsTr("Models")
                font.pixelSize: Theme.fontMessage
                font.weight: Font.DemiBold
                Accessible.role: Accessible.Heading
            }
            SearchField {
                objectName: "modelSearch"
                Layout.preferredWidth: Math.min(200, page.width / 5)
                placeholderText: qsTr("Search")
                text: page.catalog.filter
                onTextEdited: page.search(text)
                onCleared: page.search("")
            }
            Button {
                objectName: "importFolderButton"
                iconName: "folder"
                text: page.width < 480 ? qsTr("Folder\u2026") : qsTr("Import a folder\u2026")
                Accessible.name: qsTr("Import a folder\u2026")
                enabled: !page.library.importing
                onClicked: page.importFolderRequested()
            }
            Button {
                kind: Button.Primary
                iconName: "import"
                text: page.library.importing ? qsTr("Checking\u2026") : page.width < 480 ? qsTr("File\u2026") : qsTr("Import a file\u2026")
                Accessible.name: qsTr("Import a file\u2026")
                enabled: !page.library.importing
                onClicked: page.importRequested()
            }
        }
        Rectangle {
            Layout.fillWidth: true
            implicitHeight: 1
            color: Theme.border
        }
    }

    ListView {
        id: list
        objectName: "modelsPageList"
        anchors.top: top.bottom
        anchors.bottom: parent.bottom
        width: parent.width
        clip: true
        model: page.installed
        spacing: Theme.space2
        topMargin: Theme.space4
        bottomMargin: Theme.space4
        boundsBehavior: Flickable.StopAtBounds
        activeFocusOnTab: count > 0
        keyNavigationEnabled: true
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Installed models")
        function toTop(): void {
            contentY = originY - topMargin;
        }
        readonly property int column: Math.min(Theme.measure, width - 2 * Theme.space4)

        T.ScrollBar.vertical: ScrollBar {}

        header: Item {
            width: list.width
            implicitHeight: (notes.visible ? notes.implicitHeight + Theme.space3 : 0)
                + (progress.visible ? progress.implicitHeight + Theme.space3 : 0)
                + (coming.visible ? coming.implicitHeight + Theme.space5 : 0)
            // What is new there is to be seen.
            onImplicitHeightChanged: Qt.callLater(list.toTop) // qmllint disable

            ErrorCard {
                id: notes
                x: Math.round((parent.width - width) / 2)
                width: list.column
                visible: page.library.problem.length > 0
                title: page.library.problemTitle
                cause: page.library.problem
                details: page.library.problemDetails
                fix: page.library.problemFix
                actionText: page.library.problemIsOfImport ? qsTr("Choose another file\u2026") : ""
                secondActionText: page.library.problemIsOfImport ? qsTr("Choose another folder\u2026") : ""
                closable: true
                onAction: page.importRequested()
                onSecondAction: page.importFolderRequested()
                onClosed: page.library.dismissProblem()
                onCopyRequested: text => page.program.copyText(text)
            }
            RowLayout {
                id: progress
                x: Math.round((parent.width - width) / 2)
                width: list.column
                visible: page.library.importing
                spacing: Theme.space3

                Text {
                    text: qsTr("Checking and adding the model")
                    color: Theme.secondary
                    font.pixelSize: Theme.fontBase
                    textFormat: Text.PlainText
                }
                ProgressLine {
                    Layout.fillWidth: true
                    value: page.library.importProgress
                    Accessible.name: qsTr("Model imported")
                }
                Button {
                    text: qsTr("Cancel")
                    onClicked: page.library.cancelImport()
                }
            }
            ColumnLayout {
                id: coming
                objectName: "jobsSection"
                x: Math.round((parent.width - width) / 2)
                y: (notes.visible ? notes.implicitHeight + Theme.space3 : 0) + (progress.visible ? progress.implicitHeight + Theme.space3 : 0)
                width: list.column
                visible: page.jobs.count > 0
                spacing: Theme.space2

                Label {
                    text: qsTr("On their way")
                    font.pixelSize: Theme.fontMessage
                    font.weight: Font.DemiBold
                    Accessible.role: Accessible.Heading
                }
                Repeater {
                    model: page.jobs

                    JobCard {
                        required property string storedName
                        Layout.fillWidth: true
                        onPauseRequested: page.jobs.pause(jobId)
                        onResumeRequested: page.jobs.resume(jobId)
                        onFirstRequested: page.jobs.goFirst(jobId)
                        onCancelRequested: page.jobs.cancel(jobId)
                        onRetryRequested: page.jobs.retry(jobId)
                        onDismissRequested: page.jobs.dismiss(jobId)
                        onTokenGiven: token => page.jobs.giveToken(jobId, token)
                        onUseRequested: {
                            page.program.model.load(storedName);
                            page.jobs.dismiss(jobId);
                            page.chatRequested();
                        }
                    }
                }
                Label {
                    Layout.topMargin: Theme.space3
                    visible: list.count > 0
                    text: qsTr("On this machine")
                    font.pixelSize: Theme.fontMessage
                    font.weight: Font.DemiBold
                    Accessible.role: Accessible.Heading
                }
            }
        }

        footer: Item {
            objectName: "catalogSection"
            width: list.width
            implicitHeight: foot.implicitHeight + Theme.space5

            ColumnLayout {
                id: foot
                x: Math.round((parent.width - width) / 2)
                y: Theme.space5
                width: list.column
                spacing: Theme.space3

                Text {
                    Layout.fillWidth: true
                    Layout.bottomMargin: Theme.space3
                    visible: list.count === 0 && page.installed.total > 0
                    text: qsTr("No model on this machine matches \u201C%1\u201D.").arg(page.installed.filter)
                    color: Theme.secondary
                    font.pixelSize: Theme.fontBase
                    wrapMode: Text.Wrap
                    textFormat: Text.PlainText
                }
                RowLayout {
                    Layout.fillWidth: true
                    spacing: Theme.space3
                    Label {
                        Layout.fillWidth: true
                        text: page.installed.total === 0 && page.jobs.count === 0 ? qsTr("Models to start with") : qsTr("More models")
                        font.pixelSize: Theme.fontMessage
                        font.weight: Font.DemiBold
                        Accessible.role: Accessible.Heading
                    }
                    Switch {
                        id: fitting
                        text: qsTr("Only what fits into the memory")
                        checked: page.catalog.onlyFitting
                        onToggled: page.catalog.onlyFitting = checked
                    }
                    Text {
                        text: qsTr("only what fits")
                        color: Theme.secondary
                        font.pixelSize: Theme.fontBase
                        TapHandler { onTapped: page.catalog.onlyFitting = !page.catalog.onlyFitting }
                    }
                }
                RowLayout {
                    Layout.fillWidth: true
                    spacing: Theme.space2
                    TextField {
                        id: wanted
                        objectName: "repositoryField"
                        Layout.fillWidth: true
                        placeholderText: qsTr("Another one: org/name, or a link to it on Hugging Face")
                        onAccepted: if (text.trim().length > 0) page.offer.look(text)
                    }
                    Button {
                        id: wantedButton
                        objectName: "repositoryButton"
                        readonly property bool looking: page.offer.state === RepositoryOffer.Looking
                        text: looking ? qsTr("Stop") : qsTr("Look it up")
                        enabled: looking || wanted.text.trim().length > 0
                        Accessible.name: looking ? qsTr("Stop asking for the model") : qsTr("Look at the model that is named beside")
                        onClicked: looking ? page.offer.dismiss() : page.offer.look(wanted.text)
                    }
                }
                QuietNote {
                    objectName: "offerProblem"
                    Layout.fillWidth: true
                    visible: wantedButton.looking || page.offer.state === RepositoryOffer.Refused
                    iconName: wantedButton.looking ? "info" : "warning"
                    text: !wantedButton.looking ? page.offer.problem
                        : page.offer.problem.length > 0 ? qsTr("%1 \u2013 trying again\u2026").arg(page.offer.problem)
                        : qsTr("Asking the Hub what it is\u2026")
                }
                CatalogCard {
                    id: offered
                    objectName: "offerCard"
                    Layout.fillWidth: true
                    visible: page.offer.state === RepositoryOffer.Known
                    catalogId: page.offer.repository
                    name: page.offer.name
                    family: page.offer.family
                    repository: page.offer.repository
                    goodAt: page.offer.about
                    parametersText: page.offer.parametersText
                    downloadBytes: page.offer.downloadBytes
                    licenceName: page.offer.licence.length > 0 ? page.offer.licence : qsTr("no licence named")
                    licenceUrl: page.offer.licenceUrl
                    gated: page.offer.gated
                    badge: ""
                    context: page.offer.context
                    memory: page.offer.memory
                    fits: page.offer.fits
                    largestContext: page.offer.largestContext
                    diskNeeded: page.offer.diskNeeded
                    diskFits: page.offer.diskFits
                    rate: page.offer.rate
                    problem: ""
                    diskAvailable: page.catalog.diskAvailable
                    chosenMemory: open && page.offer.memory ? page.offer.fitAt(chosenContext) : memory
                    coming: page.jobs.count > 0 && page.jobs.has(repository)
                    closable: true
                    onClosed: page.offer.dismiss()
                    onGetRequested: {
                        page.jobs.get(page.offer.wanted);
                        if (page.jobs.refused.length > 0)
                            return;
                        page.offer.dismiss();
                        wanted.clear();
                        list.toTop();
                    }
                }
                Text {
                    Layout.fillWidth: true
                    visible: page.jobs.refused.length > 0
                    text: page.jobs.refused
                    color: Theme.danger
                    font.pixelSize: Theme.fontBase
                    wrapMode: Text.Wrap
                    textFormat: Text.PlainText
                }
                Text {
                    Layout.fillWidth: true
                    visible: page.catalog.count === 0
                    text: page.catalog.filter.length > 0 ? qsTr("No model of the catalog matches \u201C%1\u201D.").arg(page.catalog.filter)
                        : page.catalog.onlyFitting ? qsTr("No model of the catalog fits into the memory that is free now.")
                        : qsTr("All models of the catalog are here.")
                    color: Theme.secondary
                    font.pixelSize: Theme.fontBase
                    wrapMode: Text.Wrap
                    textFormat: Text.PlainText
                }
                Repeater {
                    model: page.catalog

                    CatalogCard {
                        Layout.fillWidth: true
                        diskAvailable: page.catalog.diskAvailable
                        chosenMemory: open && memory ? page.catalog.fitAt(catalogId, chosenContext) : memory
                        coming: page.jobs.count > 0 && page.jobs.has(repository)
                        onGetRequested: {
                            page.jobs.get(repository);
                            list.toTop();
                        }
                    }
                }

                ColumnLayout {
                    objectName: "cachedSection"
                    Layout.fillWidth: true
                    Layout.topMargin: Theme.space3
                    visible: page.cached.count > 0
                    spacing: Theme.space2

                    Label {
                        text: qsTr("In the cache of Hugging Face\u2019s programs")
                        font.pixelSize: Theme.fontMessage
                        font.weight: Font.DemiBold
                        Accessible.role: Accessible.Heading
                    }
                    Text {
                        Layout.fillWidth: true
                        text: qsTr("They run where they are. Added ones stay when that cache is emptied, and take no second room on the same disk.")
                        color: Theme.secondary
                        font.pixelSize: Theme.fontBase
                        wrapMode: Text.Wrap
                        textFormat: Text.PlainText
                    }
                    Repeater {
                        model: page.cached

                        CachedCard {
                            Layout.fillWidth: true
                            onLoadRequested: {
                                page.program.model.load(path);
                                page.chatRequested();
                            }
                            onAddRequested: {
                                page.library.importPath(path);
                                list.toTop();
                            }
                            onGetRequested: {
                                page.jobs.get(repository);
                                list.toTop();
                            }
                        }
                    }
                }

                Rectangle {
                    id: hint
                    Layout.fillWidth: true
                    implicitHeight: hintColumn.implicitHeight + 2 * Theme.space4
                    radius: Theme.radiusCard
                    color: Theme.sidebar

                    ColumnLayout {
                        id: hintColumn
                        x: Theme.space4
                        y: Theme.space4
                        width: parent.width - 2 * Theme.space4
                        spacing: Theme.space1
                        Text {
                            Layout.fillWidth: true
                            text: page.installed.total === 0 ? qsTr("No model is installed yet") : qsTr("Add a model")
                            color: Theme.text
                            font.pixelSize: Theme.fontBase
                            font.weight: Font.DemiBold
                        }
                        Text {
                            Layout.fillWidth: true
                            text: qsTr("Drag it onto this window or import it: a .gguf file, or a Hugging Face folder with config.json and .safetensors files (LLaMA, Mistral and Falcon families). It is checked whole before it is added. The command \u201Cmake run\u201D fetches a small starter model by itself.")
                            color: Theme.secondary
                            font.pixelSize: Theme.fontBase
                            lineHeight: 1.12
                            wrapMode: Text.Wrap
                            textFormat: Text.PlainText
                        }
                    }
                }
            }
        }

        delegate: ModelCard {
            id: card
            x: Math.round((list.width - width) / 2)
            width: list.column
            keyboardCurrent: ListView.isCurrentItem && list.activeFocus
            loading: page.program.model.state === ModelHost.Loading && page.program.model.path === path
            progress: page.program.model.progress
            loadedContext: page.program.model.contextSize
            expectedBytes: page.program.model.expectedBytes
            takenBytes: open && loaded && !page.program.model.onGpu ? page.program.telemetry.processBytes - page.program.model.residentBefore : 0
            onLoadRequested: {
                page.program.model.load(path);
                page.chatRequested();
            }
            onUnloadRequested: page.program.model.unload()
            onRemoveRequested: page.library.remove(name)
            onSettingsRequested: page.modelSettingsRequested(path, name)
            verifying: page.library.verifying
            verifyProgress: page.library.verifyProgress
            coming: page.jobs.count > 0 && page.jobs.has(repository)
            onRenameRequested: newName => page.library.rename(name, newName)
            onVerifyRequested: page.library.verify(name)
            onVerifyCancelled: page.library.cancelVerify()
            onRepairRequested: {
                page.program.repairModel(name);
                list.toTop();
            }
        }
    }
}
