// Jobs from a thread that must not wait: the window's.
#include "models/jobs/job_service.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::testing;
using jobs::Method;
using jobs::Stage;

class ServiceTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<jobs::JobService> m_service;
    QString m_notice, m_unusable, m_refused;
    bool m_opened = false;

    void start() {
        m_opened = false;
        m_service = std::make_unique<jobs::JobService>(m_fixture->options);
        connect(m_service.get(), &jobs::JobService::opened, this, [this](const QString& notice) {
            QVERIFY(QThread::currentThread() == thread());
            m_opened = true;
            m_notice = notice;
        });
        connect(m_service.get(), &jobs::JobService::unusable, this,
                [this](const QString& why) { m_unusable = why; });
        connect(m_service.get(), &jobs::JobService::refused, this,
                [this](const QString& why) { m_refused = why; });
    }
    Stage stage(size_t index = 0) const {
        return index < m_service->jobs().size() ? m_service->jobs()[index].stage : Stage::waiting;
    }
    bool waitFor(Stage wanted, size_t index = 0) {
        return QTest::qWaitFor([&] { return stage(index) == wanted; }, kPatience);
    }

  private Q_SLOTS:
    void init() {
        m_fixture = std::make_unique<JobsFixture>();
        m_notice = m_unusable = m_refused = QString();
    }
    void cleanup() { m_service.reset(); }

    void aJobRunsBesideTheCallingThread() {
        start();
        m_service->add(JobsFixture::request());
        QVERIFY(waitFor(Stage::done));
        QVERIFY(m_opened && m_notice.isEmpty());
        QVERIFY(QFile::exists(m_fixture->stored()));
        m_service->forget(1);
        QVERIFY(QTest::qWaitFor([this] { return m_service->jobs().empty(); }, kPatience));
    }

    void theEndOfTheProgramIsNoEndOfTheJob() {
        m_fixture->useFake("deaf");
        start();
        m_service->add(JobsFixture::request());
        QVERIFY(QTest::qWaitFor(
            [this] { return stage() == Stage::quantize && m_service->jobs()[0].progress.done > 0; },
            kPatience));
        m_service.reset();
        m_fixture->useReal();
        start();
        QVERIFY(waitFor(Stage::done));
    }

    void inTheDownloadToo() {
        m_fixture->fault("stall path=model-00002 host=cdn bytes=100 times=1");
        start();
        m_service->add(JobsFixture::request(Method::none));
        QVERIFY(QTest::qWaitFor(
            [this] { return stage() == Stage::fetch && m_service->jobs()[0].progress.done > 0; }, kPatience));
        m_service.reset();
        start();
        QVERIFY(waitFor(Stage::done));
    }

    void everyCallArrives() {
        m_fixture->fault("stall path=model-00002 host=cdn bytes=100 times=-1");
        start();
        m_service->add(JobsFixture::request(Method::none));
        m_service->add(JobsFixture::request(Method::none));
        QVERIFY(waitFor(Stage::fetch));
        m_service->moveBefore(2, 1);
        QVERIFY(QTest::qWaitFor([this] { return m_service->jobs()[0].id == 2; }, kPatience));
        m_service->pause(1);
        QVERIFY(QTest::qWaitFor([this] { return m_service->jobs()[1].paused; }, kPatience));
        m_service->resume(1);
        QVERIFY(QTest::qWaitFor([this] { return !m_service->jobs()[1].paused; }, kPatience));
        m_service->cancel(1);
        m_service->cancel(2);
        QVERIFY(waitFor(Stage::cancelled, 0) && waitFor(Stage::cancelled, 1));
        m_service->add({QStringLiteral("no name"), {}, {}, {}, Method::awq, 0});
        QVERIFY(QTest::qWaitFor([this] { return !m_refused.isEmpty(); }, kPatience));
    }

    void aDamagedTableIsSaid() {
        QVERIFY(QDir().mkpath(QFileInfo(m_fixture->options.tableFile).path()));
        writeFile(m_fixture->options.tableFile, QByteArray(5000, 'x'));
        start();
        QVERIFY(QTest::qWaitFor([this] { return m_opened; }, kPatience));
        QVERIFY(m_notice.contains(QStringLiteral("damaged")));
        m_service->add(JobsFixture::request(Method::none));
        QVERIFY(waitFor(Stage::done));
    }

    void aSecondProgramIsToldSo() {
        m_fixture->start();
        start();
        QVERIFY(QTest::qWaitFor([this] { return !m_unusable.isEmpty(); }, kPatience));
        m_service->add(JobsFixture::request());
        QVERIFY(QTest::qWaitFor([this] { return !m_refused.isEmpty(); }, kPatience));
    }
};

QTEST_GUILESS_MAIN(ServiceTest)
#include "service_test.moc"
