// The quantizer as a child: what it says is read with care, and no end of it goes unnoticed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>
#include <thread>

#include "models/jobs/quantize_process.h"
#include "tests/models/hub/fixture.h"

using namespace edgechat;
using namespace edgechat::models::jobs;
using edgechat::testing::contentOf;
using edgechat::testing::kPatience;
using Kind = QuantizeEnd::Kind;

class QuantizeProcessTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::optional<QuantizeEnd> m_end;
    std::vector<Progress> m_progress;

    std::unique_ptr<QuantizeProcess> make(const char* order) {
        QuantizeCommand command;
        command.program = QStringLiteral(FAKE_QUANTIZER);
        command.source = m_folder->path();
        command.output = m_folder->filePath(QStringLiteral("out"));
        command.more = QStringList{QString::fromLatin1(order)};
        auto process = std::make_unique<QuantizeProcess>(command);
        watch(*process);
        return process;
    }
    void watch(QuantizeProcess& process) {
        m_end.reset();
        m_progress.clear();
        connect(&process, &QuantizeProcess::ended, this, [this](const QuantizeEnd& end) { m_end = end; });
        connect(&process, &QuantizeProcess::progressed, this,
                [this](const Progress& progress) { m_progress.push_back(progress); });
    }
    QuantizeEnd wait() {
        if (!QTest::qWaitFor([this] { return m_end.has_value(); }, kPatience)) qFatal("the child goes on");
        return *m_end;
    }
    /// Starts one that waits; its process id.
    pid_t begin(QuantizeProcess& process) {
        process.start();
        if (!QTest::qWaitFor([this] { return !m_progress.empty(); }, kPatience)) qFatal("no child");
        return static_cast<pid_t>(contentOf(m_folder->filePath(QStringLiteral("out.process"))).toInt());
    }
    /// 'T' for a stopped process, "" for none.
    static QByteArray stateOf(pid_t process) {
        const QByteArray stat = contentOf(QStringLiteral("/proc/%1/stat").arg(process));
        const qsizetype name = stat.lastIndexOf(')');
        return name < 0 ? QByteArray() : stat.mid(name + 2, 1);
    }
    static bool isGone(pid_t process) { return ::kill(process, 0) != 0; }

  private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void everyExitHasItsMeaning_data() {
        QTest::addColumn<QByteArray>("order");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QByteArray>("mentioned");
        const auto row = [](const char* order, Kind kind, const char* mentioned) {
            QTest::newRow(order) << QByteArray(order) << static_cast<int>(kind) << QByteArray(mentioned);
        };
        row("exit:0", Kind::done, "");
        row("exit:1", Kind::failed, "it says why");
        row("exit:2", Kind::refused, "it says why");
        row("exit:3", Kind::refused, "it says why");
        row("exit:3:memory", Kind::otherMemory, "it says why");
        row("exit:4", Kind::diskFull, "it says why");
        row("exit:4:--memory-limit", Kind::memory, "it says why");
        row("exit:130", Kind::interrupted, "it says why");
        row("exit:77", Kind::failed, "it says why");
        row("signal:9", Kind::memory, "memory");
        row("signal:15", Kind::interrupted, "signal 15");
        row("signal:11", Kind::failed, "signal 11");
        row("garbage", Kind::done, "");
    }
    void everyExitHasItsMeaning() {
        QFETCH(QByteArray, order);
        QFETCH(int, kind);
        QFETCH(QByteArray, mentioned);
        const auto process = make(order.constData());
        process->start();
        const QuantizeEnd end = wait();
        QCOMPARE(static_cast<int>(end.kind), kind);
        if (!mentioned.isEmpty())
            QVERIFY2(end.error.message().find(mentioned.toStdString()) != std::string::npos,
                     end.error.message().c_str());
    }

    void garbageIsPassedOverAndTheRestIsRead() {
        const auto process = make("garbage");
        process->start();
        wait();
        QCOMPARE(m_progress.size(), size_t{1});
        QCOMPARE(m_progress[0].done, uint64_t{2});
        QCOMPARE(m_progress[0].total, uint64_t{4});
        QVERIFY(!m_progress[0].inBytes);
        QVERIFY(m_progress[0].secondsLeft < 0);
    }

    void linesOfAnyLengthTakeBoundedMemory() {
        LineReader reader;
        QByteArrayList lines;
        for (int i = 0; i < 1000; i++) lines += reader.add(QByteArray(100'000, 'x'));
        lines += reader.add("\nshort\r\npart");
        lines += reader.add("ly\n");
        QCOMPARE(lines, (QByteArrayList{"short\r", "partly"}));
        QCOMPARE(reader.add(QByteArray(LineReader::kMostBytes, 'y') + "\n").size(), 1);
        QCOMPARE(reader.add(QByteArray(LineReader::kMostBytes + 1, 'y') + "\n").size(), 0);
    }

    void messagesAreMadeHarmless() {
        QCOMPARE(readMessageLine("edgechat: a\x1b[2Jb\tc"), QStringLiteral("a [2Jb c"));
        QCOMPARE(readMessageLine("somebody: a"), QString());
        QVERIFY(readMessageLine("edgechat: " + QByteArray(5000, 'a')).size() <= 500);
    }

    void aProgramThatIsNotThereIsSaid() {
        QuantizeCommand command;
        command.program = m_folder->filePath(QStringLiteral("nothing"));
        QuantizeProcess process(command);
        watch(process);
        process.start();
        const QuantizeEnd end = wait();
        QVERIFY(end.kind == Kind::notStarted);
        QVERIFY(end.error.message().find("nothing") != std::string::npos);
    }

    void pauseStopsTheProcessAndResumeLetsItGo() {
        const auto process = make("hang");
        const pid_t child = begin(*process);
        process->pause();
        QVERIFY(QTest::qWaitFor([child] { return stateOf(child) == "T"; }, kPatience));
        process->resume();
        QVERIFY(QTest::qWaitFor([child] { return stateOf(child) == "S"; }, kPatience));
    }

    void stopAlsoEndsAPausedOneAndADeafOne() {
        for (const char* order : {"hang", "deaf"}) {
            const auto process = make(order);
            process->setGrace(50);
            const pid_t child = begin(*process);
            process->pause();
            process->stop();
            QVERIFY(wait().kind == Kind::stopped);
            QVERIFY(isGone(child));
        }
    }

    void theChildEndsWithItsOwner() {
        auto process = make("deaf");
        const pid_t child = begin(*process);
        process->pause();
        process.reset();
        QVERIFY(isGone(child));  // a zombie would still be there
    }

    /// The kernel's own doing, whatever the parent comes to.
    void theChildDiesWithTheThreadThatStartedIt() {
        pid_t child = 0;
        std::thread([this, &child] {
            QuantizeCommand command;
            command.program = QStringLiteral(FAKE_QUANTIZER);
            command.output = m_folder->filePath(QStringLiteral("out"));
            command.more = QStringList{QStringLiteral("deaf")};
            auto* const process = new QuantizeProcess(command);  // never destroyed, as in a crash
            process->start();
            const QString file = m_folder->filePath(QStringLiteral("out.process"));
            while (!QFile::exists(file)) std::this_thread::yield();
            child = static_cast<pid_t>(contentOf(file).toInt());
        }).join();
        QVERIFY(child > 0);
        QVERIFY(QTest::qWaitFor([child] { return stateOf(child) == "Z" || isGone(child); }, kPatience));
    }

    void theOutOfMemoryKillerTakesTheChildFirst() {
        const auto process = make("hang");
        const pid_t child = begin(*process);
        QCOMPARE(contentOf(QStringLiteral("/proc/%1/oom_score_adj").arg(child)).trimmed(), QByteArray("500"));
    }
};

QTEST_GUILESS_MAIN(QuantizeProcessTest)
#include "quantize_process_test.moc"
