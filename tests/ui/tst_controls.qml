import QtQuick
import QtTest
import EdgeChat.App
import EdgeChat.Chat
import EdgeChat.Controls
import EdgeChat.Settings

Item {
    id: root
    width: 800
    height: 600

    Program {
        id: program
    }

    Component {
        id: composerComponent
        Composer {
            width: 600
            chat: program.chat
            model: program.model
        }
    }
    Component {
        id: sliderComponent
        ValueSlider {
            label: "Temperature"
            from: 0
            to: 2
            stepSize: 0.05
            value: 0.7
        }
    }
    Component {
        id: spinComponent
        SpinBox {
            label: "Threads"
            from: 0
            to: 8
            zeroText: "Automatic"
        }
    }
    Component {
        id: cardComponent
        ErrorCard {
            width: 500
            title: "It failed"
            cause: "Because"
            fix: "Do this"
            details: "line 1"
            actionText: "Again"
        }
    }
    Component {
        id: codeComponent
        CodeBlock {
            width: 400
            code: "int a;"
            language: "cpp"
            closed: false
        }
    }
    Component {
        id: spyComponent
        SignalSpy {}
    }

    TestCase {
        name: "Controls"
        when: windowShown

        function init() {
            program.chat.calls = [];
            program.chat.draft = "";
            program.chat.state = ChatSession.Idle;
            program.model.state = ModelHost.Ready;
        }

        function test_sendNeedsTextAndAModel() {
            const composer = createTemporaryObject(composerComponent, root);
            const button = findChild(composer, "sendButton");
            verify(!button.enabled);
            composer.put("hello");
            verify(button.enabled);
            program.model.state = ModelHost.None;
            verify(!button.enabled);
            program.model.state = ModelHost.Ready;
            mouseClick(button);
            compare(program.chat.calls.length, 1);
            compare(program.chat.calls[0][1], "hello");
        }

        function test_sendBecomesStop() {
            const composer = createTemporaryObject(composerComponent, root);
            const button = findChild(composer, "sendButton");
            program.chat.state = ChatSession.Generating;
            compare(button.text, "Stop");
            mouseClick(button);
            compare(program.chat.calls[0][0], "stop");
            program.chat.state = ChatSession.Stopping;
            verify(!button.enabled);
        }

        function test_draftFollowsTheConversation() {
            const composer = createTemporaryObject(composerComponent, root);
            composer.put("mine");
            compare(program.chat.draft, "mine");
            program.chat.draft = "another chat's draft";
            compare(composer.text, "another chat's draft");
        }

        function test_sliderMovesInSteps() {
            const slider = createTemporaryObject(sliderComponent, root);
            const spy = createTemporaryObject(spyComponent, root, { target: slider, signalName: "moved" });
            const inner = slider.children[0];
            inner.forceActiveFocus();
            keyClick(Qt.Key_Right);
            compare(spy.count, 1);
            fuzzyCompare(spy.signalArguments[0][0], 0.75, 0.0001);
        }

        function test_spinBoxSaysAutomaticForZero() {
            const box = createTemporaryObject(spinComponent, root);
            compare(box.displayText, "Automatic");
            box.increase();
            compare(box.displayText, "1");
        }

        function test_errorCardFoldsItsDetails() {
            const card = createTemporaryObject(cardComponent, root);
            const folded = card.implicitHeight;
            card.open = true;
            tryVerify(() => card.implicitHeight > folded);
        }

        function test_codeGrowsByWhatIsNew() {
            const block = createTemporaryObject(codeComponent, root);
            block.code = "int a;\nint b;";
            block.code = "int a;\nint b;\nint c;";
            block.closed = true;
            const spy = createTemporaryObject(spyComponent, root, { target: block, signalName: "copyRequested" });
            block.copyRequested(block.code);
            compare(spy.count, 1);
            verify(block.implicitHeight > 80);
        }
    }
}
