// Jobs as the page shows them, without a network: every job stops at its first question to the Hub.
#include "app/job_list.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/settings/hub_access.h"
#include "app/settings/settings.h"
#include "models/paths.h"
#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::models::jobs::JobService;
using edgechat::models::jobs::RunnerOptions;

class JobListTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        qputenv("HF_HUB_OFFLINE", "1");
        m_settings.emplace();
        m_hub = std::make_unique<HubAccess>(*m_settings);
        edgechat::models::hub::Settings hub;
        hub.offline = true;
        m_service = std::make_unique<JobService>(RunnerOptions::standard(hub));
        m_jobs = std::make_unique<JobList>(*m_service, *m_hub);
    }

    void cleanup() {
        m_jobs.reset();
        m_service.reset();
        m_hub.reset();
        m_settings.reset();
    }

    void aJobThatMayNotAskSaysSo() {
        QAbstractItemModelTester tester(m_jobs.get());
        QSignalSpy failed(m_jobs.get(), &JobList::failed);
        m_jobs->get(QStringLiteral("https://huggingface.co/org/model-1b"));
        QTRY_COMPARE(m_jobs->count(), 1);
        QTRY_VERIFY(value(JobList::FailedRole).toBool());
        QCOMPARE(value(JobList::TitleRole).toString(), QStringLiteral("model-1b"));
        QCOMPARE(value(JobList::RepositoryRole).toString(), QStringLiteral("org/model-1b"));
        QVERIFY(!value(JobList::ProblemRole).toString().isEmpty());
        QVERIFY2(value(JobList::FixRole).toString().contains(QStringLiteral("network")),
                 qPrintable(value(JobList::FixRole).toString()));
        QVERIFY(!value(JobList::RunningRole).toBool());
        QVERIFY(!value(JobList::WantsTokenRole).toBool());
        QCOMPARE(failed.size(), 1);
    }

    void whatIsNoRepositoryIsRefused() {
        m_jobs->get(QStringLiteral("the best model"));
        QVERIFY(!m_jobs->refused().isEmpty());
        QTest::qWait(50);
        QCOMPARE(m_jobs->count(), 0);
        m_jobs->get(QStringLiteral("org/model"));
        QVERIFY(m_jobs->refused().isEmpty());
        QTRY_COMPARE(m_jobs->count(), 1);
    }

    void cancellingTakesItOffTheList() {
        m_jobs->get(QStringLiteral("org/model"));
        QTRY_COMPARE(m_jobs->count(), 1);
        QTRY_VERIFY(value(JobList::FailedRole).toBool());
        m_jobs->cancel(value(JobList::IdRole).toDouble());
        QTRY_COMPARE(m_jobs->count(), 0);
    }

    void aFailedOneStaysOverTheEndOfTheProgram() {
        m_jobs->get(QStringLiteral("org/model"));
        QTRY_COMPARE(m_jobs->count(), 1);
        QTRY_VERIFY(value(JobList::FailedRole).toBool());
        m_jobs.reset();
        m_service.reset();
        edgechat::models::hub::Settings hub;
        hub.offline = true;
        m_service = std::make_unique<JobService>(RunnerOptions::standard(hub));
        m_jobs = std::make_unique<JobList>(*m_service, *m_hub);
        QTRY_COMPARE(m_jobs->count(), 1);
        QVERIFY(value(JobList::FailedRole).toBool());
        m_jobs->retry(value(JobList::IdRole).toDouble());
        QTRY_VERIFY(value(JobList::FailedRole).toBool());
    }

    void aTokenIsKeptForItsOwnerAlone() {
        qputenv("EDGECHAT_KEYRING", "0");
        m_jobs->get(QStringLiteral("org/model"));
        QTRY_COMPARE(m_jobs->count(), 1);
        m_jobs->giveToken(value(JobList::IdRole).toDouble(), QStringLiteral("two words"));
        QVERIFY(!m_jobs->refused().isEmpty());
        QVERIFY(!m_jobs->refused().contains(QStringLiteral("two words")));
        m_jobs->giveToken(value(JobList::IdRole).toDouble(), QStringLiteral("hf_secretsecret"));
        const auto owned = [] {
            const QFileInfoList files = QDir(edgechat::models::configFolder()).entryInfoList(QDir::Files);
            return !files.isEmpty() && std::all_of(files.begin(), files.end(), [](const QFileInfo& file) {
                constexpr auto kOthers = QFile::ReadGroup | QFile::ReadOther | QFile::WriteOther;
                return (file.permissions() & kOthers) == 0;
            });
        };
        QTRY_VERIFY(owned());
        qunsetenv("EDGECHAT_KEYRING");
    }

  private:
    QVariant value(int role) const { return m_jobs->data(m_jobs->index(0), role); }

    std::optional<Home> m_home;
    std::optional<Settings> m_settings;
    std::unique_ptr<HubAccess> m_hub;
    std::unique_ptr<JobService> m_service;
    std::unique_ptr<JobList> m_jobs;
};

QTEST_MAIN(JobListTest)
#include "job_list_test.moc"
