// Waits and bandwidth, by their rules; no clock runs.
#include "models/hub/pace.h"

#include <QtTest>

using namespace edgechat::models::hub;

class PaceTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void waitsDoubleUpToTheLongest() {
        const Times times;  // 1 s first, 60 s longest, 8 attempts
        const int whole[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000};
        for (int failures = 1; failures < times.attempts; failures++) {
            const int full = whole[failures - 1];
            QCOMPARE(waitBeforeRetry(times, failures, 0.0, std::nullopt), full / 2);
            QCOMPARE(waitBeforeRetry(times, failures, 0.5, std::nullopt), full * 3 / 4);
            QVERIFY(*waitBeforeRetry(times, failures, 0.999999, std::nullopt) <= full);
        }
        QVERIFY(!waitBeforeRetry(times, times.attempts, 0.0, std::nullopt));
    }

    void theServersWishIsTheLeast() {
        const Times times;
        QCOMPARE(waitBeforeRetry(times, 1, 0.5, 30), 30'000);
        QCOMPARE(waitBeforeRetry(times, 7, 0.0, 5), 30'000);
        QCOMPARE(waitBeforeRetry(times, 1, 0.0, 0), 500);
        QCOMPARE(waitBeforeRetry(times, 1, 0.0, 900), 900'000);
        QVERIFY(!waitBeforeRetry(times, 1, 0.0, 901));
    }

    void aBucketFillsWithTime() {
        BandwidthLimit limit;
        QCOMPARE(limit.take(1'000'000, 0), 1'000'000);
        QCOMPARE(limit.wait(0), 0);
        limit.setBytesPerSecond(1000);
        QCOMPARE(limit.take(500, 10'000), 0);
        QCOMPARE(limit.wait(10'000), 100);
        QCOMPARE(limit.take(500, 10'100), 100);
        QCOMPARE(limit.take(500, 10'150), 50);
        // A long rest saves up a fifth of a second and no more.
        QCOMPARE(limit.take(5000, 60'000), 200);
        QCOMPARE(limit.take(5000, 60'000), 0);
        // A clock that goes back gives nothing and takes nothing.
        QCOMPARE(limit.take(5000, 50'000), 0);
    }

    void overASecondTheLimitHolds() {
        BandwidthLimit limit;
        limit.setBytesPerSecond(12'345);
        limit.take(1, 0);
        int64_t taken = 0;
        for (int64_t now = 1; now <= 10'000; now += 7) taken += limit.take(1'000'000, now);
        QVERIFY(taken <= 123'450);
        QVERIFY(taken >= 123'000);
    }
};

QTEST_GUILESS_MAIN(PaceTest)
#include "pace_test.moc"
