// What the window says of the memory of the device that runs a model, and what it offers where that is short.
#include "tests/ui/shown.h"

using namespace edgechat::fake;

class DeviceMemoryTest : public QObject {
    Q_OBJECT

  private:
    /// Of all shown items with this name.
    static QStringList texts(QQuickItem* root, const char* name) {
        QList<QQuickItem*> items;
        collect(root, &items);
        QStringList found;
        for (QQuickItem* item : std::as_const(items)) {
            if (item->objectName() == QLatin1String(name)) found << item->property("text").toString();
        }
        return found;
    }
    static QQuickItem* button(const Shown& shown, const QString& text) {
        QList<QQuickItem*> items;
        collect(shown.window->contentItem(), &items);
        for (QQuickItem* item : std::as_const(items)) {
            if (item->inherits("QQuickButton") && item->property("text").toString() == text) return item;
        }
        return nullptr;
    }
    /// How wide and high a text is drawn, against the room that it has.
    static bool isWhole(QQuickItem* text) {
        return !text->property("truncated").toBool() &&
               text->property("contentWidth").toReal() <= text->width() + 0.5 &&
               text->property("contentHeight").toReal() <= text->height() + 0.5;
    }
    static QString loaded(Shown& shown) { return shown.program.model()->property("loadedPath").toString(); }

  private Q_SLOTS:
    void aCardNamesTheMemoryThatCounts();
    void theSheetNamesTheMemoryThatCounts();
    void theNoteOffersAContextThatFitsOnTheGpu();
    void aLoadThatFailedOffersAContextThatFits();
};

void DeviceMemoryTest::aCardNamesTheMemoryThatCounts() {
    Shown shown(QStringLiteral("models-gpu"));
    QVERIFY(shown.window);
    shown.window->setProperty("page", 1);
    QTRY_VERIFY(texts(shown.window->contentItem(), "memoryText").size() >= 4);
    const QStringList said = texts(shown.window->contentItem(), "memoryText");
    QCOMPARE(said[0], QStringLiteral("820 MB of 4.7 GB free GPU memory, with a context of 4,096 tokens"));
    QCOMPARE(
        said[1],
        QStringLiteral("5.0 GB of 12.3 GB free memory, with a context of 4,096 tokens. Runs on the CPU: the "
                       "GPU would need 5.1 GB for it and has 4.7 GB free."));
    QCOMPARE(said[2],
             QStringLiteral("needs 6.5 GB, and 4.7 GB of GPU memory are free; main memory is too small "
                            "as well"));
    // Where there is no GPU, as before.
    QCOMPARE(said[3], QStringLiteral("needs 6.5 GB, and 6.1 GB of memory are free"));

    // At another context the card follows the device that would run it.
    QVariantMap memory = shown.program.catalog()->row(1)[QStringLiteral("memory")].toMap();
    memory[QStringLiteral("gpuNeeded")] = 0.0;
    shown.program.catalog()->setValue(1, QStringLiteral("memory"), memory);
    QCOMPARE(texts(shown.window->contentItem(), "memoryText")[1],
             QStringLiteral("5.0 GB of 12.3 GB free memory, with a context of 4,096 tokens"));
}

void DeviceMemoryTest::theSheetNamesTheMemoryThatCounts() {
    const struct {
        const char* scene;
        const char* text;
    } kCases[] = {
        {"sheet", "8,192 tokens take 1.1 GB. With them the model needs 2.1 GB of the 4.4 GB that are free."},
        {"sheet-gpu",
         "8,192 tokens take 1.1 GB. With them the model needs 2.1 GB of the 4.4 GB of GPU memory that are "
         "free."},
        {"sheet-gpu-lacks",
         "8,192 tokens take 1.1 GB. With them the model needs 2.1 GB of the 4.4 GB that are free. It runs on "
         "the "
         "CPU: the GPU would need 2.4 GB and has 1.9 GB free. At most 5,632 tokens fit there."},
        {"sheet-full",
         "32,768 tokens take 4.3 GB: with them the model needs 8.4 GB, and 4.4 GB are free. At most 6,144 "
         "tokens "
         "fit."},
        {"sheet-gpu-full",
         "32,768 tokens take 4.3 GB: with them the model needs 8.4 GB, and 4.4 GB of GPU memory are free; "
         "main "
         "memory is too small as well. At most 6,144 tokens fit."}};
    for (const auto& expected : kCases) {
        Shown shown(QString::fromLatin1(expected.scene), QSize(640, 480));
        QVERIFY(shown.window);
        shown.showModelSheet();
        QTRY_VERIFY(shown.isShown("contextMemoryText"));
        QQuickItem* const text = shown.find("contextMemoryText");
        QCOMPARE(text->property("text").toString(), QString::fromLatin1(expected.text));
        QTRY_VERIFY(isWhole(text));
    }
    Shown shown(QStringLiteral("sheet-gpu-lacks"));
    QVERIFY(shown.window);
    shown.showModelSheet();
    QTRY_VERIFY(shown.isShown("contextMemoryText"));
    shown.program.contextMemory()->setProperty("gpuContext", 0);
    QVERIFY(shown.find("contextMemoryText")->property("text").toString().endsWith(u"and has 1.9 GB free."));
}

void DeviceMemoryTest::theNoteOffersAContextThatFitsOnTheGpu() {
    Shown shown(QStringLiteral("gpu-lacks"), QSize(640, 480));
    QVERIFY(shown.window);
    QTRY_VERIFY(shown.isShown("gpuNote"));
    QTest::qWait(30);
    QQuickItem* const action = button(shown, QStringLiteral("Use 6,144 tokens of context"));
    QVERIFY(action);
    shown.click(action);
    QCOMPARE(loaded(shown), QStringLiteral("fitting context"));
    QTRY_COMPARE(shown.window->activeFocusItem(), shown.find("composerInput"));
    // Where no context helps there is nothing to press.
    shown.program.model()->setProperty("fittingContext", 0);
    QVERIFY(shown.isShown("gpuNote"));
    QVERIFY(!Shown::findIn(shown.find("gpuNote"), QStringLiteral("noteAction"))->isVisible());
}

void DeviceMemoryTest::aLoadThatFailedOffersAContextThatFits() {
    Shown shown(QStringLiteral("does-not-fit"), QSize(640, 480));
    QVERIFY(shown.window);
    QTest::qWait(30);
    QVERIFY(!button(shown, QStringLiteral("Choose another model")));
    shown.click(button(shown, QStringLiteral("Try again")));
    QCOMPARE(loaded(shown), QStringLiteral("retry"));
    shown.click(button(shown, QStringLiteral("Use 6,144 tokens of context")));
    QCOMPARE(loaded(shown), QStringLiteral("fitting context"));
    shown.program.model()->setProperty("fittingContext", 0);
    QVERIFY(!button(shown, QStringLiteral("Use 6,144 tokens of context")));
    QVERIFY(button(shown, QStringLiteral("Choose another model")));
    shown.click(button(shown, QStringLiteral("Try again")));
    QCOMPARE(loaded(shown), QStringLiteral("retry"));
}

QTEST_MAIN(DeviceMemoryTest)
#include "tst_device_memory.moc"
