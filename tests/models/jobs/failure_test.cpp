// Whatever goes wrong becomes a state of the job that says what to do, and can be gone on from.
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Problem;
using jobs::Stage;

class FailureTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;

    void expectFailed(Problem problem, const char* mentioned) {
        QVERIFY(m_fixture->waitFor(Stage::failed));
        const jobs::Job job = m_fixture->job();
        QVERIFY2(job.problem == problem, qPrintable(job.error));
        QVERIFY2(job.error.contains(QString::fromLatin1(mentioned)), qPrintable(job.error));
    }
    qint64 fetchedBytes() const { return m_fixture->hub.fetched("xet/"); }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<JobsFixture>(); }

    void aGatedModelGoesOnWhenThereIsAToken() {
        JobsFixture& f = *m_fixture;
        f.hub.repository().gated = QStringLiteral("manual");
        f.start();
        f.add();
        expectFailed(Problem::needsToken, "sign in at");
        QCOMPARE(fetchedBytes(), 0);
        hub::Settings settings = f.options.hub;
        settings.token = tokenOf("hf_guest");
        f.runner->setHub(settings);
        QVERIFY(QTest::qWaitFor([&f] { return f.job().stage != Stage::failed; }, kPatience));
        expectFailed(Problem::needsAcceptance, "accept the licence");
        settings.token = tokenOf("hf_member");
        f.runner->setHub(settings);
        QVERIFY(f.job().stage == Stage::failed);  // who was let in may say so
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
        QFile table(f.options.tableFile);
        QVERIFY(table.open(QIODevice::ReadOnly));
        QVERIFY(!table.readAll().contains("hf_"));
    }

    void offlineGoesOnWhenTheSettingIsGone() {
        JobsFixture& f = *m_fixture;
        f.options.hub.offline = true;
        f.start();
        f.add(JobsFixture::request(Method::none));
        expectFailed(Problem::offline, "offline");
        QVERIFY(f.server().requests().isEmpty());
        f.options.hub.offline = false;
        f.runner->setHub(f.options.hub);
        QVERIFY(f.waitFor(Stage::done));
    }

    void anotherHubIsAskedFromNowOn() {
        JobsFixture& f = *m_fixture;
        HubSimulator other;
        QVERIFY(other.listen());
        other.add(f.hub.repository());
        f.fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        f.start();
        f.add(JobsFixture::request(Method::none));
        QVERIFY(QTest::qWaitFor([&f] { return f.job().progress.done > 0; }, kPatience));
        hub::Settings settings = f.options.hub;
        settings.endpoint = *hub::Endpoint::from(other.endpoint());
        f.runner->setHub(settings);
        QVERIFY(f.waitFor(Stage::done));
        QVERIFY(!other.requests().isEmpty());
    }

    void aLostNetworkCanBeRetried() {
        JobsFixture& f = *m_fixture;
        f.fault("cut path=model-00002 host=cdn bytes=0 times=-1");
        f.start();
        f.add(JobsFixture::request(Method::none));
        expectFailed(Problem::network, "");
        f.server().clearScript();
        f.runner->retry(1);
        QVERIFY(f.waitFor(Stage::done));
    }

    void aFailureOutlivesTheProcess() {
        JobsFixture& f = *m_fixture;
        f.hub.repository().gated = QStringLiteral("auto");
        f.start();
        f.add();
        expectFailed(Problem::needsToken, "sign in at");
        const QString error = f.job().error;
        f.end();
        f.start();
        QCOMPARE(f.job().error, error);
        QVERIFY(f.job().problem == Problem::needsToken);
        f.options.hub.token = tokenOf("hf_member");
        f.runner->setHub(f.options.hub);
        QVERIFY(f.waitFor(Stage::done));
    }

    void whatCannotRunIsNotFetched_data() {
        QTest::addColumn<int>("problem");
        QTest::addColumn<QByteArray>("mentioned");
        QTest::newRow("no such repository") << int(Problem::notFound) << QByteArray("org/tiny");
        QTest::newRow("pickle") << int(Problem::unsuitable) << QByteArray("pickle");
        QTest::newRow("another family") << int(Problem::unsuitable) << QByteArray("t5");
        QTest::newRow("no config") << int(Problem::unsuitable) << QByteArray("config.json");
    }
    void whatCannotRunIsNotFetched() {
        QFETCH(int, problem);
        QFETCH(QByteArray, mentioned);
        JobsFixture& f = *m_fixture;
        auto& files = f.hub.repository().files;
        const QByteArray row = QTest::currentDataTag();
        if (row == "pickle") {
            for (auto file = files.begin(); file != files.end();)
                file = file->first.contains(QStringLiteral("safetensors")) ? files.erase(file) : ++file;
        }
        if (row == "another family") files[QStringLiteral("config.json")].content = R"({"model_type": "t5"})";
        if (row == "no config") files.erase(QStringLiteral("config.json"));
        if (row == "no such repository") f.fault("status status=404 errorCode=RepoNotFound times=-1");
        f.start();
        f.add();
        expectFailed(Problem(problem), mentioned.constData());
        QCOMPARE(fetchedBytes(), 0);
    }

    void everyEndOfTheQuantizerIsAState_data() {
        QTest::addColumn<QByteArray>("order");
        QTest::addColumn<int>("problem");
        const auto row = [](const char* order, Problem problem) {
            QTest::newRow(order) << QByteArray(order) << int(problem);
        };
        row("exit:1", Problem::internal);
        row("exit:3", Problem::badModel);
        row("exit:3:memory", Problem::badModel);
        row("exit:4", Problem::diskFull);
        row("exit:4:--memory-limit", Problem::memory);
        row("exit:130", Problem::interrupted);
        row("signal:9", Problem::memory);
        row("signal:11", Problem::internal);
        row("exit:0", Problem::badModel);  // a liar: no model is there
    }
    void everyEndOfTheQuantizerIsAState() {
        QFETCH(QByteArray, order);
        QFETCH(int, problem);
        JobsFixture& f = *m_fixture;
        f.useFake(order.constData());
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY2(f.job().problem == Problem(problem), qPrintable(f.job().error));
        QVERIFY(!f.job().error.isEmpty());
        QVERIFY(!QFile::exists(f.stored()));
        // With a quantizer that works, the same job comes to its end without the network.
        f.end();
        f.useReal();
        f.options.hub.offline = true;
        f.start();
        QVERIFY(f.job().stage == Stage::failed);
        f.runner->retry(1, 2'000'000'000);
        QVERIFY(f.waitFor(Stage::done));
        QCOMPARE(f.job().memoryLimit, uint64_t{2'000'000'000});
    }

    void workBegunWithAnotherMemoryLimitIsBegunAnew() {
        // The plan's parts for this limit are others, so the quantizer refuses to go on with the old ones.
        JobsFixture& f = *m_fixture;
        f.useFake("exit:3:memory");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY(f.job().problem == Problem::badModel);  // also with --restart
    }

    void theWayToLessMemory() {
        jobs::Job job;
        QCOMPARE(jobs::lowerMemoryLimit(job), uint64_t{1'875'000'000});
        job.memoryLimit = jobs::lowerMemoryLimit(job);
        QVERIFY(jobs::lowerMemoryLimit(job) < job.memoryLimit);
    }

    void aMissingQuantizerIsSaid() {
        JobsFixture& f = *m_fixture;
        f.options.quantizer.program = QStringLiteral("/nothing/edgechat-cli");
        f.start();
        f.add();
        expectFailed(Problem::internal, "/nothing/edgechat-cli");
    }

    void aWrongHashIsAFailure() {
        JobsFixture& f = *m_fixture;
        f.fault("wrongBytes path=model-00002 host=cdn times=-1");
        f.start();
        f.add(JobsFixture::request(Method::none));
        expectFailed(Problem::network, "");
        QVERIFY(!QFile::exists(f.stored()));
    }
};

QTEST_GUILESS_MAIN(FailureTest)
#include "failure_test.moc"
