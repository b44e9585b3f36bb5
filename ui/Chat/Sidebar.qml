import QtQuick
import QtQuick.Layouts
import QtQuick.Templates as T
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// New chat, search, the conversations by age, and the pages.
Rectangle {
    id: sidebar

    required property Program program
    property int page: 0
    signal newChatRequested
    signal conversationOpened
    signal pageRequested(page: int)

    readonly property ConversationList conversations: program.conversations

    implicitWidth: Theme.sidebarWidth
    color: Theme.sidebar
    Accessible.role: Accessible.Pane
    Accessible.name: qsTr("Conversations")

    function focusSearch(): void {
        search.forceActiveFocus();
        search.selectAll();
    }
    function groupTitle(group: int): string {
        switch (group) {
        case ConversationList.Today:
            return qsTr("Today");
        case ConversationList.Yesterday:
            return qsTr("Yesterday");
        case ConversationList.LastWeek:
            return qsTr("Last week");
        default:
            return qsTr("Older");
        }
    }

    Rectangle {
        anchors.right: parent.right
        width: 1
        height: parent.height
        color: Theme.border
    }

    ColumnLayout {
        anchors.fill: parent
        anchors.margins: Theme.space2
        anchors.rightMargin: Theme.space2 + 1
        spacing: Theme.space2

        MenuRow {
            Layout.fillWidth: true
            objectName: "newChatRow"
            iconName: "new-chat"
            text: qsTr("New chat")
            hint: "Ctrl+N"
            onClicked: sidebar.newChatRequested()
        }
        SearchField {
            id: search
            objectName: "conversationSearch"
            Layout.fillWidth: true
            placeholderText: qsTr("Search all chats")
            onTextChanged: sidebar.conversations.query = text
            Keys.onDownPressed: list.forceActiveFocus()
            Keys.onReturnPressed: list.openRow(0)
        }

        ListView {
            id: list
            objectName: "conversationList"
            Layout.fillWidth: true
            Layout.fillHeight: true
            clip: true
            spacing: 1
            model: sidebar.conversations
            boundsBehavior: Flickable.StopAtBounds
            activeFocusOnTab: count > 0
            keyNavigationEnabled: true
            currentIndex: -1
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Conversations")
            onActiveFocusChanged: if (activeFocus && currentIndex < 0) currentIndex = 0

            function openRow(row: int): void {
                const id = sidebar.conversations.idAt(row);
                if (id > 0) {
                    sidebar.program.openMessage(id, sidebar.conversations.hitAt(row));
                    sidebar.conversationOpened();
                }
            }

            Keys.onReturnPressed: openRow(currentIndex)
            Keys.onEnterPressed: openRow(currentIndex)
            Keys.onDeletePressed: {
                const id = sidebar.conversations.idAt(currentIndex);
                if (id > 0)
                    sidebar.conversations.remove(id);
            }
            Keys.onPressed: event => {
                if (event.key === Qt.Key_F2 && currentItem) {
                    currentItem.startRename();
                    event.accepted = true;
                }
            }

            T.ScrollBar.vertical: ScrollBar {}

            section.property: search.text.length > 0 ? "" : "group"
            section.delegate: Item {
                id: heading
                required property string section
                width: ListView.view.width
                height: Theme.rowHeight - 4
                Text {
                    x: 10
                    anchors.bottom: parent.bottom
                    anchors.bottomMargin: 5
                    text: sidebar.groupTitle(parseInt(heading.section, 10))
                    color: Theme.secondary
                    font.pixelSize: Theme.fontSmall
                    font.weight: Font.DemiBold
                    Accessible.role: Accessible.Heading
                    Accessible.name: text
                }
            }

            delegate: ConversationRow {
                required property int group
                width: ListView.view.width
                keyboardCurrent: ListView.isCurrentItem && list.activeFocus
                onOpened: {
                    list.currentIndex = index;
                    list.openRow(index);
                }
                onRenamed: title => sidebar.conversations.rename(conversationId, title)
                onRemoved: sidebar.conversations.remove(conversationId)
            }

            Text {
                x: 10
                y: Theme.space2
                width: parent.width - 20
                visible: list.count === 0
                text: search.text.length > 0 ? qsTr("Nothing was found.") : qsTr("Your chats will stand here.")
                color: Theme.secondary
                font.pixelSize: Theme.fontBase
                wrapMode: Text.Wrap
                Accessible.role: Accessible.StaticText
                Accessible.name: text
            }
        }

        Rectangle {
            Layout.fillWidth: true
            implicitHeight: 1
            color: Theme.border
        }

        ColumnLayout {
            Layout.fillWidth: true
            spacing: 1

            Repeater {
                model: [
                    { text: qsTr("Chats"), icon: "chat" },
                    { text: qsTr("Models"), icon: "model" },
                    { text: qsTr("Settings"), icon: "settings" }
                ]

                MenuRow {
                    required property int index
                    required property var modelData
                    Layout.fillWidth: true
                    iconName: modelData.icon
                    text: modelData.text
                    selected: sidebar.page === index
                    onClicked: sidebar.pageRequested(index)
                }
            }
        }
    }
}
