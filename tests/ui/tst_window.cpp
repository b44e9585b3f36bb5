// The whole window, driven by keys and checked from outside: every control has a name, every file loads.
#include <QAccessible>
#include <QDirIterator>
#include <QGuiApplication>
#include <QQmlApplicationEngine>
#include <QQmlComponent>
#include <QQuickItem>
#include <QQuickStyle>
#include <QQuickWindow>
#include <QSignalSpy>
#include <QStyleHints>
#include <QtTest>

#include <memory>

#include "tests/ui/shown.h"

using namespace edgechat::fake;

namespace {

bool inheritsOneOf(const QObject* object, std::initializer_list<const char*> classes) {
    for (const char* name : classes)
        if (object->inherits(name)) return true;
    return false;
}

/// What the first control without a name or a role is and where; empty: there is none.
QString namelessControl(const QQuickWindow& window) {
    QList<QQuickItem*> items;
    collect(window.contentItem(), &items);
    int controls = 0;
    for (QQuickItem* item : std::as_const(items)) {
        const bool control =
            item->activeFocusOnTab() ||
            inheritsOneOf(item, {"QQuickAbstractButton", "QQuickSlider", "QQuickComboBox", "QQuickSpinBox",
                                 "QQuickTextField", "QQuickTextArea", "QQuickTextInput"});
        if (!control) continue;
        ++controls;
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(item);
        const QString place = QStringLiteral("%1 at %2,%3 in %4")
                                  .arg(QString::fromLatin1(item->metaObject()->className()))
                                  .arg(item->mapToScene({}).x())
                                  .arg(item->mapToScene({}).y())
                                  .arg(QString::fromLatin1(item->parentItem()->metaObject()->className()));
        if (!interface) return place;
        if (interface->text(QAccessible::Name).isEmpty()) return QStringLiteral("no name: ") + place;
        if (interface->role() == QAccessible::NoRole || interface->role() == QAccessible::Client)
            return QStringLiteral("no role: ") + place;
    }
    return controls > 5 ? QString() : QStringLiteral("a page of %1 controls").arg(controls);
}

}  // namespace

class WindowTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void everyFileLoads_data();
    void everyFileLoads();
    void everyControlHasAName_data();
    void everyControlHasAName();
    void tabReachesEveryControl();
    void cursorIsInTheComposerAtStart();
    void enterSendsAndShiftEnterBreaksTheLine();
    void escapeStopsTheAnswer();
    void composerGrowsToEightLines();
    void upEditsTheLastMessage();
    void paletteFindsAndRuns();
    void shortcutsReachTheirPlaces();
    void returnPressesAButton();
    void importOpensAFileDialog();
    void importOfAFolderOpensADialog();
    void switcherSaysWhatAnotherModelCosts();
    void theNextModelIsAnnouncedUntilItAnswers();
    void aModelWithoutATemplateAsksForABeginning();
    void everyWayToTheSettingsOfAModelLeadsThere();
    void aValueBecomesTheModelsOwnAndGeneralAgain();
    void theSettingsOfAModelGoByKeys();
    void theInstructionsAreKeptWhenTheSheetCloses();
    void aLoadedModelIsReloadedFromItsSettings();
    void theAddressOfTheHubIsChecked();
    void theAccessTokenIsHiddenAndHandedOver();
    void theDeviceIsChosenAndTheGpuPassedOver();
    void theNoteOfAnUnusedGpuGoesWhenItIsClosedOrAnswered();
    void theStripSpeaksOfTheDeviceThatRuns();
    void deleteOffersUndo();
    void sidebarGivesWayInANarrowWindow();
    void followsTheTailUntilTheUserScrolls();
    void closedBlocksKeepTheirItemsWhileTheAnswerGrows();
    void idleWindowDrawsNothing();
};

void WindowTest::everyFileLoads_data() {
    QTest::addColumn<QString>("file");
    QDirIterator files(QStringLiteral(":/qt/qml/EdgeChat"), {QStringLiteral("*.qml")}, QDir::Files,
                       QDirIterator::Subdirectories);
    while (files.hasNext()) {
        const QString file = files.next();
        if (file.endsWith(u"/Theme.qml")) continue;  // a singleton: every other file loads it
        QTest::newRow(qPrintable(file)) << file;
    }
}

void WindowTest::everyFileLoads() {
    QFETCH(QString, file);
    QQmlEngine engine;
    engine.addImportPath(QStringLiteral(":/qt/qml"));
    QQmlComponent component(&engine, QUrl(QStringLiteral("qrc") + file));
    QVERIFY2(component.isReady(), qPrintable(component.errorString()));
}

void WindowTest::everyControlHasAName_data() {
    QTest::addColumn<QString>("scene");
    for (const QString& scene : sceneNames()) QTest::newRow(qPrintable(scene)) << scene;
}

void WindowTest::everyControlHasAName() {
    QFETCH(QString, scene);
    Shown shown(scene);
    QVERIFY(shown.window);
    if (scene.startsWith(u"models")) shown.window->setProperty("page", 1);
    if (scene.startsWith(u"settings")) shown.window->setProperty("page", 2);
    if (scene == u"palette") QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    if (scene == u"shortcuts") QTest::keyClick(shown.window, Qt::Key_F1);
    if (scene.startsWith(u"switcher")) QTest::keyClick(shown.window, Qt::Key_L, Qt::ControlModifier);
    if (scene.startsWith(u"sheet")) shown.showModelSheet();
    QTest::qWait(30);

    // A page that is being made gets its names one after the other.
    QString wrong;
    QTRY_VERIFY2((wrong = namelessControl(*shown.window)).isEmpty(), qPrintable(wrong));
}

void WindowTest::tabReachesEveryControl() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    QQuickItem* start = shown.window->activeFocusItem();
    QVERIFY(start);
    QSet<QQuickItem*> reached;
    bool list = false, messages = false;
    for (int i = 0; i < 200; ++i) {
        QTest::keyClick(shown.window, Qt::Key_Tab);
        QQuickItem* item = shown.window->activeFocusItem();
        QVERIFY(item);
        reached.insert(item);
        list |= shown.hasFocus("conversationList");
        messages |= shown.hasFocus("messageList");
        if (item == start) break;
    }
    QVERIFY2(reached.contains(start), "Tab does not come back to the composer");
    QVERIFY(reached.contains(shown.find("conversationSearch")));
    QVERIFY(list);
    QVERIFY(messages);
    QVERIFY(reached.size() > 12);
}

void WindowTest::cursorIsInTheComposerAtStart() {
    Shown shown(QStringLiteral("ready"));
    QVERIFY(shown.window);
    QCOMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));
}

void WindowTest::enterSendsAndShiftEnterBreaksTheLine() {
    Shown shown(QStringLiteral("ready"));
    QVERIFY(shown.window);
    shown.type("one");
    QTest::keyClick(shown.window, Qt::Key_Return, Qt::ShiftModifier);
    shown.type("two");
    QCOMPARE(shown.find("composerInput")->property("text").toString(), QStringLiteral("one\ntwo"));
    QVERIFY(shown.lastCall().isEmpty());
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.lastCall(), (QVariantList{QStringLiteral("send"), QStringLiteral("one\ntwo")}));
    QCOMPARE(shown.find("composerInput")->property("text").toString(), QString());
    QTest::keyClick(shown.window, Qt::Key_Return);  // nothing to send
    QCOMPARE(shown.program.chat()->property("calls").toList().size(), 1);
}

void WindowTest::escapeStopsTheAnswer() {
    Shown shown(QStringLiteral("generating"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_Escape);
    QCOMPARE(shown.program.chat()->property("calls").toList().size(), 1);
    QCOMPARE(shown.lastCall(), (QVariantList{QStringLiteral("stop")}));
}

void WindowTest::composerGrowsToEightLines() {
    Shown shown(QStringLiteral("ready"));
    QVERIFY(shown.window);
    QQuickItem* view = shown.find("composerInput")->parentItem()->parentItem();
    QList<qreal> heights;
    for (int line = 0; line < 12; ++line) {
        shown.type("x");
        QTest::keyClick(shown.window, Qt::Key_Return, Qt::ShiftModifier);
        QCoreApplication::processEvents();
        heights.append(view->height());
    }
    for (int i = 1; i < 7; ++i) QVERIFY2(heights[i] > heights[i - 1], qPrintable(QString::number(i)));
    QCOMPARE(heights[8], heights[11]);
}

void WindowTest::upEditsTheLastMessage() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_Up);
    QTRY_VERIFY(shown.find("messageEditor"));
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("messageEditor"));
    shown.type("!");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.lastCall().size(), 3);
    QCOMPARE(shown.lastCall()[0].toString(), QStringLiteral("edit"));
    QCOMPARE(shown.lastCall()[1].toLongLong(), 13);
    QVERIFY(shown.lastCall()[2].toString().endsWith(u"C++?!"));
}

void WindowTest::paletteFindsAndRuns() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("paletteField"));
    shown.type("lisbon");
    QTRY_COMPARE(shown.find("paletteList")->property("count").toInt(), 1);
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.property("opened").toLongLong(), 6);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));

    QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("paletteField"));
    shown.type("load q8");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.model()->property("loadedPath").toString(),
             QStringLiteral("/mnt/models/SmolLM2-360M-Instruct-Q8_0.gguf"));

    QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("paletteField"));
    shown.type("boat");
    QTRY_COMPARE(shown.find("paletteList")->property("count").toInt(), 1);
    QTest::mouseClick(shown.window, Qt::LeftButton, {},
                      shown.find("paletteList")->mapToScene(QPointF(60, 12)).toPoint());
    QCOMPARE(shown.program.property("opened").toLongLong(), 3);

    QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("paletteField"));
    shown.type("new chat");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.property("newChats").toInt(), 1);
}

void WindowTest::shortcutsReachTheirPlaces() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_F, Qt::ControlModifier);
    QCOMPARE(shown.window->activeFocusItem(), shown.find("conversationSearch"));
    shown.type("boat");
    QCOMPARE(shown.program.conversations()->property("query").toString(), QStringLiteral("boat"));
    QTest::keyClick(shown.window, Qt::Key_Escape);
    QCOMPARE(shown.program.conversations()->property("query").toString(), QString());
    QTest::keyClick(shown.window, Qt::Key_N, Qt::ControlModifier);
    QCOMPARE(shown.program.property("newChats").toInt(), 1);
    QCOMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));
    QTest::keyClick(shown.window, Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(shown.program.property("copied").toString(), QStringLiteral("the last answer"));
    QTest::keyClick(shown.window, Qt::Key_L, Qt::ControlModifier);
    QTRY_VERIFY(shown.hasFocus("modelList"));
    QTest::keyClick(shown.window, Qt::Key_Down);
    QTest::keyClick(shown.window, Qt::Key_Return);
    QVERIFY(shown.program.model()->property("loadedPath").toString().contains(u"360M"));
    QTest::keyClick(shown.window, Qt::Key_Comma, Qt::ControlModifier);
    QCOMPARE(shown.window->property("page").toInt(), 2);
}

void WindowTest::returnPressesAButton() {
    Shown shown(QStringLiteral("ready"));
    QVERIFY(shown.window);
    auto* entry = shown.find("newChatRow");
    QVERIFY(entry);
    entry->forceActiveFocus();
    for (const Qt::Key key : {Qt::Key_Return, Qt::Key_Enter, Qt::Key_Space}) {
        const int before = shown.program.property("newChats").toInt();
        entry->forceActiveFocus();
        QTest::keyClick(shown.window, key);
        QCOMPARE(shown.program.property("newChats").toInt(), before + 1);
    }
}

void WindowTest::importOpensAFileDialog() {
    Shown shown(QStringLiteral("no-model"));
    QVERIFY(shown.window);
    QVERIFY(!shown.find("importDialog"));
    QTest::keyClick(shown.window, Qt::Key_O, Qt::ControlModifier);
    QObject* dialog = shown.window->findChild<QObject*>(QStringLiteral("importDialog"));
    QVERIFY(dialog);
    QTRY_VERIFY(dialog->property("visible").toBool());
}

void WindowTest::importOfAFolderOpensADialog() {
    Shown shown(QStringLiteral("no-model"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_O, Qt::ControlModifier | Qt::ShiftModifier);
    // Where Qt has no dialog for folders, a file of the folder is chosen instead.
    const QString name = QT_VERSION >= QT_VERSION_CHECK(6, 3, 0) ? QStringLiteral("importFolderDialog")
                                                                 : QStringLiteral("importDialog");
    QObject* dialog = nullptr;
    QTRY_VERIFY((dialog = shown.window->findChild<QObject*>(name)) != nullptr);
    QTRY_VERIFY(dialog->property("visible").toBool());
}

void WindowTest::switcherSaysWhatAnotherModelCosts() {
    Shown shown(QStringLiteral("switcher-costs"));
    QVERIFY(shown.window);
    QTest::keyClick(shown.window, Qt::Key_L, Qt::ControlModifier);
    QTRY_VERIFY(shown.hasFocus("modelList"));
    QList<QQuickItem*> items;
    collect(shown.find("modelList"), &items);
    QStringList texts;
    for (QQuickItem* item : std::as_const(items)) texts << item->property("text").toString();
    const QString all = texts.join(u'\n');
    QVERIFY2(all.contains(QStringLiteral("reads about 680 tokens")), qPrintable(all));
    QVERIFY2(all.contains(QStringLiteral("unknown until it has run once")), qPrintable(all));
    QVERIFY2(all.contains(QStringLiteral("answer only in a new chat")), qPrintable(all));
    QVERIFY2(
        all.contains(QStringLiteral("Mistral  \u00B7  7.2B  \u00B7  AWQ INT4 g128  \u00B7  context 32,768")),
        qPrintable(all));
    QVERIFY2(all.contains(QStringLiteral("context 2,048 of 8,192")), qPrintable(all));
}

void WindowTest::theNextModelIsAnnouncedUntilItAnswers() {
    Shown shown(QStringLiteral("switch-next"));
    QVERIFY(shown.window);
    QTRY_VERIFY(shown.find("nextModelNote"));
    QVERIFY(shown.find("nextModelNote")->isVisible());
    shown.program.chat()->setProperty("answeredBy", shown.program.model()->property("name"));
    QTRY_VERIFY(!shown.find("nextModelNote")->isVisible());
}

void WindowTest::aModelWithoutATemplateAsksForABeginning() {
    Shown shown(QStringLiteral("no-template"));
    QVERIFY(shown.window);
    QList<QQuickItem*> items;
    collect(shown.window->contentItem(), &items);
    bool asks = false, explains = false;
    for (QQuickItem* item : std::as_const(items)) {
        const QString text = item->property("text").toString();
        asks |= text.startsWith(QStringLiteral("Write the beginning of a text"));
        explains |= text.contains(QStringLiteral("no chat template"));
    }
    QVERIFY(asks);
    QVERIFY(explains);
}

void WindowTest::everyWayToTheSettingsOfAModelLeadsThere() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    const auto closesAgain = [&] {
        if (!QTest::qWaitFor([&] { return shown.isShown("closeSheet"); })) return false;
        const bool right = shown.program.modelSettings()->property("path") ==
                           shown.program.model()->property("path").toString();
        QTest::keyClick(shown.window, Qt::Key_Escape);
        return right && QTest::qWaitFor([&] { return !shown.isShown("closeSheet"); });
    };
    QTest::keyClick(shown.window, Qt::Key_L, Qt::ControlModifier);
    QTRY_VERIFY(shown.hasFocus("modelList"));
    shown.click(shown.find("modelSettingsRow"));
    QVERIFY(closesAgain());
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));
    QVERIFY(shown.program.modelSettings()->property("path").toString().isEmpty());

    QTest::keyClick(shown.window, Qt::Key_K, Qt::ControlModifier);
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("paletteField"));
    shown.type("settings of this");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QVERIFY(closesAgain());

    shown.window->setProperty("page", 1);
    QTRY_VERIFY(shown.find("modelSettingsButton"));
    QTRY_VERIFY(shown.find("modelSettingsButton")->width() > 0);
    QTest::qWait(30);  // until the cards stand where they stay
    shown.click(shown.find("modelSettingsButton"));
    QVERIFY(closesAgain());
}

void WindowTest::aValueBecomesTheModelsOwnAndGeneralAgain() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    ModelSettings& settings = *shown.program.modelSettings();
    shown.showModelSheet();
    QTRY_VERIFY(shown.find("topKBox"));
    QVERIFY(!shown.resetOf("topKRow")->isEnabled());
    QVERIFY(!shown.find("followAllButton")->isEnabled());
    shown.find("topKBox")->forceActiveFocus();  // it scrolls into sight
    QTest::keyClick(shown.window, Qt::Key_Up);
    QCOMPARE(settings.topK(), 41);
    QCOMPARE(settings.own(), QList<int>{ModelSettings::TopK});
    QVERIFY(shown.resetOf("topKRow")->isEnabled());
    QAccessibleInterface* reset = QAccessible::queryAccessibleInterface(shown.resetOf("topKRow"));
    QVERIFY(reset);
    QCOMPARE(reset->text(QAccessible::Name), QStringLiteral("Use the general value of Top K: 40"));
    shown.click(shown.resetOf("topKRow"));
    QVERIFY(settings.own().isEmpty());
    QCOMPARE(shown.find("topKBox")->property("value").toInt(), 40);

    settings.setTemperature(0.2);
    settings.setKvInt8(true);
    QCOMPARE(shown.find("cacheBox")->property("currentIndex").toInt(), 1);
    shown.click(shown.find("followAllButton"));
    QVERIFY(settings.own().isEmpty());
    QCOMPARE(shown.find("cacheBox")->property("currentIndex").toInt(), 0);
    shown.click(shown.find("doneButton"));
    QTRY_VERIFY(!shown.isShown("doneButton"));
}

void WindowTest::theSettingsOfAModelGoByKeys() {
    Shown shown(QStringLiteral("conversation"), QSize(640, 480));
    QVERIFY(shown.window);
    ModelSettings& settings = *shown.program.modelSettings();
    shown.showModelSheet();
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("contextBox"));
    QTest::keyClick(shown.window, Qt::Key_Down);
    QCOMPARE(settings.contextTokens(), 1024);
    QTest::keyClick(shown.window, Qt::Key_Tab);
    QCOMPARE(shown.window->activeFocusItem(), shown.resetOf("contextRow"));
    QTest::keyClick(shown.window, Qt::Key_Return);
    QVERIFY(settings.own().isEmpty());

    // Round the sheet: every row is reached and is in sight then, and nothing behind the sheet is.
    QQuickItem* view = shown.find("sheetView");
    QQuickItem* frame = shown.find("contextBox")->window()->contentItem();
    QSet<QString> reached;
    shown.find("contextBox")->forceActiveFocus();
    for (int i = 0; i < 40; ++i) {
        QTest::keyClick(shown.window, Qt::Key_Tab);
        QQuickItem* item = shown.window->activeFocusItem();
        QVERIFY(item);
        if (item == shown.find("contextBox")) break;
        const qreal middle = item->mapToItem(frame, QPointF(0, item->height() / 2)).y();
        QVERIFY2(middle > 0 && middle < 480, item->metaObject()->className());
        bool inView = false;
        for (QQuickItem* parent = item; parent; parent = parent->parentItem()) {
            inView |= parent == view;
            if (!parent->objectName().isEmpty()) reached.insert(parent->objectName());
        }
        if (inView) {
            const qreal inside = item->mapToItem(view, QPointF(0, item->height() / 2)).y();
            QVERIFY2(inside > 0 && inside < view->height(), item->metaObject()->className());
        }
    }
    QCOMPARE(shown.window->activeFocusItem(), shown.find("contextBox"));
    for (const char* name :
         {"cacheRow", "promptRow", "temperatureRow", "topKRow", "doneButton", "closeSheet"})
        QVERIFY2(reached.contains(QString::fromLatin1(name)), name);
    QVERIFY(!reached.contains(QStringLiteral("composerInput")));
}

void WindowTest::theInstructionsAreKeptWhenTheSheetCloses() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    shown.showModelSheet();
    QTRY_VERIFY(shown.find("promptArea"));
    shown.find("promptArea")->forceActiveFocus();
    shown.type("be brief");
    QTest::keyClick(shown.window, Qt::Key_Escape);
    QTRY_VERIFY(!shown.isShown("promptArea"));
    QCOMPARE(shown.program.modelSettings()->systemPrompt(), QStringLiteral("be brief"));
    QCOMPARE(shown.program.modelSettings()->own(), QList<int>{ModelSettings::Prompt});
}

void WindowTest::aLoadedModelIsReloadedFromItsSettings() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    shown.showModelSheet();
    QTRY_VERIFY(shown.find("doneButton"));
    QVERIFY(!shown.isShown("reloadButton"));
    shown.program.model()->setProperty("reloadNeeded", true);
    QTRY_VERIFY(shown.isShown("reloadButton"));
    QTest::qWait(30);
    shown.click(shown.find("reloadButton"));
    QCOMPARE(shown.program.model()->property("loadedPath"), shown.program.model()->property("path"));
    // Another model's settings reload nothing.
    shown.program.editModel(QStringLiteral("/mnt/models/other.gguf"), QStringLiteral("other"));
    QTRY_VERIFY(!shown.isShown("reloadButton"));
}

void WindowTest::theAddressOfTheHubIsChecked() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    shown.window->setProperty("page", 2);
    QTRY_VERIFY(shown.find("hubAddressField"));
    QQuickItem* field = shown.find("hubAddressField");
    field->forceActiveFocus();
    shown.type("ftp://mirror");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QTRY_VERIFY(shown.isShown("hubAddressProblem"));
    QVERIFY(!shown.isShown("mirrorNote"));
    QCOMPARE(field->property("text").toString(), QStringLiteral("ftp://mirror"));  // to be put right
    QMetaObject::invokeMethod(field, "selectAll");
    shown.type("https://mirror.example.org");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.hub()->property("address").toString(),
             QStringLiteral("https://mirror.example.org"));
    QTRY_VERIFY(!shown.isShown("hubAddressProblem"));
    QVERIFY(shown.isShown("mirrorNote"));
}

void WindowTest::theAccessTokenIsHiddenAndHandedOver() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    shown.window->setProperty("page", 2);
    QTRY_VERIFY(shown.find("hubTokenField"));
    QQuickItem* field = shown.find("hubTokenField");
    QCOMPARE(field->property("echoMode").toInt(), 2);  // TextInput.Password
    QVERIFY(!shown.find("setTokenButton")->isEnabled());
    QVERIFY(!shown.isShown("removeTokenButton"));
    field->forceActiveFocus();
    shown.type("two words");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QTRY_VERIFY(shown.isShown("hubTokenProblem"));
    QMetaObject::invokeMethod(field, "selectAll");
    shown.type("hf_word");
    QVERIFY(!field->property("displayText").toString().contains(u'w'));
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.hub()->property("givenToken").toString(), QStringLiteral("hf_word"));
    QCOMPARE(field->property("text").toString(), QString());
    QTRY_VERIFY(shown.isShown("removeTokenButton"));
    QTest::qWait(30);
    shown.click(shown.find("removeTokenButton"));
    QTRY_VERIFY(!shown.isShown("removeTokenButton"));
    shown.find("offlineSwitch")->forceActiveFocus();
    QTest::keyClick(shown.window, Qt::Key_Space);
    QVERIFY(shown.program.hub()->property("offline").toBool());
}

void WindowTest::theDeviceIsChosenAndTheGpuPassedOver() {
    Shown shown(QStringLiteral("settings-gpu-unused"));
    QVERIFY(shown.window);
    Settings& settings = *shown.program.settings();
    Gpu& gpu = *shown.program.gpu();
    QCOMPARE(gpu.property("looks").toInt(), 0);  // CUDA takes memory: it is started only where it is of use
    shown.window->setProperty("page", 2);
    QTRY_VERIFY(shown.find("deviceBox"));
    QCOMPARE(gpu.property("looks").toInt(), 1);
    QQuickItem* box = shown.find("deviceBox");
    QVERIFY(shown.find("deviceRow")
                ->property("explanation")
                .toString()
                .contains(gpu.property("description").toString()));
    const auto press = [&](Qt::Key key) {
        QTest::keyClick(shown.window, key);
        return settings.property("device").toInt();
    };
    box->forceActiveFocus();
    QCOMPARE(press(Qt::Key_Down), Settings::Cpu);
    QCOMPARE(box->property("currentIndex").toInt(), 2);
    QCOMPARE(press(Qt::Key_Down), Settings::Cpu);
    QCOMPARE(press(Qt::Key_Up), Settings::Automatic);
    QCOMPARE(press(Qt::Key_G), Settings::Automatic);
    // In the list the entry is shown, and neither a key nor a click takes it.
    QTest::keyClick(shown.window, Qt::Key_Space);
    QObject* popup = box->property("popup").value<QObject*>();
    QTRY_VERIFY(popup->property("opened").toBool());
    QTest::keyClick(shown.window, Qt::Key_Down);
    QCOMPARE(box->property("highlightedIndex").toInt(), 1);
    QCOMPARE(press(Qt::Key_Return), Settings::Automatic);
    QVERIFY(popup->property("visible").toBool());
    const auto entries = [&] {
        QList<QQuickItem*> items;
        collect(popup->property("contentItem").value<QQuickItem*>(), &items);
        items.removeIf([](QQuickItem* item) { return !item->inherits("QQuickItemDelegate"); });
        return items;
    };
    QTRY_COMPARE(entries().size(), 3);  // they are made one after the other
    QQuickItem* refused = nullptr;
    for (QQuickItem* entry : entries()) {
        const bool gpuEntry = entry->property("text").toString() == QStringLiteral("GPU");
        QCOMPARE(entry->isEnabled(), !gpuEntry);
        if (gpuEntry) refused = entry;
    }
    QVERIFY(refused);
    shown.click(refused);
    QCOMPARE(settings.property("device").toInt(), Settings::Automatic);
    QVERIFY(popup->property("visible").toBool());
    QTest::keyClick(shown.window, Qt::Key_Escape);
    QTRY_VERIFY(!popup->property("visible").toBool());

    gpu.setProperty("usable", true);
    box->forceActiveFocus();
    QCOMPARE(press(Qt::Key_Down), Settings::Gpu);
    QCOMPARE(press(Qt::Key_Down), Settings::Cpu);
}

void WindowTest::theNoteOfAnUnusedGpuGoesWhenItIsClosedOrAnswered() {
    for (const bool closed : {true, false}) {
        Shown shown(QStringLiteral("gpu-unused"));
        QVERIFY(shown.window);
        QTRY_VERIFY(shown.isShown("gpuNote"));
        QVERIFY(shown.find("gpuNote")->property("text").toString().endsWith(u"Answers come from the CPU."));
        QTest::qWait(30);
        if (closed) {
            shown.click(Shown::findIn(shown.find("gpuNote"), QStringLiteral("closeNote")));
        } else {
            shown.type("Hello");
            QTest::keyClick(shown.window, Qt::Key_Return);
        }
        QTRY_VERIFY(!shown.isShown("gpuNote"));
        QVERIFY(!shown.program.model()->property("gpuNoteIsNew").toBool());
        QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));
        // Who wonders later finds it where the device stands.
        QCOMPARE(shown.find("deviceChip")->property("explanation"),
                 shown.program.model()->property("gpuNote"));
    }
}

void WindowTest::theStripSpeaksOfTheDeviceThatRuns() {
    Shown shown(QStringLiteral("gpu"));
    QVERIFY(shown.window);
    const auto value = [&](const char* figure) { return shown.find(figure)->property("value").toString(); };
    Telemetry& telemetry = *shown.program.telemetry();
    QVERIFY(shown.isShown("deviceChip"));
    QVERIFY(shown.find("deviceChip")->property("explanation").toString().contains(u"GPU \u00B7 GeForce"));
    QCOMPARE(shown.find("memoryFigure")->property("caption").toString(), QStringLiteral("GPU memory"));
    QCOMPARE(value("memoryFigure"), QStringLiteral("3.3 GB free"));
    QVERIFY(shown.isShown("gpuLoadFigure"));
    QCOMPARE(value("gpuLoadFigure"), QStringLiteral("96 %"));
    QVERIFY(shown.isShown("energyFigure"));
    QCOMPARE(value("energyFigure"), QStringLiteral("0.55 J/token"));
    // What is not known is not shown, and the machine's memory takes the place of the card's.
    telemetry.setProperty("energyPerToken", std::nan(""));
    QVERIFY(shown.isShown("energyFigure"));  // the next answer has it again: nothing jumps
    QCOMPARE(value("energyFigure"), QStringLiteral("\u2013 J/token"));
    telemetry.setProperty("power", std::nan(""));
    telemetry.setProperty("gpuMemoryTotal", QVariant::fromValue<qint64>(0));
    telemetry.setProperty("gpuLoad", -1.0);
    QVERIFY(!shown.isShown("energyFigure"));
    QVERIFY(!shown.isShown("gpuLoadFigure"));
    QCOMPARE(shown.find("memoryFigure")->property("caption").toString(), QStringLiteral("memory"));
    QCOMPARE(value("memoryFigure"), QStringLiteral("4.2 GB free"));
    // A GPU that nothing runs on is of no interest here.
    telemetry.setProperty("gpuLoad", 0.5);
    shown.program.model()->setProperty("onGpu", false);
    QVERIFY(!shown.isShown("gpuLoadFigure"));
}

void WindowTest::deleteOffersUndo() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    auto* list = shown.find("conversationList");
    list->forceActiveFocus();
    QTest::keyClick(shown.window, Qt::Key_Down);
    QTest::keyClick(shown.window, Qt::Key_Delete);
    QCOMPARE(shown.program.conversations()->m_calls.constLast(),
             (QVariantList{QStringLiteral("remove"), qint64(2)}));
    auto* undo = shown.find("toastAction");
    QVERIFY(undo);
    QTRY_VERIFY(undo->isVisible());
    QTest::mouseClick(shown.window, Qt::LeftButton, {},
                      undo->mapToScene(QPointF(undo->width() / 2, undo->height() / 2)).toPoint());
    QVERIFY(!shown.program.conversations()->property("canUndoDelete").toBool());
}

void WindowTest::sidebarGivesWayInANarrowWindow() {
    Shown shown(QStringLiteral("ready"), QSize(700, 500));
    QVERIFY(shown.window);
    QVERIFY(!shown.find("conversationSearch")->isVisible());
    QTest::keyClick(shown.window, Qt::Key_B, Qt::ControlModifier);
    QVERIFY(shown.find("conversationSearch")->isVisible());
    QTest::mouseClick(shown.window, Qt::LeftButton, {}, QPoint(600, 300));
    QVERIFY(!shown.find("conversationSearch")->isVisible());
}

void WindowTest::followsTheTailUntilTheUserScrolls() {
    Shown shown(QStringLiteral("generating"), QSize(1000, 520));
    QVERIFY(shown.window);
    auto* list = shown.find("messageList");
    const auto distance = [&] {
        return list->property("originY").toReal() + list->property("contentHeight").toReal() -
               list->property("contentY").toReal() - list->height();
    };
    MessageList& messages = *shown.program.chat()->messages();
    QString text = messages.row(3).value(QStringLiteral("text")).toString();
    const auto grow = [&] {
        for (int i = 0; i < 12; ++i) {
            text += QStringLiteral("\n\nAnother paragraph of the answer, number %1.").arg(i);
            messages.setValue(3, QStringLiteral("text"), text);
            QTest::qWait(5);
        }
    };
    grow();
    QTRY_VERIFY2(distance() < 30, qPrintable(QString::number(distance())));

    const QPoint middle = list->mapToScene(QPointF(list->width() / 2, list->height() / 2)).toPoint();
    QWheelEvent wheel(middle, shown.window->mapToGlobal(middle), QPoint(), QPoint(0, 240), Qt::NoButton,
                      Qt::NoModifier, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(shown.window, &wheel);
    QTRY_VERIFY(!list->property("followTail").toBool());
    QTRY_VERIFY(!list->property("moving").toBool());
    const qreal place = list->property("contentY").toReal();
    grow();
    QCOMPARE(list->property("contentY").toReal(), place);
}

void WindowTest::closedBlocksKeepTheirItemsWhileTheAnswerGrows() {
    Shown shown(QStringLiteral("generating"));
    QVERIFY(shown.window);
    MessageList& messages = *shown.program.chat()->messages();
    QString text = QStringLiteral("First paragraph, closed.\n\n```c\nint a;\n```\n\nOpen");
    messages.setValue(3, QStringLiteral("text"), text);
    QTest::qWait(20);
    QList<QQuickItem*> items;
    collect(shown.window->contentItem(), &items);
    QPointer<QQuickItem> first;
    for (QQuickItem* item : std::as_const(items)) {
        if (item->inherits("QQuickTextEdit") &&
            item->property("html").toString().startsWith(u"First paragraph"))
            first = item;
    }
    QVERIFY(first);
    QSignalSpy relaid(first, SIGNAL(textChanged()));
    for (int i = 0; i < 40; ++i) {
        text += QStringLiteral(" word\n\n").left(i % 5 ? 5 : 7);
        messages.setValue(3, QStringLiteral("text"), text);
        QCoreApplication::processEvents();
    }
    messages.setValue(3, QStringLiteral("status"), MessageList::Complete);
    QTest::qWait(20);
    QVERIFY(first);
    QCOMPARE(relaid.size(), 0);
}

void WindowTest::idleWindowDrawsNothing() {
    Shown shown(QStringLiteral("conversation"));
    QVERIFY(shown.window);
    QGuiApplication::styleHints()->setCursorFlashTime(0);  // the text cursor's blink is the desktop's choice
    shown.find("messageList")->forceActiveFocus();
    QTest::qWait(300);
    QSignalSpy frames(shown.window, &QQuickWindow::afterRendering);
    QTest::qWait(800);
    QCOMPARE(frames.size(), 0);
}

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    if (qEnvironmentVariableIsEmpty("QT_QUICK_BACKEND")) qputenv("QT_QUICK_BACKEND", "software");
    QGuiApplication application(argc, argv);
    QQuickStyle::setStyle(QStringLiteral("Basic"));
    WindowTest test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_window.moc"
