// All files of a model from a Hub: which ones, in which order, and what stands in the way.
#include <QSet>

#include "tests/models/hub/fixture.h"

using namespace edgechat::testing;
using edgechat::models::hub::Problem;

namespace {

const QStringList kNames = {QStringLiteral("config.json"),
                            QStringLiteral("model.safetensors.index.json"),
                            QStringLiteral("tokenizer.json"),
                            QStringLiteral("tokenizer.model"),
                            QStringLiteral("model-00001-of-00002.safetensors"),
                            QStringLiteral("model-00002-of-00002.safetensors")};

}  // namespace

class DownloadTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<HubFixture> m_fixture;

    HubSimulator& server() { return m_fixture->server(); }
    SimulatedRepository& repository() { return m_fixture->repository(); }
    void fault(const char* text) { server().script(*Fault::read(QString::fromLatin1(text))); }
    QString file(const QString& name) { return m_fixture->path(QStringLiteral("tiny/") + name); }
    QStringList filesThere() {
        return QDir(m_fixture->path(QStringLiteral("tiny")))
            .entryList(QDir::Files | QDir::Hidden, QDir::Name);
    }
    void expectAll(const Ended& ended) {
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        QStringList names = kNames;
        names.sort();
        QCOMPARE(filesThere(), names);
        for (const QString& name : kNames)
            QCOMPARE(contentOf(file(name)), repository().files.at(name).content);
    }
    void expectFailure(const Ended& ended, Problem problem, const char* mentioned) {
        QVERIFY2(ended.failure.has_value(), "the download did not fail");
        QVERIFY2(ended.failure->problem == problem, qPrintable(ended.why()));
        QVERIFY2(ended.why().contains(QLatin1String(mentioned)), qPrintable(ended.why()));
    }
    int filesAsked() {
        int count = 0;
        for (const RecordedRequest& request : server().requests())
            count += request.target.contains("/resolve/");
        return count;
    }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<HubFixture>(); }

    void bringsWhatTheIndexListsAndNoMore() {
        Ended ended;
        hub::Download download(m_fixture->session(), m_fixture->downloadRequest());
        HubFixture::watch(download, ended);
        std::string commit;
        QStringList planned;
        qint64 bytes = 0;
        QObject::connect(&download, &hub::Download::described,
                         [&](const hub::RepositoryInfo& info) { commit = info.commit; });
        QObject::connect(&download, &hub::Download::planned, [&](const QStringList& names, qint64 total) {
            planned = names;
            bytes = total;
        });
        download.start();
        HubFixture::wait(ended);
        expectAll(ended);
        QCOMPARE(commit, repository().commit().toStdString());
        QCOMPARE(QSet<QString>(planned.begin(), planned.end()), QSet<QString>(kNames.begin(), kNames.end()));
        QCOMPARE(planned.front(), QStringLiteral("config.json"));
        QCOMPARE(download.bytesDone(), bytes);
        QCOMPARE(download.bytesTotal(), bytes);
        QCOMPARE(download.files().size(), size_t(kNames.size()));
        for (const hub::DownloadedFile& one : download.files()) {
            QCOMPARE(one.sha256, sha256Of(repository().files.at(one.name).content));
            QCOMPARE(one.bytes, repository().files.at(one.name).content.size());
        }
        // Every file by the commit, so that none can change on the way.
        for (const RecordedRequest& request : server().requests()) {
            if (request.target.contains("/resolve/")) QVERIFY(request.target.contains(repository().commit()));
        }
    }

    void listsComeInPages() {
        server().setPageSize(2);
        expectAll(m_fixture->download());
    }

    void aNextPageElsewhereIsNotAsked() {
        m_fixture->settings.token = tokenOf("hf_member");
        server().setPageSize(2);
        // The listing of another endpoint: its links lead to a port that is not this one's.
        m_fixture->settings.endpoint = *hub::Endpoint::from(
            QString(server().endpoint()).replace(QStringLiteral("127.0.0.1"), QStringLiteral("localhost")));
        expectFailure(m_fixture->download(), Problem::badAnswer, "same host");
        for (const RecordedRequest& request : server().requests())
            QVERIFY(request.host.startsWith("localhost"));
    }

    void neverMoreThanTwoConnections() {
        for (const char* name : {"vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"})
            repository().files[QString::fromLatin1(name)] = {someBytes(40'000), false};
        fault("slow bytes=10000 times=-1 method=GET path=resolve");
        int open = 0, most = 0;
        hub::Download download(m_fixture->session(), m_fixture->downloadRequest());
        Ended ended;
        HubFixture::watch(download, ended);
        QSet<QByteArray> begun;
        QObject::connect(&server(), &HubSimulator::requested, [&](const RecordedRequest& request) {
            if (request.method == "HEAD" && !begun.contains(request.target)) {
                begun.insert(request.target);
                most = std::max(most, ++open);
            }
        });
        QObject::connect(&download, &hub::Download::fileFinished, [&] { open--; });
        download.start();
        HubFixture::wait(ended);
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        QCOMPARE(most, 2);
    }

    void aSecondDownloadFetchesNothing() {
        expectAll(m_fixture->download());
        server().clearRequests();
        expectAll(m_fixture->download());
        QCOMPARE(filesAsked(), 0);
    }

    void aNewCommitFetchesWhatChanged() {
        expectAll(m_fixture->download());
        server().clearRequests();
        repository().files[QStringLiteral("tokenizer.json")].content = someBytes(3000, 99);
        expectAll(m_fixture->download());
        for (const RecordedRequest& request : server().requests())
            QVERIFY(!request.target.contains("/resolve/") || request.target.contains("tokenizer.json"));
    }

    void aNewCommitInMidFileGoesOnOrStartsOver() {
        m_fixture->settings.times.attempts = 1;
        const QString first = QStringLiteral("model-00001-of-00002.safetensors");
        const QString second = QStringLiteral("model-00002-of-00002.safetensors");
        for (const QString& name : {first, second}) {
            Fault cut = *Fault::read(QStringLiteral("cut host=cdn bytes=100000"));
            cut.path = sha256Of(repository().files.at(name).content);
            server().script(cut);
        }
        QVERIFY(m_fixture->download().failure.has_value());
        server().clearScript();
        // The second shard is another one now.
        repository().files[second].content = someBytes(200'000, 77);
        server().clearRequests();
        m_fixture->settings.times.attempts = 3;
        m_fixture->renewSession();
        expectAll(m_fixture->download());
        QCOMPARE(m_fixture->fetched(sha256Of(repository().files.at(second).content)), 200'000);
        QVERIFY(m_fixture->fetched(sha256Of(repository().files.at(first).content)) < 300'000);
    }

    void revisionsAreOnePartOfTheAddress() {
        hub::DownloadRequest request = m_fixture->downloadRequest();
        request.revision = QStringLiteral("refs/pr/1");
        expectAll(m_fixture->download(request));
        QVERIFY(server().requests()[0].target.endsWith("/revision/refs%2Fpr%2F1"));
    }

    void aMissingRevisionIsNamed() {
        hub::DownloadRequest request = m_fixture->downloadRequest();
        request.revision = QStringLiteral("v9");
        expectFailure(m_fixture->download(request), Problem::notFound, "revision v9");
    }

    void aMissingRepositoryIsNoTokensFault() {
        hub::DownloadRequest request = m_fixture->downloadRequest();
        request.repository = QStringLiteral("org/none");
        expectFailure(m_fixture->download(request), Problem::needsToken, "no such public repository");
        m_fixture->settings.token = tokenOf("hf_member");
        m_fixture->renewSession();
        expectFailure(m_fixture->download(request), Problem::notFound, "no such repository");
    }

    void gatesSayWhatAPersonHasToDo() {
        repository().gated = QStringLiteral("auto");
        expectFailure(m_fixture->download(), Problem::needsToken, "sign in at");
        m_fixture->settings.token = tokenOf("hf_guest");
        m_fixture->renewSession();
        expectFailure(m_fixture->download(), Problem::needsAcceptance, "accept the licence");
        m_fixture->settings.token = tokenOf("hf_unknown");
        m_fixture->renewSession();
        expectFailure(m_fixture->download(), Problem::needsToken, "a token that is valid");
        m_fixture->settings.token = tokenOf("hf_member");
        m_fixture->renewSession();
        expectAll(m_fixture->download());
        for (const RecordedRequest& request : m_fixture->asked("GET", "cdn")) QVERIFY(!request.authorized);
    }

    void whatTheHubTookDownIsSaidToBeSo() {
        repository().disabled = true;
        expectFailure(m_fixture->download(), Problem::takenDown, "taken it down");
        QCOMPARE(filesAsked(), 0);
    }

    void pickledWeightsAreNeverAsked() {
        repository().files.erase(QStringLiteral("model.safetensors.index.json"));
        repository().files.erase(QStringLiteral("consolidated.safetensors"));
        repository().files.erase(QStringLiteral("model-00001-of-00002.safetensors"));
        repository().files.erase(QStringLiteral("model-00002-of-00002.safetensors"));
        expectFailure(m_fixture->download(), Problem::unsuitable, "pickle");
        QCOMPARE(filesAsked(), 0);
    }

    void anIndexThatListsAMissingShardIsRefused() {
        repository().files.erase(QStringLiteral("model-00002-of-00002.safetensors"));
        expectFailure(m_fixture->download(), Problem::unsuitable, "model-00002-of-00002.safetensors");
        QCOMPARE(m_fixture->fetched("model-00001"), 0);
    }

    void aNameThatLeavesTheFolderEndsTheDownload() {
        for (const char* name : {"../config.json", "/tmp/x", "a/../../b", "a\\b", "a\nb"}) {
            const QString path = QString::fromLatin1(name);
            repository().files[path] = {"x", false};
            expectFailure(m_fixture->download(), Problem::badAnswer, "path");
            repository().files.erase(path);
        }
        QCOMPARE(filesAsked(), 0);
    }

    void answersThatAreNoneAreRefused() {
        fault("body path=/revision/ value=<html>welcome</html>");
        expectFailure(m_fixture->download(), Problem::badAnswer, "org/tiny");
        fault("body path=/tree/ value={}");
        expectFailure(m_fixture->download(), Problem::badAnswer, "org/tiny");
        QCOMPARE(m_fixture->download().finished, true);
    }

    void anAnswerWithoutEndIsCutOff() {
        Fault huge = *Fault::read(QStringLiteral("body path=/tree/"));
        huge.value = '[' + QByteArray(33 << 20, ' ') + ']';
        server().script(huge);
        expectFailure(m_fixture->download(), Problem::badAnswer, "more than");
    }

    void anAnswerThatIsCutIsAskedAgain() {
        fault("cut path=/tree/ bytes=100");
        fault("status path=/revision/ status=503");
        const Ended ended = m_fixture->download();
        expectAll(ended);
        // Qt asks for the list again by itself where the end comes before it has read anything.
        QVERIFY(ended.retries == 1 || ended.retries == 2);
    }

    void withoutRoomNothingLargeMoves() {
        hub::DownloadRequest request = m_fixture->downloadRequest();
        request.reserveBytes = qint64{1} << 60;
        const Ended ended = m_fixture->download(request);
        expectFailure(ended, Problem::diskFull, "bytes free");
        QCOMPARE(ended.failure->error.code, edgechat::ErrorCode::doesNotFit);
        QCOMPARE(m_fixture->fetched("xet/" + sha256Of(repository().files.at(kNames[4]).content)), 0);
    }

    void filesThatMatterFirstComeFirst() {
        // Three shards over two connections: the one that nobody asked for first is the last to begin.
        repository().files[QStringLiteral("model-00003.safetensors")] = {someBytes(9000, 8), true};
        repository().files[QStringLiteral("model.safetensors.index.json")].content =
            R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
                "c": "model-00003.safetensors"} })";
        hub::Download download(m_fixture->session(), m_fixture->downloadRequest());
        Ended ended;
        HubFixture::watch(download, ended);
        const QStringList order = {QStringLiteral("model-00003.safetensors"), QStringLiteral("none"),
                                   QStringLiteral("model-00002-of-00002.safetensors")};
        QObject::connect(&download, &hub::Download::described, [&] { download.prioritise(order); });
        download.start();
        HubFixture::wait(ended);
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        QList<QByteArray> shards;
        for (const RecordedRequest& request : m_fixture->asked("HEAD", "hub")) {
            if (request.target.contains("/model-0")) shards.append(request.target);
        }
        QCOMPARE(shards.size(), 3);
        QVERIFY(shards.back().contains("model-00001-of"));
    }

    void pauseHoldsEverything() {
        hub::Download download(m_fixture->session(), m_fixture->downloadRequest());
        Ended ended;
        HubFixture::watch(download, ended);
        fault("slow host=cdn bytes=10000 times=-1");
        download.start();
        QVERIFY(QTest::qWaitFor([&] { return download.bytesDone() > 150'000; }, kPatience));
        download.pause();
        const qint64 done = download.bytesDone();
        QTest::qWait(30);
        const qsizetype requests = server().requests().size();
        QTest::qWait(30);
        QCOMPARE(server().requests().size(), requests);
        QCOMPARE(download.bytesDone(), done);
        QVERIFY(!ended.over() && download.isPaused());
        download.resume();
        HubFixture::wait(ended);
        expectAll(ended);
    }

    void pauseBeforeTheFirstAnswerHoldsToo() {
        hub::Download download(m_fixture->session(), m_fixture->downloadRequest());
        Ended ended;
        HubFixture::watch(download, ended);
        download.start();
        download.pause();
        QTest::qWait(50);
        QCOMPARE(filesAsked(), 0);
        download.resume();
        HubFixture::wait(ended);
        expectAll(ended);
    }

    void cancelEndsItOnceAndKeepsWhatCame() {
        fault("stall host=cdn bytes=50000 times=-1");
        auto download = std::make_unique<hub::Download>(m_fixture->session(), m_fixture->downloadRequest());
        Ended ended;
        HubFixture::watch(*download, ended);
        int ends = 0;
        QObject::connect(download.get(), &hub::Download::failed, [&ends] { ends++; });
        download->start();
        QVERIFY(QTest::qWaitFor([&] { return download->bytesDone() >= 73'000; }, kPatience));
        download->cancel();
        download->cancel();
        HubFixture::wait(ended);
        QTest::qWait(10);
        QCOMPARE(ends, 1);
        expectFailure(ended, Problem::cancelled, "stopped");
        server().clearScript();
        server().clearRequests();
        expectAll(m_fixture->download());
        QList<QByteArray> ranges;
        for (const RecordedRequest& request : m_fixture->asked("GET", "cdn")) ranges.append(request.range);
        QVERIFY(ranges.contains("bytes=50000-"));
    }

    void aDownloadThatGoesAwayInTheMiddleLeavesNoTrouble() {
        fault("slow host=cdn bytes=5000 times=-1");
        auto download = std::make_unique<hub::Download>(m_fixture->session(), m_fixture->downloadRequest());
        download->start();
        QVERIFY(QTest::qWaitFor([&] { return download->bytesDone() > 30'000; }, kPatience));
        download.reset();
        server().clearScript();
        expectAll(m_fixture->download());
    }

    void offlineAsksNothing() {
        m_fixture->settings.offline = true;
        expectFailure(m_fixture->download(), Problem::offline, "offline");
        QVERIFY(server().requests().isEmpty());
    }

    void aSmallFileCanBeReadBeforeAnythingIsWritten() {
        hub::Client client(m_fixture->session());
        std::optional<QByteArray> content;
        std::optional<hub::Failure> failure;
        const auto take = [&](const hub::Outcome<QByteArray>& outcome) {
            if (outcome)
                content = *outcome;
            else
                failure = outcome.failure();
        };
        const QByteArray config = repository().files.at(QStringLiteral("config.json")).content;
        const hub::RepositoryFile file{"config.json", config.size(), "", gitBlobOf(config).toStdString()};
        const QString commit = QString::fromLatin1(repository().commit());
        client.smallFile(QStringLiteral("org/tiny"), commit, file, take);
        QVERIFY(QTest::qWaitFor([&] { return content || failure; }, kPatience));
        QCOMPARE(content, config);
        fault("wrongBytes path=config.json");
        client.smallFile(QStringLiteral("org/tiny"), commit, file, take);
        QVERIFY(QTest::qWaitFor([&] { return failure.has_value(); }, kPatience));
        QVERIFY(failure->problem == Problem::wrongHash);
    }

    void theBeginningOfALargeFile_data() {
        QTest::addColumn<QByteArray>("script");
        QTest::addColumn<bool>("isPart");
        QTest::newRow("as asked for") << QByteArray() << true;
        QTest::newRow("a server without ranges") << QByteArray("ignoreRange host=cdn times=-1") << false;
        QTest::newRow("a broken connection") << QByteArray("reset host=cdn bytes=70") << true;
        QTest::newRow("another range") << QByteArray("wrongRange host=cdn bytes=7") << true;
    }
    void theBeginningOfALargeFile() {
        QFETCH(QByteArray, script);
        QFETCH(bool, isPart);
        const QByteArray shard =
            repository().files.at(QStringLiteral("model-00001-of-00002.safetensors")).content;
        if (!script.isEmpty()) fault(script.constData());
        hub::Client client(m_fixture->session());
        std::optional<QByteArray> content;
        const hub::RepositoryFile file{"model-00001-of-00002.safetensors", shard.size(),
                                       sha256Of(shard).toStdString(), ""};
        client.beginning(QStringLiteral("org/tiny"), QString::fromLatin1(repository().commit()), file, 1000,
                         [&](const hub::Outcome<QByteArray>& outcome) {
                             content = outcome ? *outcome : QByteArray("(failed)");
                         });
        QVERIFY(QTest::qWaitFor([&] { return content.has_value(); }, kPatience));
        QCOMPARE(*content, shard.left(1000));
        if (isPart) QVERIFY(m_fixture->fetched("xet/") < 10'000);
    }

    void filesByTheirNames() {
        hub::DownloadRequest wanted = m_fixture->downloadRequest();
        wanted.only =
            QStringList{QStringLiteral("config.json"), QStringLiteral("model-00002-of-00002.safetensors")};
        QVERIFY(m_fixture->download(wanted).finished);
        const QStringList expected{QStringLiteral("config.json"),
                                   QStringLiteral("model-00002-of-00002.safetensors"),
                                   QStringLiteral("model.safetensors.index.json")};
        QCOMPARE(QDir(wanted.folder).entryList(QDir::Files, QDir::Name), expected);
    }
};

QTEST_GUILESS_MAIN(DownloadTest)
#include "download_test.moc"
