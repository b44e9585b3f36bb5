// `edgechat-cli pull ORG/NAME --quantize METHOD` as a program: download, quantize, store in one go.
#include <signal.h>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;

namespace {

struct Run {
    int code = -1;  ///< -1 when a signal ended it
    QByteArray output, errors;

    QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

}  // namespace

class PullQuantizeTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<QProcess> m_process;
    QProcessEnvironment m_environment;
    QByteArray m_errors;

    QString home() const { return m_fixture->hub.path(QStringLiteral("home")); }
    QStringList pull(const char* method = "awq") {
        return {QStringLiteral("pull"),         QStringLiteral("org/tiny"),   QStringLiteral("--endpoint"),
                m_fixture->server().endpoint(), QStringLiteral("--quantize"), QString::fromLatin1(method),
                QStringLiteral("--progress"),   QStringLiteral("json"),       QStringLiteral("--json")};
    }
    void begin(const QStringList& words) {
        m_errors.clear();
        m_process = std::make_unique<QProcess>();
        m_process->setProcessEnvironment(m_environment);
        connect(m_process.get(), &QProcess::readyReadStandardError, this,
                [this] { m_errors += m_process->readAllStandardError(); });
        m_process->start(QStringLiteral(EDGECHAT_CLI), words);
    }
    Run end() {
        const bool over =
            QTest::qWaitFor([this] { return m_process->state() == QProcess::NotRunning; }, kPatience);
        if (!over) qFatal("the program goes on");
        m_errors += m_process->readAllStandardError();
        return {m_process->exitStatus() == QProcess::NormalExit ? m_process->exitCode() : -1,
                m_process->readAllStandardOutput(), m_errors};
    }
    Run run(const QStringList& words) {
        begin(words);
        return end();
    }
    bool cameTo(const char* stage) {
        const QByteArray wanted = QByteArray("\"stage\":\"") + stage;
        return QTest::qWaitFor([&] { return m_errors.contains(wanted); }, kPatience);
    }
    std::map<QString, QByteArray> model() const { return filesOf(home() + QStringLiteral("/models")); }
    void expectStored(const Run& pulled) {
        QVERIFY2(pulled.code == 0, pulled.errors.constData());
        QCOMPARE(pulled.json().value(QStringLiteral("name")).toString(), QStringLiteral("tiny"));
        QVERIFY(!pulled.json().value(QStringLiteral("files")).toArray().isEmpty());
        QVERIFY(QDir(home() + QStringLiteral("/downloads")).isEmpty());
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<JobsFixture>();
        m_environment = QProcessEnvironment::systemEnvironment();
        m_environment.insert(QStringLiteral("EDGECHAT_HOME"), home());
        m_environment.insert(QStringLiteral("HF_HOME"), m_fixture->hub.path(QStringLiteral("hf")));
        m_environment.insert(QStringLiteral("EDGECHAT_KEYRING"), QStringLiteral("0"));
        for (const char* name :
             {"HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE", "EDGECHAT_TOKEN_HOST"})
            m_environment.remove(QString::fromLatin1(name));
    }

    void fromTheHubToAnAnswer_data() {
        QTest::addColumn<int>("family");
        QTest::newRow("llama") << int(SmallFamily::llama);
        QTest::newRow("mistral") << int(SmallFamily::mistral);
        QTest::newRow("falcon") << int(SmallFamily::falcon7b);
    }
    void fromTheHubToAnAnswer() {
        QFETCH(int, family);
        m_fixture->serve(SmallFamily(family));
        const Run pulled = run(pull());
        expectStored(pulled);
        for (const char* stage : {"download", "quantize", "import"})
            QVERIFY2(pulled.errors.contains(QByteArray("\"stage\":\"") + stage), stage);
        const Run answered =
            run({QStringLiteral("generate"), QStringLiteral("tiny"), QStringLiteral("--raw"),
                 QStringLiteral("--prompt"), QStringLiteral("the sea"), QStringLiteral("--max-tokens"),
                 QStringLiteral("2"), QStringLiteral("--json")});
        QVERIFY2(answered.code == 0, answered.errors.constData());
        const QJsonArray models = run({QStringLiteral("list"), QStringLiteral("--json")})
                                      .json()
                                      .value(QStringLiteral("models"))
                                      .toArray();
        QCOMPARE(models.size(), 1);
        QVERIFY(models[0]
                    .toObject()
                    .value(QStringLiteral("quantization"))
                    .toString()
                    .contains(QStringLiteral("awq"), Qt::CaseInsensitive));
    }

    void theSameCommandGoesOnAfterAKill() {
        const Run undisturbed = run(pull());
        expectStored(undisturbed);
        const auto expected = model();
        QDir(home()).removeRecursively();
        for (const char* stage : {"download", "quantize", "import"}) {
            begin(pull());
            QVERIFY2(cameTo(stage), stage);
            m_process->kill();
            end();
        }
        // The last kill may have come when all was done and the list of jobs gone.
        QDirIterator lists(home() + QStringLiteral("/downloads"), {QStringLiteral("jobs.sqlite")},
                           QDir::Files, QDirIterator::Subdirectories);
        if (lists.hasNext()) expectStored(run(pull()));
        QVERIFY(model() == expected);
    }

    void anInterruptSaysSoAndTheSameCommandGoesOn() {
        begin(pull());
        QVERIFY(cameTo("quantize"));
        ::kill(static_cast<pid_t>(m_process->processId()), SIGINT);
        const Run stopped = end();
        QVERIFY2(stopped.code == 130, stopped.errors.constData());
        QVERIFY2(stopped.errors.contains("the same command"), stopped.errors.constData());
        m_fixture->server().clearRequests();
        expectStored(run(pull()));
        QVERIFY(m_fixture->server().requests().isEmpty());
    }

    void aFailureHasItsExitCodeAndIsTriedAgain() {
        m_fixture->hub.repository().gated = QStringLiteral("auto");
        const Run refused = run(pull());
        QVERIFY2(refused.code == 5, refused.errors.constData());
        QVERIFY(refused.errors.contains("sign in at"));
        QVERIFY(refused.json().contains(QStringLiteral("error")));
        m_fixture->hub.repository().gated.clear();
        expectStored(run(pull()));
    }

    void anotherRevisionBeginsAnew() {
        m_fixture->hub.repository().gated = QStringLiteral("auto");
        QCOMPARE(run(pull()).code, 5);
        m_fixture->hub.repository().gated.clear();
        const Run pulled = run(pull() << QStringLiteral("--revision") << QStringLiteral("refs/pr/1"));
        expectStored(pulled);
        const QList<RecordedRequest>& requests = m_fixture->server().requests();
        QVERIFY(std::any_of(requests.begin(), requests.end(), [](const RecordedRequest& one) {
            return one.target.contains("revision/refs%2Fpr%2F1");
        }));
    }

    void aModelThatIsQuantizedAlreadyIsKeptAsItIs() {
        fillRepository(m_fixture->hub.repository(),
                       QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/awq_g64"));
        const Run pulled = run(pull("smoothquant"));
        expectStored(pulled);
        QVERIFY(!pulled.errors.contains("\"stage\":\"quantize"));
    }

    void otherMethodsAreUsage() {
        QCOMPARE(run(pull("rtn")).code, 2);
        QVERIFY(m_fixture->server().requests().isEmpty());
    }
};

QTEST_GUILESS_MAIN(PullQuantizeTest)
#include "pull_quantize_test.moc"
