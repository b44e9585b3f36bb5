// A disk that does not hold the source beside the result: the shards come one at a time, and whatever happens
// on the way, the model is the same to the byte.
#include <signal.h>

#include "models/store_files.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Problem;
using jobs::Stage;

namespace {

/// Six layers in three shards: two layers lie across two of them, and the head is in the last.
void fill(const QString& folder) {
    writeSource(layerByLayer(smallSource(SmallFamily::llama, "F16", 6)), folder.toStdString(), 3);
}

models::PlannedModel plannedModel() {
    QTemporaryDir folder;
    fill(folder.path());
    return *jobs::planFolder(folder.path(), jobs::recipeOf(JobsFixture::request()));
}

uint64_t inSum(const models::PlannedModel& plan) {
    return plan.sourceAtOnce + plan.outputBytes + plan.workBytes;
}

}  // namespace

class ShardsTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    models::PlannedModel m_plan;
    uint64_t m_disk = 0;                    ///< bytes that it takes
    uint64_t m_most = 0, m_mostSource = 0;  ///< that ever lay in the job's folder, and in its source
    QStringList m_stages;
    QTimer m_timer;

    /// The job's files are all that is on the disk, beside what there has to be to spare.
    uint64_t freeBytes() const {
        const uint64_t used = models::folderBytes(m_fixture->options.workFolder);
        return m_disk - std::min(m_disk, used);
    }
    void measure() {
        const JobsFixture& f = *m_fixture;
        m_most = std::max(m_most, models::folderBytes(f.options.workFolder));
        if (f.runner && f.runner->job(1))
            m_mostSource = std::max(m_mostSource, models::folderBytes(jobs::sourceFolder(f.folder())));
    }
    void start() {
        m_fixture->start();
        connect(m_fixture->runner.get(), &jobs::JobRunner::changed, this, [this](const jobs::Job& job) {
            measure();
            const QString stage = QString::fromLatin1(jobs::stageName(job.stage));
            if (m_stages.isEmpty() || m_stages.last() != stage) m_stages << stage;
        });
    }
    /// What a disk with all the room gives, and a fresh start.
    std::map<QString, QByteArray> undisturbed(Method method = Method::awq) {
        const uint64_t disk = m_disk;
        m_disk = uint64_t{1} << 40;
        m_fixture->start();
        m_fixture->add(JobsFixture::request(method));
        if (!m_fixture->waitFor(Stage::done)) qFatal("the undisturbed job failed");
        auto files = filesOf(m_fixture->stored());
        m_fixture->end();
        QDir(m_fixture->hub.path(QStringLiteral("home"))).removeRecursively();
        m_fixture->server().clearRequests();
        m_disk = disk;
        m_most = m_mostSource = 0;
        return files;
    }
    void expectSame(const std::map<QString, QByteArray>& expected) {
        QVERIFY(m_fixture->waitFor(Stage::done));
        QVERIFY(filesOf(m_fixture->stored()) == expected);
        QVERIFY(m_fixture->leftovers().isEmpty());
        QVERIFY2(m_most <= inSum(m_plan), qPrintable(QString::number(m_most)));
        QVERIFY2(m_mostSource <= m_plan.sourceAtOnce, qPrintable(QString::number(m_mostSource)));
    }
    QString shard(int number) const {
        return jobs::sourceFolder(m_fixture->folder()) +
               QStringLiteral("/model-0000%1-of-00003.safetensors").arg(number);
    }
    /// Whether the job waits for a shard of which so many bytes came.
    bool waitsFor(int number, qint64 bytes) const {
        return QTest::qWaitFor(
            [&] { return QFileInfo(shard(number) + QStringLiteral(".partial")).size() == bytes; }, kPatience);
    }
    /// Requests for the whole of a shard, not for its header.
    int timesFetched(int number) const {
        const QByteArray digest =
            sha256Of(m_fixture->hub.repository()
                         .files.at(QStringLiteral("model-0000%1-of-00003.safetensors").arg(number))
                         .content);
        int times = 0;
        for (const RecordedRequest& one : m_fixture->hub.asked("GET", "cdn"))
            times += one.target.contains(digest) && one.range.isEmpty() ? 1 : 0;
        return times;
    }

    /// A job whose Hub falls silent behind 90,000 bytes of the second shard.
    bool stopsInTheSecondShard() {
        m_fixture->fault("stall path=model-00002 host=cdn bytes=90000 skip=1 times=1");
        start();
        m_fixture->add();
        return waitsFor(2, 90'000);
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<JobsFixture>();
        QTemporaryDir folder;
        fill(folder.path());
        fillRepository(m_fixture->hub.repository(), folder.path());
        m_plan = plannedModel();
        m_disk = inSum(m_plan) + jobs::kSpareBytes;
        m_most = m_mostSource = 0;
        m_stages.clear();
        m_fixture->options.freeBytes = [this](const QString&) { return freeBytes(); };
        m_fixture->options.watchMilliseconds = 5;
        m_timer.setInterval(0);
        m_timer.disconnect(this);
        connect(&m_timer, &QTimer::timeout, this, &ShardsTest::measure);
        m_timer.start();
    }
    void cleanup() {
        m_timer.stop();
        m_fixture.reset();
    }

    void theyComeOneAtATime_data() {
        QTest::addColumn<int>("method");
        QTest::newRow("awq") << int(Method::awq);
        QTest::newRow("smoothquant") << int(Method::smoothquant);
    }
    void theyComeOneAtATime() {
        QFETCH(int, method);
        const auto expected = undisturbed(Method(method));
        if (Method(method) == Method::smoothquant) {
            QTemporaryDir folder;
            fill(folder.path());
            m_plan =
                *jobs::planFolder(folder.path(), jobs::recipeOf(JobsFixture::request(Method::smoothquant)));
            m_disk = inSum(m_plan) + jobs::kSpareBytes;
        }
        QVERIFY(m_plan.sourceAtOnce > 0 && m_plan.sourceAtOnce < m_plan.sourceBytes * 2 / 3);
        start();
        m_fixture->add(JobsFixture::request(Method(method)));
        expectSame(expected);
        QCOMPARE(m_stages.filter(QStringLiteral("fetch")).size(), 3);
        QCOMPARE(m_stages.filter(QStringLiteral("quantize")).size(), 3);
        for (int number = 1; number <= 3; number++) QCOMPARE(timesFetched(number), 1);
    }

    void onlyWhereTheRoomIsShort() {
        m_disk = m_plan.sourceBytes + m_plan.outputBytes + m_plan.workBytes + jobs::kSpareBytes;
        start();
        m_fixture->add();
        QVERIFY(m_fixture->waitFor(Stage::done));
        QCOMPARE(m_stages.filter(QStringLiteral("fetch")).size(), 1);
    }

    void tooLittleEvenForThatIsSaidBeforeTheDownload() {
        JobsFixture& f = *m_fixture;
        m_disk = inSum(m_plan) + jobs::kSpareBytes - 1;
        start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().problem == Problem::diskFull, qPrintable(f.job().error));
        QVERIFY2(f.job().error.contains(
                     QStringLiteral("%1 of the source at once").arg(jobs::bytesText(m_plan.sourceAtOnce))),
                 qPrintable(f.job().error));
        QCOMPARE(f.hub.fetched("xet/"), 0);
        m_disk += 1;
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }

    void aServerWithoutRanges() {
        const auto expected = undisturbed();
        m_fixture->fault("ignoreRange host=cdn times=-1");
        start();
        m_fixture->add();
        expectSame(expected);
    }

    void theNetworkGoesWhileAShardIsAwaited() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        // The first request is for the header.
        f.fault("reset path=model-00002 host=cdn bytes=50000 skip=1 times=1");
        f.fault("status path=model-00003 host=cdn skip=1 status=503 times=-1");
        start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().problem == Problem::network, qPrintable(f.job().error));
        QVERIFY(!QFile::exists(shard(1)));
        f.server().clearScript();
        f.runner->retry(1);
        expectSame(expected);
        QCOMPARE(timesFetched(1), 1);
    }

    void aShardWithOtherBytes() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        f.fault("wrongBytes path=model-00002 host=cdn skip=1 times=-1");
        start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().error.contains(QStringLiteral("other bytes than the Hub promised")),
                 qPrintable(f.job().error));
        QVERIFY(!QFile::exists(shard(2)));
        f.server().clearScript();
        f.runner->retry(1);
        expectSame(expected);
    }

    /// Nothing says what a header has to be but the shard itself.
    void aHeaderThatIsNotTheShards() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        QVERIFY(stopsInTheSecondShard());
        const QString file = shard(2) + QStringLiteral(".header");
        f.end();
        QByteArray header = contentOf(file);
        header[0] = static_cast<char>(header[0] + 8);
        writeFile(file, header + "        ");
        start();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().problem == Problem::badModel, qPrintable(f.job().error));
        QVERIFY2(f.job().error.contains(QStringLiteral("other tensors than in")), qPrintable(f.job().error));
        f.runner->retry(1);
        expectSame(expected);
    }

    void pauseAndResumeWhileAShardIsAwaited() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        QVERIFY(stopsInTheSecondShard());
        QVERIFY(f.job().stage == Stage::fetch);
        QVERIFY(f.job().progress.done > 90'000);  // with the shard that is used up
        f.runner->pause(1);
        QTest::qWait(50);
        QVERIFY(f.job().paused && f.job().stage == Stage::fetch);
        f.runner->resume(1);
        expectSame(expected);
        bool continued = false;
        for (const RecordedRequest& one : f.hub.asked("GET", "cdn")) continued |= one.range == "bytes=90000-";
        QVERIFY(continued);
    }
    void aPausedOneGivesWayAndGoesOn() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        QVERIFY(stopsInTheSecondShard());
        f.runner->pause(1);
        f.end();
        start();
        QTest::qWait(20);
        QVERIFY(f.job().paused && f.job().stage == Stage::waiting);
        f.runner->resume(1);
        expectSame(expected);
        QCOMPARE(timesFetched(1), 1);
    }

    void cancelWhileAShardIsAwaited() {
        JobsFixture& f = *m_fixture;
        QVERIFY(stopsInTheSecondShard());
        f.runner->cancel(1);
        QVERIFY(QTest::qWaitFor([&f] { return f.leftovers().isEmpty(); }, kPatience));
        QVERIFY(f.job().stage == Stage::cancelled);
    }

    void theDiskFillsUpWhileAShardIsAwaited() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        QVERIFY(stopsInTheSecondShard());
        const uint64_t disk = m_disk;
        m_disk = models::folderBytes(f.options.workFolder) + jobs::kSpareBytes / 2;
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().problem == Problem::diskFull, qPrintable(f.job().error));
        // By the exact figure, with the headers that are here.
        m_disk = disk - (m_plan.sourceAtOnce - m_plan.sourceAtOnce / 4);
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().error.contains(QStringLiteral("of it are here")), qPrintable(f.job().error));
        m_disk = disk;
        f.runner->retry(1);
        expectSame(expected);
    }

    void whatIsHereIsNotAskedForAgain() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        f.useFake("hang");
        start();
        f.add();
        QVERIFY(QTest::qWaitFor(
            [&f] { return f.job().progress.done > 0 && f.job().stage == Stage::quantize; }, kPatience));
        f.end();
        f.useReal();
        f.server().clearRequests();
        start();
        QVERIFY(f.waitFor(Stage::quantize));
        QVERIFY(f.server().requests().isEmpty());
        expectSame(expected);
    }

    /// The end of the process at once, wherever it is.
    void theProcessEndsWhereverItIs() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        start();
        f.add();
        int ends = 0;
        for (; ends < 60 && !f.job().isOver(); ends++) {
            const int changes = 1 + ends % 7;
            int seen = 0;
            connect(f.runner.get(), &jobs::JobRunner::changed, this, [&seen] { seen++; });
            QVERIFY(QTest::qWaitFor([&] { return seen >= changes || f.job().isOver(); }, kPatience));
            if (f.job().isOver()) break;
            f.end();
            start();
        }
        QVERIFY(ends > 5);
        expectSame(expected);
    }

    /// kill -9, between the stages and in them.
    void theProcessIsKilledWhereverItIs() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("DISK_BYTES"), QString::number(m_disk));
        // A header, and the second shard on its way.
        f.fault("slow path=model-00002 host=cdn bytes=60000 times=3");
        QByteArrayList cameTo;
        int code = -1;
        int kills = 0;
        for (; kills < 60 && code < 0; kills++) {
            QProcess process;
            process.setProcessEnvironment(environment);
            process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
            process.start(QStringLiteral(RUN_JOBS),
                          QStringList{f.hub.path(QStringLiteral("home")), f.server().endpoint(),
                                      QStringLiteral(EDGECHAT_CLI)} +
                              JobsFixture::quick());
            QByteArray said;
            connect(&process, &QProcess::readyReadStandardOutput, this,
                    [&] { said += process.readAllStandardOutput(); });
            // Later each time, so that the work comes to its end.
            const int lines = 1 + kills % 3;
            const bool came = QTest::qWaitFor(
                [&] { return said.count('\n') >= lines || process.state() == QProcess::NotRunning; },
                kPatience);
            QVERIFY(came);
            for (int i = 0; i < kills; i++) QTest::qWait(1);
            measure();
            if (process.state() == QProcess::NotRunning && process.exitStatus() == QProcess::NormalExit)
                code = process.exitCode();
            process.kill();
            process.waitForFinished(-1);
            said += process.readAllStandardOutput();
            cameTo << said.simplified();
        }
        QVERIFY2(kills > 5, cameTo.join(" | ").constData());
        QVERIFY2(code == 0, cameTo.join(" | ").constData());
        QVERIFY(filesOf(f.stored()) == expected);
        QVERIFY(f.leftovers().isEmpty());
        QVERIFY2(m_most <= inSum(m_plan), qPrintable(QString::number(m_most)));
    }

    /// Shards that a try with more room left make way.
    void afterATryWithMoreRoom() {
        const auto expected = undisturbed();
        JobsFixture& f = *m_fixture;
        const uint64_t disk = m_disk;
        m_disk = uint64_t{1} << 40;
        f.fault("stall path=model-00003 host=cdn bytes=90000 times=1");
        start();
        f.add();
        QVERIFY(waitsFor(3, 90'000));
        QVERIFY(
            QTest::qWaitFor([&] { return QFile::exists(shard(1)) && QFile::exists(shard(2)); }, kPatience));
        f.end();
        m_disk = disk;
        m_most = m_mostSource = 0;
        m_timer.stop();  // too much is there until they went
        start();
        QVERIFY(
            QTest::qWaitFor([&] { return f.job().stage == Stage::quantize || f.job().isOver(); }, kPatience));
        QVERIFY(QFile::exists(shard(1)));
        m_most = m_mostSource = 0;
        m_timer.start();
        expectSame(expected);
        QCOMPARE(timesFetched(1), 1);
    }

    void aQuantizerThatAsksForNothingFailsTheJob() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:3:shard");
        start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().error.contains(QStringLiteral("it says why")), qPrintable(f.job().error));
    }
};

QTEST_GUILESS_MAIN(ShardsTest)
#include "shards_test.moc"
