// Jobs from a repository to a model in the store that answers.
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Problem;
using jobs::Stage;

namespace {

/// Runs the stored model; what it says of itself.
QByteArray answerOf(const QString& model) {
    QProcess process;
    process.start(QStringLiteral(EDGECHAT_CLI),
                  {QStringLiteral("generate"), model, QStringLiteral("--raw"), QStringLiteral("--prompt"),
                   QStringLiteral("the sea"), QStringLiteral("--max-tokens"), QStringLiteral("3"),
                   QStringLiteral("--json")});
    process.waitForFinished(kPatience);
    return process.exitCode() == 0 ? process.readAllStandardOutput() : QByteArray();
}

}  // namespace

class RunnerTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;

    void serveParity(const QString& name) {
        fillRepository(m_fixture->hub.repository(),
                       QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/") + name);
    }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<JobsFixture>(); }

    void fromARepositoryToAnAnswer_data() {
        QTest::addColumn<int>("family");
        QTest::addColumn<int>("method");
        QTest::newRow("llama") << int(SmallFamily::llama) << int(Method::awq);
        QTest::newRow("mistral") << int(SmallFamily::mistral) << int(Method::awq);
        QTest::newRow("falcon") << int(SmallFamily::falcon7b) << int(Method::awq);
        QTest::newRow("llama in 8 bits") << int(SmallFamily::llama) << int(Method::smoothquant);
    }
    void fromARepositoryToAnAnswer() {
        QFETCH(int, family);
        QFETCH(int, method);
        JobsFixture& f = *m_fixture;
        f.serve(SmallFamily(family));
        // One cut on the way.
        f.fault("reset path=model-00001 host=cdn bytes=20000 times=1");
        f.start();
        std::vector<Stage> stages;
        connect(f.runner.get(), &jobs::JobRunner::changed, this, [&stages](const jobs::Job& job) {
            if (stages.empty() || stages.back() != job.stage) stages.push_back(job.stage);
        });
        f.add(JobsFixture::request(Method(method)));
        QVERIFY(f.waitFor(Stage::done));
        QCOMPARE(stages, (std::vector<Stage>{Stage::waiting, Stage::fetch, Stage::quantize, Stage::add,
                                             Stage::done}));
        QCOMPARE(f.job().storedName, QStringLiteral("tiny"));
        const Result<models::StoreEntry> entry =
            models::Store(f.options.storeFolder).find(QStringLiteral("tiny"));
        QVERIFY(entry);
        QCOMPARE(entry->hub.repository, QStringLiteral("org/tiny"));
        QCOMPARE(entry->hub.commit.toLatin1(), f.hub.repository().commit());
        QCOMPARE(entry->hub.licence, QStringLiteral("apache-2.0"));
        QVERIFY(!entry->quantizationReport.isEmpty());
        QVERIFY(f.leftovers().isEmpty());
        QVERIFY(!answerOf(f.stored()).isEmpty());
        for (const RecordedRequest& one : f.server().requests())
            QVERIFY(!one.target.contains("README") && !one.target.contains("pytorch"));
    }

    void whatIsQuantizedAlreadySkipsTheStep() {
        JobsFixture& f = *m_fixture;
        serveParity(QStringLiteral("awq_g64"));
        f.useFake("exit:1");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::done));
        QVERIFY(f.job().request.method == Method::none);
        QVERIFY(!answerOf(f.stored()).isEmpty());
        QVERIFY(f.leftovers().isEmpty());
    }

    void aGgufFileSkipsTheStep() {
        JobsFixture& f = *m_fixture;
        SimulatedRepository& repository = f.hub.repository();
        repository.files.clear();
        const QString models = QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/");
        repository.files[QStringLiteral("small-Q8_0.gguf")] = {
            contentOf(models + QStringLiteral("gguf_llama3.gguf")), true};
        repository.files[QStringLiteral("other-Q4_0.gguf")] = {someBytes(1000), true};
        f.useFake("exit:1");
        f.start();
        jobs::JobRequest wanted = JobsFixture::request();
        wanted.gguf = QStringLiteral("small-Q8_0.gguf");
        f.add(wanted);
        QVERIFY(f.waitFor(Stage::done));
        QCOMPARE(f.job().storedName, QStringLiteral("small-Q8_0"));
        QVERIFY(!answerOf(f.stored(QStringLiteral("small-Q8_0")) + QStringLiteral("/model.gguf")).isEmpty());
    }

    void aModelIsKeptAsItIsWhereThatIsWanted() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        f.add(JobsFixture::request(Method::none));
        QVERIFY(f.waitFor(Stage::done));
        const auto& files = f.hub.repository().files;
        const QString shard = QStringLiteral("model-00002-of-00002.safetensors");
        QCOMPARE(contentOf(f.stored() + u'/' + shard), files.at(shard).content);
        QVERIFY(!answerOf(f.stored()).isEmpty());
    }

    void aNameThatIsTakenGetsANumber() {
        JobsFixture& f = *m_fixture;
        f.start();
        jobs::JobRequest wanted = JobsFixture::request(Method::none);
        wanted.name = QStringLiteral("mine");
        f.add(wanted);
        f.add(wanted);
        QVERIFY(f.waitFor(Stage::done, 1));
        QVERIFY(f.waitFor(Stage::done, 2));
        QCOMPARE(f.job(1).storedName, QStringLiteral("mine"));
        QCOMPARE(f.job(2).storedName, QStringLiteral("mine-2"));
    }

    void aJobIsTiedToOneCommitOverABreak() {
        JobsFixture& f = *m_fixture;
        f.fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        f.start();
        jobs::JobRequest wanted = JobsFixture::request(Method::none);
        wanted.revision = QStringLiteral("refs/pr/1");
        f.add(wanted);
        QVERIFY(QTest::qWaitFor([&f] { return f.job().progress.total > 0; }, kPatience));
        const QString commit = f.job().commit;
        QCOMPARE(commit.toLatin1(), f.hub.repository().commit());
        f.end();
        f.server().clearScript();
        f.server().clearRequests();
        f.start();
        QVERIFY(f.waitFor(Stage::done));
        QVERIFY(f.server().requests()[0].target.endsWith("revision/" + commit.toLatin1()));
        for (const RecordedRequest& one : f.server().requests()) QVERIFY(!one.target.contains("refs"));
    }

    void whatTheLastProcessHadAddedIsNotAddedTwice() {
        JobsFixture& f = *m_fixture;
        f.start();
        f.add(JobsFixture::request(Method::none));
        QVERIFY(f.waitFor(Stage::done));
        jobs::Job job = f.job();
        f.end();
        // As if it had ended before it could write the last line.
        job.stage = Stage::add;
        job.next = Stage::add;
        job.storedName.clear();
        QVERIFY((*jobs::JobTable::open(f.options.tableFile))->save(job));
        f.start();
        QVERIFY(f.waitFor(Stage::done));
        QCOMPARE(f.job().storedName, QStringLiteral("tiny"));
        QCOMPARE(models::Store(f.options.storeFolder).list().size(), size_t{1});
    }

    void filesThatWentMissingAreFetchedAgain() {
        JobsFixture& f = *m_fixture;
        f.useFake("exit:1");
        f.start();
        f.add();
        QVERIFY(f.waitFor(Stage::failed));
        QVERIFY(f.job().next == Stage::quantize);
        QVERIFY(QFile::remove(jobs::sourceFolder(f.folder()) +
                              QStringLiteral("/model-00001-of-00002.safetensors")));
        f.end();
        f.useReal();
        f.server().clearRequests();
        f.start().retry(1);
        QVERIFY(f.waitFor(Stage::done));
        const QByteArray other =
            sha256Of(f.hub.repository().files.at(QStringLiteral("model-00002-of-00002.safetensors")).content);
        QCOMPARE(f.hub.fetched("xet/" + other), 0);
    }

    void anotherTryForAnotherVersionLeavesNothingBehind() {
        JobsFixture& f = *m_fixture;
        f.start();
        const qint64 id = f.add(JobsFixture::request(Method::none));
        const QString source = jobs::sourceFolder(f.folder(id));
        QVERIFY(QDir().mkpath(source));
        writeFile(source + QStringLiteral("/tokenizer_old.json"), "{}");
        writeFile(source + QStringLiteral("/model.safetensors"), "not of this version");
        QVERIFY(f.waitFor(Stage::done));
        QVERIFY(!QFile::exists(f.stored() + QStringLiteral("/tokenizer_old.json")));
        QVERIFY(!QFile::exists(f.stored() + QStringLiteral("/model.safetensors")));
    }

    void impossibleRequestsAreRefused() {
        JobsFixture& f = *m_fixture;
        f.start();
        const auto refused = [&f](const auto& change) {
            jobs::JobRequest wanted = JobsFixture::request();
            change(wanted);
            return !f.runner->add(wanted);
        };
        QVERIFY(refused([](auto& r) { r.repository = QStringLiteral("../etc"); }));
        QVERIFY(refused([](auto& r) { r.revision = QStringLiteral("a b"); }));
        QVERIFY(refused([](auto& r) { r.gguf = QStringLiteral("../../x.gguf"); }));
        QVERIFY(refused([](auto& r) { r.groupSize = 48; }));
        QVERIFY(f.runner->jobs().empty());
    }
};

QTEST_GUILESS_MAIN(RunnerTest)
#include "runner_test.moc"
