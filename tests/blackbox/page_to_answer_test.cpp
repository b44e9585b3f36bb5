// From the Models page to an answer in the chat: a small LLaMA, Mistral and Falcon, each with a kill and a
// lost network on the way. The Hub is simulated in this process; the window is a child, so that it can be
// killed.
#include <signal.h>

#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;

class PageToAnswerTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<QProcess> m_window;
    QString m_repository;

    QString home() const { return m_fixture->hub.path(QStringLiteral("home")); }

    void start() {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("EDGECHAT_HOME"), home());
        environment.insert(QStringLiteral("HF_ENDPOINT"), m_fixture->server().endpoint());
        m_window = std::make_unique<QProcess>();
        m_window->setProcessEnvironment(environment);
        m_window->setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_window->start(QStringLiteral(PAGE_DRIVER), {m_repository, QStringLiteral("hello there")});
        QVERIFY(m_window->waitForStarted());
    }
    void kill() {
        ::kill(static_cast<pid_t>(m_window->processId()), SIGKILL);
        QVERIFY(QTest::qWaitFor([this] { return m_window->state() == QProcess::NotRunning; }, kPatience));
        QCOMPARE(m_window->exitStatus(), QProcess::CrashExit);
    }
    /// The files of the job that runs, of any id and time.
    QString find(const QString& name) const {
        QDirIterator all(home() + QStringLiteral("/downloads"), {name}, QDir::AllEntries | QDir::Hidden,
                         QDirIterator::Subdirectories);
        return all.hasNext() ? all.next() : QString();
    }
    QByteArray end() {
        const bool over =
            QTest::qWaitFor([this] { return m_window->state() == QProcess::NotRunning; }, kPatience);
        if (!over) return "goes on for ever";
        if (m_window->exitStatus() != QProcess::NormalExit || m_window->exitCode() != 0)
            return "ended with " + QByteArray::number(m_window->exitCode());
        return m_window->readAllStandardOutput();
    }
    void serve(SmallFamily family, const QString& repository) {
        m_repository = repository;
        m_fixture = std::make_unique<JobsFixture>(family);
        SimulatedRepository named = m_fixture->hub.repository();
        named.id = repository;
        m_fixture->server().add(named);
        QDir().mkpath(home() + QStringLiteral("/config"));
        writeFile(home() + QStringLiteral("/config/config.ini"),
                  "[generation]\ntemperature=0\nmaxTokens=16\n");
    }

  private Q_SLOTS:
    void cleanup() { m_window.reset(); }

    void reachesAnAnswer_data() {
        QTest::addColumn<int>("family");
        QTest::addColumn<QString>("repository");
        QTest::addColumn<bool>("killedWhileQuantizing");
        // The first start: the catalog's smallest model, in three clicks.
        QTest::newRow("llama") << static_cast<int>(SmallFamily::llama)
                               << QStringLiteral("HuggingFaceTB/SmolLM2-135M-Instruct") << false;
        QTest::newRow("mistral") << static_cast<int>(SmallFamily::mistral)
                                 << QStringLiteral("org/small-mistral") << true;
        QTest::newRow("falcon") << static_cast<int>(SmallFamily::falcon7b)
                                << QStringLiteral("org/small-falcon") << false;
    }

    void reachesAnAnswer() {
        QFETCH(int, family);
        QFETCH(QString, repository);
        QFETCH(bool, killedWhileQuantizing);
        serve(static_cast<SmallFamily>(family), repository);

        m_fixture->fault("reset path=model-00001 host=cdn bytes=3000 times=2");
        if (!killedWhileQuantizing) m_fixture->fault("stall path=model-00002 host=cdn bytes=100 times=1");
        start();
        if (killedWhileQuantizing) {
            QVERIFY(QTest::qWaitFor([this] { return !find(QStringLiteral("quantized.partial")).isEmpty(); },
                                    kPatience));
        } else {
            const QString name = QStringLiteral("model-00002-of-00002.safetensors.partial");
            const QString whole = QStringLiteral("model-00001-of-00002.safetensors");
            QVERIFY(QTest::qWaitFor(
                [&] { return QFileInfo(find(name)).size() == 100 && !find(whole).isEmpty(); }, kPatience));
        }
        kill();
        QVERIFY(
            !QDir(home() + QStringLiteral("/models")).exists() ||
            QDir(home() + QStringLiteral("/models")).entryList(QDir::Dirs | QDir::NoDotAndDotDot).isEmpty());

        m_fixture->server().clearRequests();
        start();
        const QByteArray said = end();
        QVERIFY2(said.contains("answer: "), said.constData());
        QVERIFY2(!said.contains("get\n"), "the job of the killed window was lost");
        // What had come is not fetched again.
        const SimulatedFile& first =
            m_fixture->hub.repository().files.at(QStringLiteral("model-00001-of-00002.safetensors"));
        QCOMPARE(m_fixture->hub.fetched(first.sha256()), 0);
        const std::vector<models::StoreEntry> stored =
            models::Store(home() + QStringLiteral("/models")).list();
        QCOMPARE(stored.size(), size_t{1});
        QVERIFY2(!stored[0].damaged, qPrintable(stored[0].problem));
        QCOMPARE(stored[0].hub.repository, repository);
        QVERIFY2(stored[0].quantization.contains(QStringLiteral("AWQ")), qPrintable(stored[0].quantization));
        QVERIFY(find(QStringLiteral("*.safetensors")).isEmpty());
    }
};

QTEST_GUILESS_MAIN(PageToAnswerTest)
#include "page_to_answer_test.moc"
