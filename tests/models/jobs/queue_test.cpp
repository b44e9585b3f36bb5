// Pause, resume, cancel and order of jobs, in every stage and over the end of the process.
#include <signal.h>

#include "models/jobs/add_run.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Stage;

class QueueTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;

    static QByteArray stateOf(qint64 process) {
        const QByteArray stat = contentOf(QStringLiteral("/proc/%1/stat").arg(process));
        return stat.mid(stat.lastIndexOf(')') + 2, 1);
    }
    /// A job that waits in its download.
    qint64 inFetch() {
        JobsFixture& f = *m_fixture;
        f.fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        f.start();
        const qint64 id = f.add();
        if (!f.waitForPartial(100, id)) qFatal("no download");
        return id;
    }
    /// A job whose quantizer waits.
    qint64 inQuantize() {
        JobsFixture& f = *m_fixture;
        f.useFake("hang");
        f.start();
        const qint64 id = f.add();
        const bool runs = QTest::qWaitFor(
            [&] { return f.job(id).stage == Stage::quantize && f.job(id).progress.done > 0; }, kPatience);
        if (!runs) qFatal("no quantizer");
        return id;
    }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<JobsFixture>(); }

    void oneRunsAndTheOthersWaitInTheirOrder() {
        JobsFixture& f = *m_fixture;
        f.start();
        std::vector<qint64> done;
        connect(f.runner.get(), &jobs::JobRunner::changed, this, [&](const jobs::Job& job) {
            int running = 0;
            for (const jobs::Job& one : f.runner->jobs())
                running += one.stage != Stage::waiting && !one.isOver();
            QVERIFY(running <= 1);
            if (job.stage == Stage::done) done.push_back(job.id);
        });
        for (int i = 0; i < 3; i++) f.add(JobsFixture::request(Method::none));
        f.runner->moveBefore(3, 1);
        for (const qint64 id : {1, 2, 3}) QVERIFY(f.waitFor(Stage::done, id));
        QCOMPARE(done, (std::vector<qint64>{3, 1, 2}));
    }

    void theOrderOutlivesTheProcess() {
        JobsFixture& f = *m_fixture;
        f.start();
        for (int i = 0; i < 3; i++) f.runner->pause(f.add());
        f.runner->moveBefore(1, 0);
        f.end();
        f.start();
        std::vector<qint64> order;
        for (const jobs::Job& job : f.runner->jobs()) order.push_back(job.id);
        QCOMPARE(order, (std::vector<qint64>{2, 3, 1}));
    }

    void aDownloadPausesAndGoesOnWhereItWas() {
        JobsFixture& f = *m_fixture;
        const qint64 id = inFetch();
        f.runner->pause(id);
        f.server().clearScript();
        QVERIFY(f.job(id).paused);
        QVERIFY(f.job(id).stage == Stage::fetch);
        QTest::qWait(50);
        QVERIFY(f.job(id).stage == Stage::fetch);
        f.server().clearRequests();
        f.runner->resume(id);
        QVERIFY(f.waitFor(Stage::done, id));
        bool continued = false;
        for (const RecordedRequest& one : f.hub.asked("GET", "cdn")) continued |= one.range == "bytes=100-";
        QVERIFY(continued);
    }

    void aQuantizerPausesAndGoesOn() {
        JobsFixture& f = *m_fixture;
        const qint64 id = inQuantize();
        const qint64 process = f.runner->quantizerProcess();
        f.runner->pause(id);
        QVERIFY(QTest::qWaitFor([&] { return stateOf(process) == "T"; }, kPatience));
        f.runner->resume(id);
        QVERIFY(QTest::qWaitFor([&] { return stateOf(process) == "S"; }, kPatience));
    }

    void aPausedJobStaysPausedOverTheEndOfTheProcess() {
        for (const bool quantizer : {false, true}) {
            init();
            JobsFixture& g = *m_fixture;
            const qint64 id = quantizer ? inQuantize() : inFetch();
            g.runner->pause(id);
            g.end();
            g.server().clearScript();
            g.useReal();
            g.start();
            QTest::qWait(50);
            QVERIFY(g.job(id).stage == Stage::waiting);
            QVERIFY(g.job(id).paused);
            QVERIFY(g.job(id).next == (quantizer ? Stage::quantize : Stage::fetch));
            g.runner->resume(id);
            QVERIFY(g.waitFor(Stage::done, id));
        }
    }

    void aPausedJobMakesRoomForTheNext() {
        JobsFixture& f = *m_fixture;
        const qint64 first = inQuantize();
        const qint64 process = f.runner->quantizerProcess();
        const qint64 second = f.add(JobsFixture::request(Method::none));
        f.runner->pause(first);
        QVERIFY(f.waitFor(Stage::done, second));
        QVERIFY(::kill(static_cast<pid_t>(process), 0) != 0);
        QVERIFY(f.job(first).stage == Stage::waiting);
        QVERIFY(f.job(first).paused);
        f.runner->resume(first);
        QVERIFY(QTest::qWaitFor(
            [&] { return f.job(first).stage == Stage::quantize && f.runner->quantizerProcess() != 0; },
            kPatience));
        QVERIFY(f.runner->quantizerProcess() != process);
    }

    void cancelLeavesNothingInAnyStage() {
        for (const char* stage : {"waiting", "fetch", "quantize", "failed", "paused"}) {
            init();
            JobsFixture& f = *m_fixture;
            const QByteArray name = stage;
            qint64 id = 0, process = 0;
            if (name == "fetch" || name == "paused") id = inFetch();
            if (name == "paused") f.runner->pause(id);
            if (name == "quantize") {
                id = inQuantize();
                process = f.runner->quantizerProcess();
            }
            if (name == "waiting") {
                f.start();
                id = f.add();
            }
            if (name == "failed") {
                f.useFake("exit:1");
                f.start();
                id = f.add();
                QVERIFY(f.waitFor(Stage::failed, id));
                QVERIFY(!f.leftovers().isEmpty());
            }
            f.runner->cancel(id);
            QVERIFY2(f.waitFor(Stage::cancelled, id), stage);
            QVERIFY2(QTest::qWaitFor([&] { return f.leftovers().isEmpty(); }, kPatience), stage);
            if (process > 0) QVERIFY(::kill(static_cast<pid_t>(process), 0) != 0);
            QVERIFY(!QFile::exists(f.stored()));
            f.end();
            f.start();
            QVERIFY(f.job(id).stage == Stage::cancelled);
            f.runner->forget(id);
            QVERIFY(f.runner->jobs().empty());
        }
    }

    void theNextJobGoesOnBehindOneThatWasCancelled() {
        JobsFixture& f = *m_fixture;
        const qint64 first = inQuantize();
        const qint64 second = f.add(JobsFixture::request(Method::none));
        f.runner->cancel(first);
        QVERIFY(f.waitFor(Stage::done, second));
    }

    void filesOfACancelledJobGoAtTheNextStart() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        const qint64 id = f.add();
        QVERIFY(f.waitFor(Stage::failed, id));
        jobs::Job job = f.job(id);
        f.end();
        job.stage = Stage::cancelled;  // and the process ended before it had deleted them
        QVERIFY((*jobs::JobTable::open(f.options.tableFile))->save(job));
        QVERIFY(!f.leftovers().isEmpty());
        f.start();
        QVERIFY(f.leftovers().isEmpty());
    }

    /// The store's part of the work, by itself: it is over too soon to be met in the middle.
    void addingPausesStopsAndGoesOn() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        jobs::Job job = f.job();
        job.request.method = Method::none;
        const models::Store store(f.options.storeFolder);
        {
            jobs::AddRun run(store, job, f.folder());
            bool finished = false, stopped = false;
            connect(&run, &jobs::StageRun::finished, this, [&] { finished = true; });
            connect(&run, &jobs::StageRun::stopped, this, [&] { stopped = true; });
            run.pause();
            run.start();
            QTest::qWait(50);
            QVERIFY(!finished && store.list().empty());
            run.stop();
            QVERIFY(stopped && !finished);
        }
        for (int i = 0; i < 20; i++) {
            jobs::AddRun run(store, job, f.folder());
            bool finished = false;
            connect(&run, &jobs::StageRun::finished, this, [&] { finished = true; });
            run.start();
            run.pause();  // at once, or in the middle, or too late
            if (i % 2 == 0) QTest::qWait(1);
            run.resume();
            QVERIFY(QTest::qWaitFor([&] { return finished; }, kPatience));
            QCOMPARE(run.storedName(), QStringLiteral("tiny"));
            QCOMPARE(store.list().size(), size_t{1});
            QVERIFY(models::Store(store).remove(QStringLiteral("tiny")));
        }
    }

    void onlyOneProcessRunsTheJobs() {
        JobsFixture& f = *m_fixture;
        f.start();
        jobs::JobRunner second(f.options);
        const Result<void> opened = second.open();
        QVERIFY(!opened);
        QVERIFY(opened.error().message().find("another EdgeChat") != std::string::npos);
        QVERIFY(!second.add(JobsFixture::request()));
        f.end();
        QVERIFY(second.open());
    }

    void callsThatMakeNoSenseDoNothing() {
        JobsFixture& f = *m_fixture;
        f.start();
        const qint64 id = f.add(JobsFixture::request(Method::none));
        QVERIFY(f.waitFor(Stage::done, id));
        for (const qint64 one : {id, qint64{99}}) {
            f.runner->pause(one);
            f.runner->resume(one);
            f.runner->retry(one);
            f.runner->cancel(one);
            f.runner->moveBefore(one, one);
        }
        f.runner->forget(99);
        QVERIFY(f.job(id).stage == Stage::done);
        QVERIFY(!f.job(id).paused);
        QVERIFY(QFile::exists(f.stored()));
    }
};

QTEST_GUILESS_MAIN(QueueTest)
#include "queue_test.moc"
