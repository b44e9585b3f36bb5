// A disk that is too small, or fills up on the way.
#include <signal.h>
#include <sys/resource.h>

#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Problem;
using jobs::Stage;

namespace {

/// No file of this process and of those that it starts gets larger, for as long as this lives.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        const struct rlimit limit { bytes, m_before.rlim_max };
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &m_before); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    struct rlimit m_before {};
};

}  // namespace

class DiskTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    uint64_t m_free = 0;

    void expectFull() {
        QVERIFY(m_fixture->waitFor(Stage::failed));
        QVERIFY2(m_fixture->job().problem == Problem::diskFull, qPrintable(m_fixture->job().error));
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<JobsFixture>();
        m_free = uint64_t{1} << 40;
        m_fixture->options.freeBytes = [this](const QString&) { return m_free; };
        m_fixture->options.watchMilliseconds = 5;
    }

    void tooLittleForSourceAndResultIsSaidBeforeTheDownload() {
        JobsFixture& f = *m_fixture;
        const auto plan = [] {
            QTemporaryDir folder;
            writeSource(smallSource(SmallFamily::llama), folder.path().toStdString(), 2);
            return *jobs::planFolder(folder.path(), jobs::recipeOf(JobsFixture::request()));
        }();
        QVERIFY(plan.outputBytes > 0);
        // Enough for the source: not for the result beside it, nor beside one of its shards at a time.
        m_free = plan.sourceAtOnce + plan.outputBytes + plan.workBytes + jobs::kSpareBytes - 20'000;
        QVERIFY(plan.sourceAtOnce > 0 && m_free > plan.sourceBytes);
        f.start();
        f.add();
        expectFull();
        QVERIFY2(f.job().error.contains(QStringLiteral("for the quantized model")),
                 qPrintable(f.job().error));
        QCOMPARE(f.hub.fetched("xet/"), 0);
        m_free += 40'000;
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }

    void withoutTheQuantizerTheSourceIsEnough() {
        JobsFixture& f = *m_fixture;
        const qint64 bytes = [&f] {
            qint64 sum = 0;
            for (const auto& [name, file] : f.hub.repository().files) sum += file.content.size();
            return sum;
        }();
        m_free = static_cast<uint64_t>(bytes) + jobs::kSpareBytes;
        f.start();
        f.add(JobsFixture::request(Method::none));
        QVERIFY(f.waitFor(Stage::done));
    }

    void aDiskThatFillsUpDuringTheDownloadEndsIt() {
        JobsFixture& f = *m_fixture;
        f.fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        f.start();
        f.add();
        QVERIFY(f.waitForPartial(100));
        m_free = jobs::kSpareBytes / 2;
        expectFull();
        QVERIFY(f.job().error.contains(QStringLiteral("goes on where it was")));
        f.server().clearScript();
        f.server().clearRequests();
        m_free = uint64_t{1} << 40;
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
        bool continued = false;
        for (const RecordedRequest& one : f.hub.asked("GET", "cdn")) continued |= one.range == "bytes=100-";
        QVERIFY(continued);
    }

    void theRoomForTheQuantizerIsCheckedBeforeIt() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        f.end();
        f.useReal();
        m_free = jobs::kSpareBytes + 1000;
        f.start().retry(1);
        QVERIFY(QTest::qWaitFor([&f] { return f.job().stage == Stage::failed; }, kPatience));
        expectFull();
        QVERIFY(!QFile::exists(jobs::quantizedFolder(f.folder()) + QStringLiteral(".partial")));
        m_free = uint64_t{1} << 40;
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }

    void aDiskThatFillsUpUnderTheQuantizerEndsIt() {
        JobsFixture& f = *m_fixture;
        f.useFake("hang");
        f.start();
        f.add();
        QVERIFY(QTest::qWaitFor(
            [&f] { return f.job().stage == Stage::quantize && f.job().progress.done > 0; }, kPatience));
        const auto process = static_cast<pid_t>(f.runner->quantizerProcess());
        m_free = jobs::kSpareBytes / 2 - 1;
        expectFull();
        QVERIFY(::kill(process, 0) != 0);
        f.end();
        f.useReal();
        m_free = uint64_t{1} << 40;
        f.start().retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }

    void anUnknownNumberOfFreeBytesIsNoReason() {
        m_free = 0;
        m_fixture->start();
        m_fixture->add();
        QVERIFY(m_fixture->waitFor(Stage::done));
    }

    /// Writes that really fail.
    void writesThatFailInTheDownload() {
        JobsFixture& f = *m_fixture;
        f.hub.repository().files[QStringLiteral("vocab.json")] = {someBytes(2'000'000), true};
        f.start();
        f.add(JobsFixture::request(Method::none));
        {
            const FileSizeLimit limit(1'000'000);
            expectFull();
        }
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }
    void writesThatFailInTheQuantizer() {
        JobsFixture& f = *m_fixture;
        f.options.quantizer.more.replace(3, QStringLiteral("64"));  // windows
        qint64 largest = 0;
        for (const auto& [name, file] : f.hub.repository().files)
            largest = std::max<qint64>(largest, file.content.size());
        // The hidden states of the windows are larger than any file that is fetched.
        QVERIFY(largest < 64 * 32 * 64 * 4);
        f.start();
        f.add();
        {
            const FileSizeLimit limit(static_cast<rlim_t>(largest));
            expectFull();
        }
        QVERIFY(f.job().next == Stage::quantize);
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }
    /// Not even the list of jobs can be written: the job fails, and nothing is lost.
    void writesThatFailEverywhere() {
        JobsFixture& f = *m_fixture;
        f.fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        f.start();
        f.add(JobsFixture::request(Method::none));
        QVERIFY(QTest::qWaitFor([&f] { return f.job().progress.done > 0; }, kPatience));
        {
            const FileSizeLimit limit(0);
            f.runner->pause(1);
            QVERIFY(f.job().stage == Stage::failed);
            QVERIFY(!f.job().error.isEmpty());
            QTest::qWait(20);
        }
        f.server().clearScript();
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }
    void writesThatFailInTheStore() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        jobs::Job job = f.job();
        f.end();
        // The next process finds the model whole, and adds it where no record can be written.
        job.request.method = Method::none;
        job.stage = job.next = Stage::add;
        QVERIFY((*jobs::JobTable::open(f.options.tableFile))->save(job));
        f.start();
        std::unique_ptr<FileSizeLimit> limit;
        const auto watch =
            connect(f.runner.get(), &jobs::JobRunner::changed, this, [&limit](const jobs::Job& one) {
                // Behind the line that says so in the list of jobs.
                if (one.stage == Stage::add && !limit) limit = std::make_unique<FileSizeLimit>(0);
            });
        QVERIFY(f.waitFor(Stage::failed));
        disconnect(watch);
        limit.reset();
        QVERIFY2(f.job().problem == Problem::diskFull, qPrintable(f.job().error));
        QVERIFY(!QFile::exists(f.stored()));
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }
};

QTEST_GUILESS_MAIN(DiskTest)
#include "disk_test.moc"
