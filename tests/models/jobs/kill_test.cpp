// kill -9 of a process with a job, in every stage: the next one goes on to the same bytes.
#include <signal.h>

#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;

class KillTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<QProcess> m_process;
    QByteArray m_said;

    QString home() const { return m_fixture->hub.path(QStringLiteral("home")); }

    void begin(const QString& quantizer = QStringLiteral(EDGECHAT_CLI),
               const QStringList& more = JobsFixture::quick()) {
        m_said.clear();
        m_process = std::make_unique<QProcess>();
        m_process->setProcessChannelMode(QProcess::ForwardedErrorChannel);
        connect(m_process.get(), &QProcess::readyReadStandardOutput, this,
                [this] { m_said += m_process->readAllStandardOutput(); });
        m_process->start(QStringLiteral(RUN_JOBS),
                         QStringList{home(), m_fixture->server().endpoint(), quantizer} + more);
    }
    bool ended() const { return m_process->state() == QProcess::NotRunning; }
    void wait() {
        if (!QTest::qWaitFor([this] { return ended(); }, kPatience)) qFatal("the process goes on");
        m_said += m_process->readAllStandardOutput();
    }
    /// Whether the process came to a stage.
    bool cameTo(const char* stage) {
        return QTest::qWaitFor([&] { return m_said.contains(stage) || ended(); }, kPatience) &&
               m_said.contains(stage);
    }
    void kill() {
        m_process->kill();
        wait();
    }
    void expectDone() {
        begin();
        wait();
        QCOMPARE(m_process->exitCode(), 0);
    }
    std::map<QString, QByteArray> model() const { return filesOf(home() + QStringLiteral("/models")); }
    /// What an undisturbed process makes, and a fresh start.
    std::map<QString, QByteArray> undisturbed() {
        begin();
        wait();
        if (m_process->exitCode() != 0) qFatal("the undisturbed job failed");
        std::map<QString, QByteArray> made = model();
        QDir(home()).removeRecursively();
        return made;
    }
    void expectSame(const std::map<QString, QByteArray>& expected) {
        QVERIFY(model() == expected);
        QVERIFY(QDir(home() + QStringLiteral("/downloads"))
                    .entryList(QDir::AllEntries | QDir::NoDotAndDotDot)
                    .isEmpty());
    }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<JobsFixture>(); }

    void inEveryStage_data() {
        QTest::addColumn<QByteArray>("stage");
        for (const char* stage : {"fetch", "quantize", "add"}) QTest::newRow(stage) << QByteArray(stage);
    }
    void inEveryStage() {
        QFETCH(QByteArray, stage);
        const auto expected = undisturbed();
        QVERIFY(expected.count(QStringLiteral("/tiny/model.safetensors")) == 1);
        if (stage == "fetch") m_fixture->fault("stall path=model-00002 host=cdn bytes=20000 times=1");
        begin();
        QVERIFY(cameTo(stage.constData()));
        if (stage == "fetch") {
            QVERIFY(QTest::qWaitFor(
                [this] {
                    QDirIterator all(home(), QDir::Files, QDirIterator::Subdirectories);
                    while (all.hasNext()) {
                        if (all.next().endsWith(QStringLiteral("00002-of-00002.safetensors.partial")) &&
                            all.fileInfo().size() == 20'000)
                            return true;
                    }
                    return false;
                },
                kPatience));
        }
        kill();
        m_fixture->server().clearRequests();
        expectDone();
        expectSame(expected);
        if (stage == "fetch") {
            bool continued = false;
            for (const RecordedRequest& one : m_fixture->hub.asked("GET", "cdn"))
                continued |= one.range == "bytes=20000-";
            QVERIFY(continued);
        } else {
            QVERIFY(m_fixture->server().requests().isEmpty());  // what is here is not asked for again
        }
    }

    void againAndAgain() {
        const auto expected = undisturbed();
        // One network cut on the way, too.
        m_fixture->fault("reset path=model-00001 host=cdn bytes=9000 times=1");
        int kills = 0;
        for (const char* stage : {"fetch", "fetch", "quantize", "quantize", "quantize", "add", "add"}) {
            begin();
            if (!cameTo(stage)) break;  // it has come to its end before
            for (int i = 0; i < kills; i++) QTest::qWait(1);
            kill();
            kills++;
        }
        QVERIFY(kills >= 3);
        expectDone();
        expectSame(expected);
    }

    void theQuantizerDiesWithTheProcess() {
        begin(QStringLiteral(FAKE_QUANTIZER), {QStringLiteral("deaf")});
        QVERIFY(cameTo("quantize"));
        QString file;
        QVERIFY(QTest::qWaitFor(
            [&] {
                QDirIterator all(home(), {QStringLiteral("quantized.process")}, QDir::Files,
                                 QDirIterator::Subdirectories);
                if (all.hasNext()) file = all.next();
                return !file.isEmpty();
            },
            kPatience));
        const auto quantizer = static_cast<pid_t>(contentOf(file).toInt());
        QVERIFY(quantizer > 0 && ::kill(quantizer, 0) == 0);
        kill();
        // Whoever adopts it waits for it, sooner or later.
        QVERIFY(QTest::qWaitFor(
            [quantizer] {
                const QByteArray stat = contentOf(QStringLiteral("/proc/%1/stat").arg(quantizer));
                return ::kill(quantizer, 0) != 0 || stat.mid(stat.lastIndexOf(')') + 2, 1) == "Z";
            },
            kPatience));
        expectDone();
    }

    void aKilledQuantizerAloneFailsTheJobAndIsGoneOnWith() {
        const auto expected = undisturbed();
        begin(QStringLiteral(FAKE_QUANTIZER), {QStringLiteral("signal:9")});
        wait();
        QCOMPARE(m_process->exitCode(), 1);
        {
            m_fixture->start();
            QVERIFY(m_fixture->job().problem == jobs::Problem::memory);
            m_fixture->runner->retry(1);
            QVERIFY(m_fixture->waitFor(jobs::Stage::done));
        }
        expectSame(expected);
    }
};

QTEST_GUILESS_MAIN(KillTest)
#include "kill_test.moc"
