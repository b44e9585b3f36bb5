#include "app/worker_thread.h"

#include <QTest>

#include <vector>

#include "app/token_buffer.h"

using namespace edgechat::app;

class WorkerThreadTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void runsJobsInOrderAndAllOfThemBeforeItEnds() {
        std::vector<int> order;
        WorkerThread worker;
        for (int i = 0; i < 100; ++i) QVERIFY(worker.post([&order, i] { order.push_back(i); }));
        worker.finish();
        QCOMPARE(order.size(), size_t(100));
        for (int i = 0; i < 100; ++i) QCOMPARE(order[static_cast<size_t>(i)], i);
        QVERIFY(!worker.post([] {}));
    }

    void mailboxDeliversOnTheOwnersThread() {
        Mailbox mailbox;
        WorkerThread worker;
        std::thread::id deliveredOn;
        int delivered = 0;
        for (int i = 0; i < 50; ++i) {
            worker.post([&] {
                mailbox.post([&] {
                    deliveredOn = std::this_thread::get_id();
                    ++delivered;
                });
            });
        }
        QTRY_COMPARE(delivered, 50);
        QCOMPARE(deliveredOn, std::this_thread::get_id());
    }

    void tokenBufferHandsOverEachByteOnce() {
        TokenBuffer buffer;
        buffer.begin();
        WorkerThread worker;
        std::string expected, got;
        for (int i = 0; i < 1000; ++i) expected += std::to_string(i);
        worker.post([&buffer] {
            buffer.setPrefill(2, 8);
            buffer.setPrefill(8, 8);
            for (int i = 0; i < 1000; ++i) {
                buffer.addText(std::to_string(i));
                buffer.setGenerated(i + 1);
            }
        });
        while (got.size() < expected.size()) got += buffer.takeText();
        worker.finish();
        QCOMPARE(got, expected);
        QCOMPARE(buffer.figures().prefillCached, 2);
        QCOMPARE(buffer.figures().prefillTotal, 8);
        QCOMPARE(buffer.figures().generated, 1000);
    }
};

QTEST_GUILESS_MAIN(WorkerThreadTest)
#include "worker_thread_test.moc"
