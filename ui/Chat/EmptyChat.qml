import QtQuick
import QtQuick.Layouts
import EdgeChat.App
import EdgeChat.Controls
import EdgeChat.Theme

// An empty chat: which model listens, what it is good at, and four ways to begin.
ColumnLayout {
    id: empty

    required property ModelHost model
    property bool tight: false // little height: the mark stays away
    signal promptChosen(text: string)

    // A model of well under a billion parameters writes and rephrases; it does not know much.
    readonly property bool small: model.sizeText.endsWith("M")

    spacing: Theme.space2

    Image {
        Layout.alignment: Qt.AlignHCenter
        Layout.bottomMargin: Theme.space1
        source: "qrc:/edgechat/icons/edgechat.svg"
        sourceSize.width: 48
        sourceSize.height: 48
        visible: !empty.tight
    }
    Text {
        Layout.fillWidth: true
        text: empty.model.name
        color: Theme.text
        font.pixelSize: Theme.fontTitle
        font.weight: Font.DemiBold
        horizontalAlignment: Text.AlignHCenter
        elide: Text.ElideMiddle
        textFormat: Text.PlainText
        Accessible.role: Accessible.Heading
        Accessible.name: text
    }
    Text {
        Layout.fillWidth: true
        Layout.maximumWidth: 520
        Layout.alignment: Qt.AlignHCenter
        Layout.bottomMargin: Theme.space4
        text: empty.model.completesText
            ? qsTr("%1 Write the beginning of a text, and it goes on from there. For questions and tasks choose a model made for chat; its name often says \u201CInstruct\u201D or \u201CChat\u201D.").arg(empty.model.templateNote)
                + (empty.model.templateProblem.length > 0 ? "\n" + qsTr("Why: %1.").arg(empty.model.templateProblem) : "")
            : empty.small
            ? qsTr("A small model that answers fast. It is good at short texts, rephrasing and simple questions; check facts it states. Everything stays on this machine.")
            : qsTr("Good at writing, explaining, summarising and code. Check facts it states. Everything stays on this machine.")
        color: Theme.secondary
        font.pixelSize: Theme.fontBase
        lineHeight: 1.12
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        textFormat: Text.PlainText
    }

    GridLayout {
        Layout.fillWidth: true
        columns: empty.width > 480 ? 2 : 1
        columnSpacing: Theme.space2
        rowSpacing: Theme.space2

        // The cards stay and change their texts: a layout that is being computed again from within (a note below
        // changes the height) still holds items that a new model of the repeater would delete.
        Repeater {
            model: empty.requests.length

            PromptCard {
                required property int index
                readonly property var suggestion: (empty.model.completesText ? empty.beginnings : empty.requests)[index]
                Layout.fillWidth: true
                Layout.fillHeight: true
                Layout.preferredWidth: 1
                title: suggestion.title
                prompt: suggestion.prompt
                onClicked: empty.promptChosen(prompt)
            }
        }
    }

    readonly property var beginnings: [
        { title: qsTr("A story"), prompt: qsTr("The lighthouse keeper found the map on a Tuesday, and by evening") },
        { title: qsTr("An explanation"), prompt: qsTr("The sky is blue because sunlight, on its way through the air,") },
        { title: qsTr("A list"), prompt: qsTr("Five steps to learn to cook simple meals: 1.") },
        { title: qsTr("Some code"), prompt: qsTr("# Counts the words in a text file\ndef count_words(path):") }
    ]
    readonly property var requests: [
        { title: qsTr("Explain something"), prompt: qsTr("Explain in simple words why the sky is blue.") },
        { title: qsTr("Write a message"), prompt: qsTr("Write a short, friendly e-mail that moves a meeting to Thursday.") },
        { title: qsTr("Make a plan"), prompt: qsTr("List five steps to learn to cook simple meals.") },
        { title: qsTr("Show some code"), prompt: qsTr("Write a Python function that counts the words in a text file.") }
    ]
}
