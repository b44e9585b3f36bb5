// `edgechat-cli pull` as a program, against the simulated Hub: to the store, broken off in every way.
#include <signal.h>
#include <sys/resource.h>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QRandomGenerator>

#include "tests/models/hub/fixture.h"

using namespace edgechat::testing;

namespace {

struct Run {
    int code = -1;  ///< -1 when a signal ended it
    QByteArray output, errors;

    QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

}  // namespace

class PullTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<HubFixture> m_fixture;
    QProcessEnvironment m_environment;

    HubSimulator& server() { return m_fixture->server(); }
    void fault(const char* text) { server().script(*Fault::read(QString::fromLatin1(text))); }
    QString home() { return m_fixture->path(QStringLiteral("home")); }
    QString downloads() { return home() + QStringLiteral("/downloads/org--tiny/"); }

    /// A really loadable checkpoint, under the name org/tiny.
    void serve(const QString& model) {
        SimulatedRepository& repository = m_fixture->repository();
        repository.files.clear();
        const QDir folder(QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/") + model);
        const QStringList names = folder.entryList(QDir::Files);
        QVERIFY(!names.isEmpty());
        for (const QString& name : names) {
            const QByteArray content = contentOf(folder.filePath(name));
            repository.files[name] = {content, content.size() > 10'000};
        }
        repository.files[QStringLiteral("README.md")] = {"# a model", false};
    }
    QByteArray largeSha256() {
        const auto& files = m_fixture->repository().files;
        const auto file = std::max_element(files.begin(), files.end(), [](const auto& a, const auto& b) {
            return a.second.content.size() < b.second.content.size();
        });
        return sha256Of(file->second.content);
    }

    std::unique_ptr<QProcess> begin(const QStringList& words, qint64 fileSizeLimit = -1) {
        auto process = std::make_unique<QProcess>();
        process->setProcessEnvironment(m_environment);
        process->setProgram(QStringLiteral(EDGECHAT_CLI));
        process->setArguments(words);
        if (fileSizeLimit >= 0) {
            process->setChildProcessModifier([fileSizeLimit] {
                const struct rlimit limit {
                    static_cast<rlim_t>(fileSizeLimit), static_cast<rlim_t>(fileSizeLimit)
                };
                ::setrlimit(RLIMIT_FSIZE, &limit);
            });
        }
        process->start();
        return process;
    }
    static Run end(QProcess& process) {
        if (!QTest::qWaitFor([&process] { return process.state() == QProcess::NotRunning; }, kPatience))
            qWarning("given up");
        return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
                process.readAllStandardOutput(), process.readAllStandardError()};
    }
    Run run(const QStringList& words, qint64 fileSizeLimit = -1) { return end(*begin(words, fileSizeLimit)); }
    QStringList pull(const QStringList& more = {}) {
        return QStringList{QStringLiteral("pull"), QStringLiteral("org/tiny"), QStringLiteral("--endpoint"),
                           server().endpoint(), QStringLiteral("--json")} +
               more;
    }
    void expectStored(const Run& pulled) {
        QVERIFY2(pulled.code == 0, pulled.errors.constData());
        QCOMPARE(pulled.json().value(QStringLiteral("name")).toString(), QStringLiteral("tiny"));
        const QJsonArray files = pulled.json().value(QStringLiteral("files")).toArray();
        QVERIFY(!files.isEmpty());
        for (const QJsonValue& value : files) {
            const QString name = value.toObject().value(QStringLiteral("name")).toString();
            const QByteArray content = m_fixture->repository().files.at(name).content;
            QCOMPARE(value.toObject().value(QStringLiteral("sha256")).toString().toLatin1(),
                     sha256Of(content));
            QCOMPARE(value.toObject().value(QStringLiteral("bytes")).toInteger(), content.size());
            QCOMPARE(contentOf(home() + QStringLiteral("/models/tiny/") + name), content);
        }
        QVERIFY(!QFileInfo::exists(downloads()));
    }
    void expectError(const Run& run, int code, const char* mentioned) {
        QVERIFY2(run.code == code, run.errors.constData());
        QVERIFY2(run.errors.contains(mentioned), run.errors.constData());
        QVERIFY(run.json().contains(QStringLiteral("error")));
        QVERIFY(!QFileInfo::exists(home() + QStringLiteral("/models/tiny")));
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<HubFixture>();
        m_environment = QProcessEnvironment::systemEnvironment();
        m_environment.insert(QStringLiteral("EDGECHAT_HOME"), home());
        m_environment.insert(QStringLiteral("HF_HOME"), m_fixture->path(QStringLiteral("hf")));
        m_environment.insert(QStringLiteral("EDGECHAT_KEYRING"), QStringLiteral("0"));
        for (const char* name :
             {"HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE", "EDGECHAT_TOKEN_HOST"})
            m_environment.remove(QString::fromLatin1(name));
        serve(QStringLiteral("llama_v2"));
    }

    void fromTheHubToAnAnswer_data() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"llama_v2", "mistral_v3", "falcon_7b", "awq_g64"})
            QTest::newRow(model) << QString::fromLatin1(model);
    }
    void fromTheHubToAnAnswer() {
        QFETCH(QString, model);
        serve(model);
        const Run pulled = run(pull());
        expectStored(pulled);
        QCOMPARE(pulled.json().keys(), (QStringList{QStringLiteral("bytes"), QStringLiteral("files"),
                                                    QStringLiteral("name"), QStringLiteral("path")}));
        const Run answered =
            run({QStringLiteral("generate"), QStringLiteral("tiny"), QStringLiteral("--prompt"),
                 QStringLiteral("a"), QStringLiteral("--raw"), QStringLiteral("--max-tokens"),
                 QStringLiteral("2"), QStringLiteral("--json")});
        QVERIFY2(answered.code == 0, answered.errors.constData());
        for (const RecordedRequest& request : server().requests())
            QVERIFY(!request.target.contains("README"));
    }

    void theEndpointAlsoComesFromTheEnvironment() {
        m_environment.insert(QStringLiteral("HF_ENDPOINT"), server().endpoint());
        expectStored(
            run({QStringLiteral("pull"), QStringLiteral("org/tiny@refs/pr/1"), QStringLiteral("--json")}));
        QVERIFY(server().requests()[0].target.endsWith("refs%2Fpr%2F1"));
    }

    void aKilledPullGoesOnWhereItWas() {
        Fault stall = *Fault::read(QStringLiteral("stall bytes=100000"));
        stall.path = largeSha256();
        server().script(stall);
        const auto process = begin(pull());
        const QString partial = downloads() + QStringLiteral("model.safetensors.partial");
        QVERIFY(QTest::qWaitFor([&] { return QFileInfo(partial).size() == 100'000; }, kPatience));
        process->kill();
        QCOMPARE(end(*process).code, -1);
        server().clearRequests();
        const Run pulled = run(pull());
        expectStored(pulled);
        const QList<RecordedRequest> large = m_fixture->asked("GET", "cdn");
        QCOMPARE(large.size(), 1);
        QCOMPARE(large[0].range, QByteArray("bytes=100000-"));
    }

    void killsAtRandomPlacesEndWithTheRightFile() {
        QRandomGenerator random(11);
        m_fixture->repository().files[QStringLiteral("vocab.json")] = {someBytes(2'000'000), true};
        for (int i = 0; i < 12; i++) {
            fault("slow host=cdn bytes=20000 times=-1");
            const auto process = begin(pull());
            // Counted in bytes that the server sent, not in time.
            qint64 sent = 0;
            const qint64 until = random.bounded(400'000);
            const auto watch = connect(&server(), &HubSimulator::sent, this, [&](qint64) {
                sent += 20'000;
                if (sent >= until) process->kill();
            });
            end(*process);
            disconnect(watch);
            server().clearScript();
        }
        QVERIFY(!m_fixture->asked("GET", "cdn").isEmpty());
        expectStored(run(pull()));
    }

    void anInterruptSaysSoAndKeepsWhatCame() {
        Fault stall = *Fault::read(QStringLiteral("stall bytes=50000"));
        stall.path = largeSha256();
        server().script(stall);
        const auto process = begin(pull());
        QVERIFY(QTest::qWaitFor(
            [&] {
                return QFileInfo(downloads() + QStringLiteral("model.safetensors.partial")).size() == 50'000;
            },
            kPatience));
        ::kill(static_cast<pid_t>(process->processId()), SIGINT);
        expectError(end(*process), 130, "stopped");
        QCOMPARE(QFileInfo(downloads() + QStringLiteral("model.safetensors.partial")).size(), 50'000);
        expectStored(run(pull()));
    }

    void aFullDiskIsExitCodeFour() {
        expectError(run(pull(), 100'000), 4, "free space");
        expectStored(run(pull()));
    }

    void theTokenIsSeenByTheHubAlone() {
        m_fixture->repository().gated = QStringLiteral("manual");
        m_environment.insert(QStringLiteral("HF_TOKEN"), QStringLiteral("hf_member"));
        // It was given for huggingface.co; this is a mirror.
        expectError(run(pull()), 5, "sign in at");
        for (const RecordedRequest& request : server().requests()) QVERIFY(!request.authorized);
        m_environment.insert(QStringLiteral("EDGECHAT_TOKEN_HOST"), server().endpoint().mid(7));
        m_environment.insert(QStringLiteral("QT_LOGGING_RULES"), QStringLiteral("*=true"));
        const Run pulled = run(pull());
        expectStored(pulled);
        QVERIFY(!pulled.errors.contains("hf_member") && !pulled.output.contains("hf_member"));
        for (const RecordedRequest& request : server().requests())
            QVERIFY(request.server == "hub" || !request.authorized);
        QVERIFY(m_fixture->asked("HEAD", "hub").back().authorized);
    }

    void aGuestIsToldWhatToDo() {
        m_fixture->repository().gated = QStringLiteral("auto");
        m_environment.insert(QStringLiteral("HF_TOKEN"), QStringLiteral("hf_guest"));
        m_environment.insert(QStringLiteral("EDGECHAT_TOKEN_HOST"), server().endpoint().mid(7));
        const Run refused = run(pull());
        expectError(refused, 5, "accept the licence");
        QVERIFY(!refused.errors.contains("hf_guest"));
    }

    void aModelThatCannotRunIsNotDownloaded() {
        m_fixture->repository().files[QStringLiteral("config.json")].content = R"({"model_type": "t5"})";
        expectError(run(pull()), 3, "t5");
        QCOMPARE(m_fixture->fetched("xet/" + largeSha256()), 0);
    }

    void wrongWordsAreUsage() {
        const auto usage = [this](const QStringList& words, const char* mentioned) {
            const Run refused = run(words);
            QCOMPARE(refused.code, 2);
            QVERIFY2(refused.errors.contains(mentioned), refused.errors.constData());
        };
        const QString command = QStringLiteral("pull");
        usage({command, QStringLiteral("tiny")}, "org/name");
        usage({command, QStringLiteral("../tiny")}, "org/name");
        usage({command, QStringLiteral("org/tiny"), QStringLiteral("--revision"), QStringLiteral("a b")},
              "revision");
        usage({command, QStringLiteral("org/tiny"), QStringLiteral("--endpoint"),
               QStringLiteral("http://example.org")},
              "https");
        usage({command, QStringLiteral("org/tiny"), QStringLiteral("--quantize"), QStringLiteral("rtn")},
              "--quantize");
        QVERIFY(server().requests().isEmpty());
    }

    void offlineIsExitCodeFive() {
        m_environment.insert(QStringLiteral("HF_HUB_OFFLINE"), QStringLiteral("1"));
        expectError(run(pull()), 5, "offline");
        QVERIFY(server().requests().isEmpty());
    }

    void theProxyOfTheEnvironmentIsAsked() {
        // The simulated Hub as a proxy: it need only see that it is asked to connect, and without a token.
        m_environment.insert(QStringLiteral("https_proxy"), server().endpoint());
        m_environment.insert(QStringLiteral("http_proxy"), server().endpoint());
        m_environment.remove(QStringLiteral("no_proxy"));
        m_environment.insert(QStringLiteral("HF_TOKEN"), QStringLiteral("hf_member"));
        fault("status status=403 times=-1");
        const auto process =
            begin({QStringLiteral("pull"), QStringLiteral("org/tiny"), QStringLiteral("--endpoint"),
                   QStringLiteral("https://hub.invalid"), QStringLiteral("--json")});
        QVERIFY(QTest::qWaitFor([&] { return !server().requests().isEmpty(); }, kPatience));
        process->kill();
        end(*process);
        QCOMPARE(server().requests()[0].method, QByteArray("CONNECT"));
        QCOMPARE(server().requests()[0].target, QByteArray("hub.invalid:443"));
        QVERIFY(!server().requests()[0].authorized);
    }
};

QTEST_GUILESS_MAIN(PullTest)
#include "pull_test.moc"
