// Jobs that wait, and a person who wants the last of them first.
#include <QAbstractItemModelTester>
#include <QTest>

#include "app/job_list.h"
#include "app/settings/hub_access.h"
#include "app/settings/settings.h"
#include "tests/app/fixture.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::testing::JobsFixture;

class JobOrderTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void theLastThatWaitsGoesFirst() {
        Home home;
        JobsFixture fixture;
        Settings settings;
        HubAccess hub(settings);
        fixture.fault("stall path=config.json times=-1");  // the first job comes to no end
        models::jobs::JobService service(fixture.options);
        JobList jobs(service, hub);
        QAbstractItemModelTester tester(&jobs);
        for (const char* name : {"org/tiny", "org/second", "org/third"}) jobs.get(QString::fromLatin1(name));
        QTRY_COMPARE(jobs.count(), 3);
        const auto value = [&jobs](int row, int role) { return jobs.data(jobs.index(row), role); };
        QTRY_VERIFY(value(2, JobList::CanGoFirstRole).toBool());
        QTRY_VERIFY(!value(0, JobList::CanGoFirstRole).toBool());  // it runs
        QVERIFY(!value(1, JobList::CanGoFirstRole).toBool());      // it is the next
        jobs.goFirst(value(2, JobList::IdRole).toDouble());
        QTRY_COMPARE(value(0, JobList::RepositoryRole).toString(), QStringLiteral("org/third"));
        QCOMPARE(value(1, JobList::RepositoryRole).toString(), QStringLiteral("org/tiny"));
        QCOMPARE(value(2, JobList::RepositoryRole).toString(), QStringLiteral("org/second"));
        QVERIFY(value(2, JobList::CanGoFirstRole).toBool());
        jobs.cancel(value(1, JobList::IdRole).toDouble());
        QTRY_VERIFY(jobs.count() >= 1 &&
                    value(0, JobList::StageTextRole).toString() != tr("Waiting for its turn"));
    }
};

QTEST_MAIN(JobOrderTest)
#include "job_order_test.moc"
