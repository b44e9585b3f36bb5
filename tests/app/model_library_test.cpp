// What a person does with the models of the store: checks them, renames them, makes a damaged one whole
// again.
#include "app/model_library.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/installed_models.h"
#include "app/job_list.h"
#include "app/model_host.h"
#include "app/settings/hub_access.h"
#include "app/settings/model_settings.h"
#include "app/settings/settings.h"
#include "models/paths.h"
#include "tests/app/fixture.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::testing::JobsFixture;
using edgechat::testing::kPatience;
using models::jobs::Method;
using models::jobs::Stage;

namespace {
const QString kShard = QStringLiteral("model-00002-of-00002.safetensors");
}

class ModelLibraryTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_fixture = std::make_unique<JobsFixture>();
        m_fixture->options.storeFolder = models::modelsFolder();
        m_settings = std::make_unique<Settings>();
        m_hub = std::make_unique<HubAccess>(*m_settings);
        m_inference = std::make_unique<InferenceThread>();
        m_host = std::make_unique<ModelHost>(*m_inference, *m_settings);
        m_library = std::make_unique<ModelLibrary>(*m_host, *m_settings);
        m_service = std::make_unique<models::jobs::JobService>(m_fixture->options);
        m_jobs = std::make_unique<JobList>(*m_service, *m_hub);
        connect(m_jobs.get(), &JobList::arrived, m_library.get(), &ModelLibrary::refresh);
    }

    void cleanup() {
        m_jobs.reset();
        m_service.reset();
        m_library.reset();
        m_host.reset();
        m_inference.reset();
    }

    void saysWhereAModelCameFrom() {
        fetch(Method::none);
        const QString origin = value(ModelLibrary::OriginRole).toString();
        QVERIFY2(origin.startsWith(QStringLiteral("org/tiny at ")), qPrintable(origin));
        QCOMPARE(origin.size(), QStringLiteral("org/tiny at 0123456").size());
        QCOMPARE(value(ModelLibrary::LicenceRole).toString(), QStringLiteral("apache-2.0"));
        QCOMPARE(value(ModelLibrary::VerifiedRole).toString(), QString());
    }

    void aWholeModelIsFoundWhole() {
        fetch(Method::none);
        QVERIFY(!verify());
        QTRY_COMPARE(value(ModelLibrary::VerifiedRole).toString(), QStringLiteral("today"));
        QVERIFY(!value(ModelLibrary::DamagedRole).toBool());
        QVERIFY(m_library->verifying().isEmpty());
    }

    void aWrongBitIsFoundAndMended() {
        fetch(Method::none);
        const QByteArray right = edgechat::testing::contentOf(path(kShard));
        spoil(kShard);
        QVERIFY(verify());
        QTRY_VERIFY(value(ModelLibrary::DamagedRole).toBool());
        QVERIFY(value(ModelLibrary::CanRepairRole).toBool());
        QVERIFY2(value(ModelLibrary::ProblemRole).toString().contains(kShard),
                 qPrintable(value(ModelLibrary::ProblemRole).toString()));
        m_jobs->repair(*m_library->find(QStringLiteral("tiny")));
        QTRY_VERIFY_WITH_TIMEOUT(!value(ModelLibrary::DamagedRole).toBool(), kPatience);
        QCOMPARE(edgechat::testing::contentOf(path(kShard)), right);
        QVERIFY(!verify());
    }

    void whatWasQuantizedHereIsMadeAgain() {
        fetch(Method::awq);
        const QString weights = QStringLiteral("model.safetensors");
        const QByteArray right = edgechat::testing::contentOf(path(weights));
        QVERIFY(QFile::remove(path(weights)));
        refresh();
        QVERIFY(value(ModelLibrary::CanRepairRole).toBool());
        const ModelEntry damaged = *m_library->find(QStringLiteral("tiny"));
        QSignalSpy removed(m_library.get(), &ModelLibrary::removedChanged);
        m_library->remove(QStringLiteral("tiny"));
        QTRY_COMPARE(removed.size(), 1);
        m_jobs->repair(damaged);
        QTRY_VERIFY_WITH_TIMEOUT(m_service->jobs().size() == 2 && m_service->jobs()[1].stage == Stage::done,
                                 kPatience);
        QCOMPARE(m_service->jobs()[1].storedName, QStringLiteral("tiny"));
        QCOMPARE(m_service->jobs()[1].request.groupSize, damaged.groupSize);
        QCOMPARE(edgechat::testing::contentOf(path(weights)), right);
    }

    void whatCameFromNoHubCannotBeRepaired() {
        QTemporaryDir folder;
        edgechat::testing::writeSource(edgechat::testing::smallSource(edgechat::testing::SmallFamily::llama),
                                       folder.path().toStdString(), 2);
        QSignalSpy imported(m_library.get(), &ModelLibrary::imported);
        m_library->importPath(folder.path());
        QTRY_COMPARE_WITH_TIMEOUT(imported.size(), 1, kPatience);
        const QString name = imported[0][0].toString();
        QVERIFY(QFile::remove(models::modelsFolder() + u'/' + name + u'/' + kShard));
        refresh();
        QVERIFY(value(ModelLibrary::DamagedRole).toBool());
        QVERIFY(!value(ModelLibrary::CanRepairRole).toBool());
        QCOMPARE(value(ModelLibrary::OriginRole).toString(), QString());
    }

    void isFoundByItsNameFamilyAndOrigin() {
        fetch(Method::none);
        InstalledModels shown(*m_library);
        QAbstractItemModelTester tester(&shown);
        QCOMPARE(shown.rowCount(), 1);
        for (const char* words : {"TINY", "llama", "org/ti", "tiny llama"}) {
            shown.setFilter(QString::fromLatin1(words));
            QVERIFY2(shown.rowCount() == 1, words);
        }
        shown.setFilter(QStringLiteral("tiny mistral"));
        QCOMPARE(shown.rowCount(), 0);
        QCOMPARE(shown.total(), 1);
        shown.setFilter({});
        m_library->rename(QStringLiteral("tiny"), QStringLiteral("other"));
        QTRY_COMPARE(shown.data(shown.index(0), ModelLibrary::NameRole).toString(), QStringLiteral("other"));
    }

    void getsAnotherName() {
        fetch(Method::none);
        ModelSettings own(*m_settings);
        own.setModel(value(ModelLibrary::PathRole).toString(), QStringLiteral("tiny"));
        own.setTopK(5);  // goes with it
        QSignalSpy renamed(m_library.get(), &ModelLibrary::renamed);
        m_library->rename(QStringLiteral("tiny"), QStringLiteral(" My model "));
        QTRY_COMPARE(value(ModelLibrary::NameRole).toString(), QStringLiteral("My model"));
        QCOMPARE(renamed.size(), 1);
        QVERIFY(QFile::exists(models::modelsFolder() + QStringLiteral("/My model/config.json")));
        QVERIFY(value(ModelLibrary::OwnSettingsRole).toBool());
        QVERIFY(!value(ModelLibrary::DamagedRole).toBool());
        QVERIFY(m_library->problem().isEmpty());
    }

    void aNameThatCannotBeIsRefused() {
        fetch(Method::none);
        m_library->rename(QStringLiteral("tiny"), QStringLiteral("../tiny"));
        QTRY_VERIFY(!m_library->problem().isEmpty());
        QVERIFY(!m_library->problemIsOfImport());
        QVERIFY2(m_library->problemTitle().contains(QStringLiteral("renamed")),
                 qPrintable(m_library->problemTitle()));
        QCOMPARE(value(ModelLibrary::NameRole).toString(), QStringLiteral("tiny"));
    }

    void aCheckCanBeGivenUp() {
        fetch(Method::none);
        QSignalSpy verified(m_library.get(), &ModelLibrary::verified);
        m_library->verify(QStringLiteral("tiny"));
        QCOMPARE(m_library->verifying(), QStringLiteral("tiny"));
        m_library->cancelVerify();
        QTRY_VERIFY(m_library->verifying().isEmpty());
        QVERIFY(m_library->problem().isEmpty());
    }

  private:
    void fetch(Method method) {
        m_service->add(JobsFixture::request(method));
        QTRY_VERIFY_WITH_TIMEOUT(m_library->find(QStringLiteral("tiny")), kPatience);
    }
    void refresh() {
        QSignalSpy refreshed(m_library.get(), &ModelLibrary::refreshed);
        m_library->refresh();
        QTRY_COMPARE(refreshed.size(), 1);
    }
    /// Whether it is damaged.
    bool verify() {
        QSignalSpy verified(m_library.get(), &ModelLibrary::verified);
        m_library->verify(QStringLiteral("tiny"));
        return QTest::qWaitFor([&] { return verified.size() == 1; }, kPatience) && verified[0][1].toBool();
    }
    static QString path(const QString& file) {
        return models::modelsFolder() + QStringLiteral("/tiny/") + file;
    }
    static void spoil(const QString& file) {
        QByteArray content = edgechat::testing::contentOf(path(file));
        content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
        QVERIFY(QFile::remove(path(file)));
        edgechat::testing::writeFile(path(file), content);
    }
    QVariant value(int role) const { return m_library->data(m_library->index(0), role); }

    std::optional<Home> m_home;
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<Settings> m_settings;
    std::unique_ptr<HubAccess> m_hub;
    std::unique_ptr<InferenceThread> m_inference;
    std::unique_ptr<ModelHost> m_host;
    std::unique_ptr<ModelLibrary> m_library;
    std::unique_ptr<models::jobs::JobService> m_service;
    std::unique_ptr<JobList> m_jobs;
};

QTEST_MAIN(ModelLibraryTest)
#include "model_library_test.moc"
