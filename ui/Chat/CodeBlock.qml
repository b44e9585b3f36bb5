import QtQuick
import QtQuick.Templates as T
import EdgeChat.Chat
import EdgeChat.Controls
import EdgeChat.Theme

// Code with its language, a copy button and its own horizontal scroll. Colours come when the block is closed.
Rectangle {
    id: block

    property string code
    property string language
    property bool closed: true
    signal copyRequested(text: string)

    implicitHeight: header.height + view.height + Theme.space2
    radius: Theme.radiusCard
    color: Theme.codeBlock
    border.width: 1
    border.color: Theme.border

    onCodeChanged: show()
    Component.onCompleted: show()

    // While code streams only what is new is added: the lines above are not laid out again.
    function show(): void {
        const shown = edit.getText(0, edit.length);
        if (code === shown)
            return;
        if (shown.length > 0 && code.startsWith(shown))
            edit.insert(edit.length, code.slice(shown.length));
        else
            edit.text = code;
    }

    CodeHighlighter {
        id: highlighter
        target: edit.textDocument
        language: block.language
        active: block.closed
        keywordColor: Theme.codeKeyword
        stringColor: Theme.codeString
        commentColor: Theme.codeComment
        numberColor: Theme.codeNumber
        nameColor: Theme.codeName
    }

    Item {
        id: header
        width: parent.width
        height: Math.max(34, Theme.controlHeight)

        Label {
            anchors.left: parent.left
            anchors.leftMargin: Theme.space3
            anchors.right: copyButton.left
            anchors.verticalCenter: parent.verticalCenter
            text: highlighter.title.length > 0 ? highlighter.title : qsTr("Text")
            color: Theme.secondary
            font.pixelSize: Theme.fontSmall
        }
        IconButton {
            id: copyButton
            anchors.right: parent.right
            anchors.rightMargin: 4
            anchors.verticalCenter: parent.verticalCenter
            implicitHeight: 28
            iconName: copied.running ? "check" : "copy"
            text: copied.running ? qsTr("Copied") : qsTr("Copy the code")
            onClicked: {
                block.copyRequested(block.code);
                copied.restart();
            }
            Timer {
                id: copied
                interval: 1500
            }
        }
    }

    Flickable {
        id: view
        anchors.top: header.bottom
        x: 1
        width: parent.width - 2
        height: edit.height + (contentWidth > width ? 10 : 0)
        contentWidth: edit.width
        contentHeight: edit.height
        clip: contentWidth > width
        interactive: contentWidth > width
        flickableDirection: Flickable.HorizontalFlick
        boundsBehavior: Flickable.StopAtBounds

        T.ScrollBar.horizontal: ScrollBar {
            policy: view.contentWidth > view.width ? T.ScrollBar.AlwaysOn : T.ScrollBar.AlwaysOff
        }

        TextEdit {
            id: edit
            leftPadding: Theme.space3 - 1
            rightPadding: Theme.space3
            bottomPadding: Theme.space1
            color: Theme.text
            font.family: Theme.monoFamily
            font.pixelSize: Theme.fontCode
            textFormat: TextEdit.PlainText
            wrapMode: TextEdit.NoWrap
            tabStopDistance: 4 * metrics.averageCharacterWidth
            readOnly: true
            selectByMouse: true
            selectionColor: Theme.selection
            selectedTextColor: Theme.text
            Accessible.role: Accessible.StaticText
            Accessible.name: qsTr("Code, %1").arg(highlighter.title)
            Accessible.description: block.code
            onActiveFocusChanged: if (!activeFocus) deselect()

            FontMetrics {
                id: metrics
                font: edit.font
            }
        }
    }
}
