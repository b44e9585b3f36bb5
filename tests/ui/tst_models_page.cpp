// The Models page, driven by clicks and keys and checked from outside: what it asks of the program.
#include "tests/ui/shown.h"

using namespace edgechat::fake;

class ModelsPageTest : public QObject {
    Q_OBJECT

  private:
    static QVariantList last(const QVariantList& calls) {
        return calls.isEmpty() ? QVariantList() : calls.constLast().toList();
    }
    static void open(Shown& shown) {
        shown.window->setProperty("page", 1);
        QTest::qWait(60);  // until all cards are made
    }
    /// The shown one of several items with a name.
    static QQuickItem* visible(const Shown& shown, const char* name) {
        QList<QQuickItem*> items;
        collect(shown.window->contentItem(), &items);
        for (QQuickItem* item : std::as_const(items))
            if (item->objectName() == QLatin1String(name)) return item;
        return nullptr;
    }
    static bool says(const Shown& shown, const QString& text) {
        QList<QQuickItem*> items;
        collect(shown.window->contentItem(), &items);
        for (QQuickItem* item : std::as_const(items))
            if (item->property("text").toString().contains(text)) return true;
        return false;
    }

  private Q_SLOTS:
    void aNameIsLookedUpBeforeItIsFetched();
    void lookingCanBeGivenUp();
    void theOfferIsFetchedFromItsCard();
    void aRefusalSaysWhy();
    void aDamagedModelIsRepaired();
    void aModelIsRenamedAndChecked();
    void escapeKeepsTheName();
    void aCheckShowsHowFarItIs();
    void whatTheCacheHoldsIsLoadedOrAdded();
    void aJobThatWaitsCanGoFirst();
    void searchIsForWhatIsHereAndWhatCanBeHad();
};

void ModelsPageTest::searchIsForWhatIsHereAndWhatCanBeHad() {
    Shown shown(QStringLiteral("models-catalog"));
    QVERIFY(shown.window);
    open(shown);
    shown.click(visible(shown, "modelSearch"));
    shown.type("mistral");
    QCOMPARE(shown.program.installed()->property("filter").toString(), QStringLiteral("mistral"));
    QCOMPARE(shown.program.catalog()->property("filter").toString(), QStringLiteral("mistral"));
}

void ModelsPageTest::aJobThatWaitsCanGoFirst() {
    Shown shown(QStringLiteral("models-jobs"));
    QVERIFY(shown.window);
    open(shown);
    shown.click(visible(shown, "firstButton"));
    QCOMPARE(last(shown.program.jobs()->calls()), (QVariantList{QStringLiteral("goFirst"), 7.0}));
}

void ModelsPageTest::aNameIsLookedUpBeforeItIsFetched() {
    Shown shown(QStringLiteral("models-catalog"));
    QVERIFY(shown.window);
    open(shown);
    shown.click(visible(shown, "repositoryField"));
    shown.type("org/name");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(shown.program.offer()->property("wanted").toString(), QStringLiteral("org/name"));
    QCOMPARE(shown.program.offer()->property("state").toInt(), static_cast<int>(RepositoryOffer::Looking));
    QVERIFY(shown.program.jobs()->calls().isEmpty());
}

void ModelsPageTest::lookingCanBeGivenUp() {
    Shown shown(QStringLiteral("models-catalog"));
    QVERIFY(shown.window);
    open(shown);
    shown.program.offer()->look(QStringLiteral("org/name"));
    shown.program.offer()->setProperty("problem", QStringLiteral("no connection to the Hub"));
    QTest::qWait(30);
    QVERIFY(says(shown, QStringLiteral("no connection to the Hub")));
    shown.click(visible(shown, "repositoryButton"));
    QCOMPARE(shown.program.offer()->property("state").toInt(), static_cast<int>(RepositoryOffer::None));
}

void ModelsPageTest::theOfferIsFetchedFromItsCard() {
    Shown shown(QStringLiteral("models-wanted"));
    QVERIFY(shown.window);
    shown.program.offer()->setProperty("wanted", QStringLiteral("teknium/OpenHermes-2.5-Mistral-7B@main"));
    open(shown);
    QQuickItem* const card = visible(shown, "offerCard");
    QVERIFY(card);
    shown.click(Shown::findIn(card, QStringLiteral("getButton")));
    QCOMPARE(last(shown.program.jobs()->calls()),
             (QVariantList{QStringLiteral("get"), QStringLiteral("teknium/OpenHermes-2.5-Mistral-7B@main")}));
    QCOMPARE(shown.program.offer()->property("state").toInt(), static_cast<int>(RepositoryOffer::None));
}

void ModelsPageTest::aRefusalSaysWhy() {
    Shown shown(QStringLiteral("models-refused"));
    QVERIFY(shown.window);
    open(shown);
    QVERIFY(says(shown, QStringLiteral("\"stablelm\"")));
    QVERIFY(!visible(shown, "offerCard"));
}

void ModelsPageTest::aDamagedModelIsRepaired() {
    Shown shown(QStringLiteral("models"));
    QVERIFY(shown.window);
    open(shown);
    QVERIFY(says(shown, QStringLiteral("Repairing fetches what is wrong")));
    shown.click(visible(shown, "repairButton"));
    QCOMPARE(shown.program.property("repaired").toString(), QStringLiteral("Llama-3.2-1B-Instruct"));
}

void ModelsPageTest::aModelIsRenamedAndChecked() {
    Shown shown(QStringLiteral("models"));
    QVERIFY(shown.window);
    open(shown);
    // The first card's model is loaded: it keeps its name until it is not.
    shown.program.library()->setRows({[&] {
        QVariantMap model = shown.program.library()->row(0);
        model[QStringLiteral("loaded")] = false;
        return model;
    }()});
    QTest::qWait(60);
    shown.click(visible(shown, "detailsButton"));
    QTest::qWait(60);
    shown.click(visible(shown, "renameButton"));
    QTRY_VERIFY(visible(shown, "nameField") && visible(shown, "nameField")->hasActiveFocus());
    shown.type("Other");
    QTest::keyClick(shown.window, Qt::Key_Return);
    QCOMPARE(last(shown.program.library()->calls()),
             (QVariantList{QStringLiteral("rename"), QStringLiteral("SmolLM2-135M-Instruct"),
                           QStringLiteral("Other")}));
    QTest::qWait(60);
    shown.click(visible(shown, "verifyButton"));
    QCOMPARE(last(shown.program.library()->calls()),
             (QVariantList{QStringLiteral("verify"), QStringLiteral("SmolLM2-135M-Instruct")}));
}

void ModelsPageTest::escapeKeepsTheName() {
    Shown shown(QStringLiteral("models-details"));
    QVERIFY(shown.window);
    shown.program.library()->setRows({shown.program.library()->row(1)});
    open(shown);
    shown.click(visible(shown, "detailsButton"));
    QTest::qWait(60);
    shown.click(visible(shown, "renameButton"));
    QTRY_VERIFY(visible(shown, "nameField"));
    shown.type("Other");
    QTest::keyClick(shown.window, Qt::Key_Escape);
    QTRY_VERIFY(!visible(shown, "nameField"));
    QVERIFY(shown.program.library()->calls().isEmpty());
}

void ModelsPageTest::aCheckShowsHowFarItIs() {
    Shown shown(QStringLiteral("models-checking"));
    QVERIFY(shown.window);
    open(shown);
    QVERIFY(says(shown, QStringLiteral("Checking")));
}

void ModelsPageTest::whatTheCacheHoldsIsLoadedOrAdded() {
    Shown shown(QStringLiteral("models-cached"));
    QVERIFY(shown.window);
    open(shown);
    QVERIFY(says(shown, QStringLiteral("was not fetched")));
    shown.click(visible(shown, "cachedLoadButton"));
    QVERIFY2(shown.program.model()
                 ->property("loadedPath")
                 .toString()
                 .endsWith(QStringLiteral("TinyLlama-1.1B-Chat-v1.0")),
             qPrintable(shown.program.model()->property("loadedPath").toString()));
    QCOMPARE(shown.window->property("page").toInt(), 0);
}

QTEST_MAIN(ModelsPageTest)
#include "tst_models_page.moc"
