// A model of the store whose files went wrong, made whole again: what is wrong is fetched, and nothing else.
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Stage;

class RepairTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;

    models::Store store() const { return models::Store(m_fixture->options.storeFolder); }
    models::StoreEntry entry() const {
        const std::vector<models::StoreEntry> all = store().list();
        return all.size() == 1 ? all.front() : models::StoreEntry();
    }
    jobs::JobRequest request() const {
        jobs::JobRequest repair = JobsFixture::request(Method::none);
        repair.revision = entry().hub.commit;
        repair.name = QStringLiteral("tiny");
        repair.repairs = true;
        return repair;
    }
    void spoil(const QString& name) {
        // The file in the store may be a link to one that is elsewhere: a new one takes its place.
        const QString path = m_fixture->stored() + u'/' + name;
        QByteArray content = contentOf(path);
        content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
        QVERIFY(QFile::remove(path));
        writeFile(path, content);
    }
    qint64 fetched(const char* name) const {
        const SimulatedFile& file = m_fixture->hub.repository().files.at(QString::fromLatin1(name));
        return m_fixture->hub.fetched(name) + (file.lfs ? m_fixture->hub.fetched(file.sha256()) : 0);
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<JobsFixture>();
        m_fixture->start();
        m_fixture->add(JobsFixture::request(Method::none));
        QVERIFY(m_fixture->waitFor(Stage::done));
        m_fixture->server().clearRequests();
    }

    void fetchesTheWrongFileAlone() {
        const std::map<QString, QByteArray> before = filesOf(m_fixture->stored());
        spoil(QStringLiteral("model-00002-of-00002.safetensors"));
        QVERIFY(store().verify(QStringLiteral("tiny")));
        QVERIFY(entry().damaged);
        m_fixture->add(request());
        QVERIFY(m_fixture->waitFor(Stage::done, 2));
        QVERIFY2(!entry().damaged, qPrintable(entry().problem));
        const Result<models::StoreEntry> verified = store().verify(QStringLiteral("tiny"));
        QVERIFY(verified && !verified->damaged);
        QCOMPARE(contentOf(m_fixture->stored() + QStringLiteral("/model-00002-of-00002.safetensors")),
                 before.at(QStringLiteral("/model-00002-of-00002.safetensors")));
        QVERIFY(fetched("model-00002-of-00002.safetensors") > 0);
        QCOMPARE(fetched("model-00001-of-00002.safetensors"), 0);
        QCOMPARE(m_fixture->job(2).storedName, QStringLiteral("tiny"));
        QVERIFY(m_fixture->leftovers().isEmpty());
    }

    void bringsBackWhatIsGone() {
        QVERIFY(QFile::remove(m_fixture->stored() + QStringLiteral("/tokenizer.model")) ||
                QFile::remove(m_fixture->stored() + QStringLiteral("/tokenizer.json")));
        QVERIFY(entry().damaged);
        m_fixture->add(request());
        QVERIFY(m_fixture->waitFor(Stage::done, 2));
        QVERIFY2(!entry().damaged, qPrintable(entry().problem));
        QCOMPARE(fetched("model-00001-of-00002.safetensors"), 0);
    }

    void goesOnInAnotherProcess() {
        spoil(QStringLiteral("model-00001-of-00002.safetensors"));
        QVERIFY(store().verify(QStringLiteral("tiny")));
        m_fixture->fault("stall path=model-00001 host=cdn bytes=100 times=1");
        m_fixture->add(request());
        const QString partial = jobs::sourceFolder(m_fixture->folder(2)) +
                                QStringLiteral("/model-00001-of-00002.safetensors.partial");
        QVERIFY(QTest::qWaitFor([&] { return QFileInfo(partial).size() == 100; }, kPatience));
        m_fixture->end();
        m_fixture->start();
        QVERIFY(m_fixture->job(2).request.repairs);
        QVERIFY(m_fixture->waitFor(Stage::done, 2));
        QVERIFY(!entry().damaged);
    }

    void aModelThatIsGoneCannotBeRepaired() {
        const jobs::JobRequest repair = request();
        QVERIFY(store().remove(QStringLiteral("tiny")));
        m_fixture->add(repair);
        QVERIFY(m_fixture->waitFor(Stage::failed, 2));
        QVERIFY2(m_fixture->job(2).error.contains(QStringLiteral("tiny")),
                 qPrintable(m_fixture->job(2).error));
    }

    void aRepairHasANameAndQuantizesNothing() {
        jobs::JobRequest nameless = request();
        nameless.name.clear();
        QVERIFY(!m_fixture->runner->add(nameless));
        jobs::JobRequest quantizing = request();
        quantizing.method = Method::awq;
        QVERIFY(!m_fixture->runner->add(quantizing));
    }
};

QTEST_GUILESS_MAIN(RepairTest)
#include "repair_test.moc"
