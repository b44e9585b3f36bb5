// What a switch of the model costs: sums that were done by hand.
#include "app/switch_cost.h"

#include <QLocale>
#include <QTest>

using namespace edgechat::app;

class SwitchCostTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates)); }

    void loadingAndReadingAreAdded() {
        SwitchFacts facts;
        facts.conversationTokens = 1280;
        facts.countedBy = QStringLiteral("small");
        facts.loadRate = 49e6;                              // 98 MB: 2 s
        facts.prefill[QStringLiteral("small")] = {640, 0};  // 1280 tokens: 2 s
        const SwitchCost cost = switchCost(facts, {QStringLiteral("small"), 98'000'000, 135'000'000, 8192});
        QCOMPARE(cost.seconds, 4.0);
        QCOMPARE(cost.context, 4096);  // the default, below what it was trained for
        QVERIFY(!cost.tooLong);
        QCOMPARE(switchCostText(cost),
                 QStringLiteral("Loads 98 MB and reads 1,280 tokens of this conversation again, about 4 s"));
        QCOMPARE(switchWarning(cost), QString());
    }

    void theSpeedOfTheNearestModelIsScaledByTheParameters() {
        SwitchFacts facts;
        facts.conversationTokens = 1000;
        facts.loadRate = 200e6;
        facts.prefill[QStringLiteral("a")] = {800, 100'000'000};
        facts.prefill[QStringLiteral("b")] = {10, 7'000'000'000};
        facts.prefill[QStringLiteral("gone")] = {5, 0};  // not installed any more: its size is not known
        // 400 MB: 2 s. 4 times the parameters of `a`: 200 tokens per second, 5 s.
        SwitchCost cost = switchCost(facts, {QStringLiteral("c"), 400'000'000, 400'000'000, 4096});
        QCOMPARE(cost.seconds, 7.0);
        // 3.5 billion are nearer to `b`: twice its speed, 50 s; and 10 s for 2 GB.
        cost = switchCost(facts, {QStringLiteral("d"), 2'000'000'000, 3'500'000'000, 4096});
        QCOMPARE(cost.seconds, 60.0);
        // A model's own speed counts before any other's: 1000 / 10 and 1 s.
        cost = switchCost(facts, {QStringLiteral("b"), 200'000'000, 7'000'000'000, 4096});
        QCOMPARE(cost.seconds, 101.0);
    }

    void whatAnotherModelCountedIsAbout() {
        SwitchFacts facts;
        facts.conversationTokens = 1284;
        facts.countedBy = QStringLiteral("other");
        const SwitchCost cost = switchCost(facts, {QStringLiteral("small"), 98'000'000, 0, 8192});
        QVERIFY(!cost.tokensCounted);
        QCOMPARE(cost.seconds, -1.0);
        QCOMPARE(switchCostText(cost),
                 QStringLiteral(
                     "Loads 98 MB and reads about 1,300 tokens of this conversation again; how long that "
                     "takes is unknown until it has run once"));
    }

    void anEmptyConversationCostsTheLoadAlone() {
        SwitchFacts facts;
        facts.loadRate = 50e6;
        SwitchCost cost = switchCost(facts, {QStringLiteral("small"), 98'000'000, 0, 8192});
        QCOMPARE(cost.seconds, 1.96);
        QCOMPARE(switchCostText(cost), QStringLiteral("Loads 98 MB, about 2 s"));
        cost = switchCost(facts, {QStringLiteral("tiny"), 1'000'000, 0, 8192});
        QCOMPARE(switchCostText(cost), QStringLiteral("Loads 1 MB, less than 1 s"));
        cost = switchCost(facts, {QStringLiteral("large"), 14'000'000'000, 0, 8192});  // 280 s
        QCOMPARE(switchCostText(cost), QStringLiteral("Loads 14.0 GB, about 5 min"));
    }

    void aConversationThatDoesNotFitIsSaidBefore() {
        SwitchFacts facts;
        facts.conversationTokens = 2048;
        facts.countedBy = QStringLiteral("other");
        const SwitchTarget falcon = {QStringLiteral("falcon"), 4'000'000'000, 0, 2048};
        SwitchCost cost = switchCost(facts, falcon);
        QCOMPARE(cost.context, 2048);
        QVERIFY(cost.tooLong);
        QCOMPARE(switchCostText(cost), QStringLiteral("Loads 4.0 GB"));
        QCOMPARE(switchWarning(cost),
                 QStringLiteral(
                     "This conversation has about 2,000 tokens, and this model takes in 2,048: it could "
                     "answer only in a new chat."));
        facts.conversationTokens = 2047;
        QVERIFY(!switchCost(facts, falcon).tooLong);
        facts.wantedContext = 512;  // the settings decide
        cost = switchCost(facts, falcon);
        QCOMPARE(cost.context, 512);
        QVERIFY(cost.tooLong);
        QVERIFY2(switchWarning(cost).endsWith(
                     QStringLiteral("or with a larger context in Settings (at most 2,048).")),
                 qPrintable(switchWarning(cost)));
        facts.wantedContext = 0;
        QVERIFY(!switchCost(facts, {QStringLiteral("old record"), 1, 0, 0}).tooLong);  // nothing is known
    }
};

QTEST_GUILESS_MAIN(SwitchCostTest)
#include "switch_cost_test.moc"
