import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// The loaded model's name with its state, and a list of the others.
T.Button {
    id: switcher

    required property Program program
    property bool compact: false
    signal modelsPageRequested
    signal modelSettingsRequested

    readonly property ModelHost host: program.model
    readonly property color stateColor: host.state === ModelHost.Ready ? Theme.good
        : host.state === ModelHost.Loading ? Theme.warning : host.state === ModelHost.Failed ? Theme.danger : Theme.outline
    readonly property string stateText: host.state === ModelHost.Ready ? qsTr("ready")
        : host.state === ModelHost.Loading ? qsTr("loading") : host.state === ModelHost.Failed ? qsTr("failed to load") : qsTr("not loaded")

    implicitWidth: Math.min(compact ? 280 : 460, row.implicitWidth + leftPadding + rightPadding)
    implicitHeight: Theme.controlHeight
    leftPadding: 10
    rightPadding: 8
    focusPolicy: Qt.StrongFocus
    text: host.state === ModelHost.None ? qsTr("No model") : host.name.length > 0 ? host.name : qsTr("Model")
    Accessible.role: Accessible.ButtonMenu
    Accessible.name: qsTr("Model: %1, %2").arg(text).arg(stateText)
    Accessible.onPressAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()
    onClicked: menu.visible ? menu.close() : openMenu()

    function openMenu(): void {
        program.library.refresh();
        menu.open();
        list.forceActiveFocus();
    }

    contentItem: RowLayout {
        id: row
        spacing: 7

        Rectangle {
            implicitWidth: 8
            implicitHeight: 8
            radius: 4
            color: switcher.stateColor
        }
        Label {
            Layout.fillWidth: true
            text: switcher.text
            font.weight: Font.Medium
        }
        Label {
            visible: !switcher.compact && text.length > 0
            text: switcher.host.state === ModelHost.Ready
                ? Theme.joined([switcher.host.sizeText, switcher.host.quantization, switcher.host.device]) : ""
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
        }
        Icon {
            name: "chevron-down"
            size: Theme.iconSmall
            color: Theme.secondary
        }
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: switcher.down || menu.visible ? Theme.selected : switcher.hovered ? Theme.hover : "transparent"
        border.width: 1
        border.color: Theme.border

        ProgressLine {
            anchors.bottom: parent.bottom
            x: 4
            width: parent.width - 8
            visible: switcher.host.state === ModelHost.Loading
            value: switcher.host.progress
            Accessible.name: qsTr("Model loaded")
        }
        FocusRing {
            visible: switcher.visualFocus
        }
    }

    T.Popup {
        id: menu
        x: switcher.width - width
        y: switcher.height + 4
        width: 400
        // Below the header and above the window's edge; the list scrolls.
        height: Math.min(540, layout.implicitHeight + 12, (switcher.Window.window ? switcher.Window.window.height : 540) - Theme.headerHeight - 12)
        padding: 6
        margins: 8
        focus: true
        closePolicy: T.Popup.CloseOnEscape | T.Popup.CloseOnPressOutsideParent

        background: FloatingSurface {}

        contentItem: ColumnLayout {
            id: layout
            spacing: 2

            Label {
                Layout.fillWidth: true
                Layout.margins: 6
                visible: list.count === 0
                text: qsTr("No model is installed yet.")
                color: Theme.secondary
            }

            ListView {
                id: list
                objectName: "modelList"
                Layout.fillWidth: true
                Layout.fillHeight: true
                implicitHeight: contentHeight
                clip: contentHeight > height
                interactive: contentHeight > height
                boundsBehavior: Flickable.StopAtBounds
                model: switcher.program.library
                keyNavigationEnabled: true
                activeFocusOnTab: count > 0
                currentIndex: 0
                Accessible.role: Accessible.List
                Accessible.name: qsTr("Models")
                T.ScrollBar.vertical: ScrollBar {}
                function choose(): void {
                    if (currentItem)
                        (currentItem as T.ItemDelegate).clicked();
                }
                Keys.onReturnPressed: list.choose()
                Keys.onEnterPressed: list.choose()

                delegate: ModelRow {
                    width: ListView.view.width
                    highlighted: hovered || ListView.isCurrentItem && list.activeFocus
                    loadedContext: switcher.host.contextSize
                    device: switcher.host.deviceText
                    onClicked: {
                        menu.close();
                        if (!loaded)
                            switcher.program.model.load(path);
                    }
                }
            }

            Rectangle {
                Layout.fillWidth: true
                Layout.topMargin: 3
                Layout.bottomMargin: 3
                implicitHeight: 1
                color: Theme.border
            }
            MenuRow {
                Layout.fillWidth: true
                iconName: "model"
                text: qsTr("Manage models")
                onClicked: {
                    menu.close();
                    switcher.modelsPageRequested();
                }
            }
            MenuRow {
                Layout.fillWidth: true
                objectName: "modelSettingsRow"
                visible: switcher.host.state !== ModelHost.None
                iconName: "settings"
                text: qsTr("Settings of this model\u2026")
                onClicked: {
                    menu.close();
                    switcher.modelSettingsRequested();
                }
            }
            MenuRow {
                Layout.fillWidth: true
                visible: switcher.host.state === ModelHost.Ready
                iconName: "eject"
                text: qsTr("Unload and free its memory")
                onClicked: {
                    menu.close();
                    switcher.program.model.unload();
                }
            }
        }
    }
}
