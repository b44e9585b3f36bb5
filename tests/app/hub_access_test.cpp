// From which Hub, how fast and with whose token models are fetched; no host is asked.
#include "app/settings/hub_access.h"

#include <QDir>
#include <QSignalSpy>
#include <QTest>

#include "app/program.h"
#include "app/settings/settings.h"
#include "models/paths.h"
#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;

namespace {

const QString kMirror = QStringLiteral("https://mirror.example.org/hub");
const QString kSecret = QStringLiteral("hf_averysecretword");

}  // namespace

class HubAccessTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        for (const char* variable :
             {"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "EDGECHAT_TOKEN_HOST"})
            qunsetenv(variable);
        qputenv("HF_HOME", m_home->path(QStringLiteral("hf")).toUtf8());  // nobody is logged in there
        qputenv("EDGECHAT_KEYRING", "0");
        m_settings.emplace();
        m_hub = std::make_unique<HubAccess>(*m_settings);
    }

    void cleanup() {
        m_hub.reset();
        m_settings.reset();
        qunsetenv("HF_TOKEN");
        qunsetenv("HF_ENDPOINT");
        qunsetenv("HF_HUB_OFFLINE");
    }

    void withoutSettingsItIsThePublicHub() {
        QCOMPARE(m_hub->host(), QStringLiteral("huggingface.co"));
        QCOMPARE(m_hub->usualAddress(), QStringLiteral("https://huggingface.co"));
        QVERIFY(!m_hub->mirror());
        QVERIFY(!m_hub->offline());
        QCOMPARE(m_hub->settings().bytesPerSecond, 0);
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::None);
    }

    void theEnvironmentNamesTheUsualHub() {
        qputenv("HF_ENDPOINT", "https://inhouse.example.org");
        HubAccess hub(*m_settings);
        QCOMPARE(hub.host(), QStringLiteral("inhouse.example.org"));
        QVERIFY(hub.mirror());
        QVERIFY(hub.setAddress(kMirror));
        QCOMPARE(hub.host(), QStringLiteral("mirror.example.org"));
        QVERIFY(hub.setAddress(QString()));
        QCOMPARE(hub.host(), QStringLiteral("inhouse.example.org"));
    }

    void aMirrorStaysOverTheEndOfTheProgram() {
        QSignalSpy told(m_hub.get(), &HubAccess::settingsChanged);
        QVERIFY(m_hub->setAddress(QStringLiteral("  ") + kMirror + QStringLiteral(" ")));
        QVERIFY(!told.isEmpty());
        QCOMPARE(m_hub->settings().endpoint.base(), QUrl(kMirror));
        QVERIFY(m_hub->mirror());
        restart();
        QCOMPARE(m_hub->address(), kMirror);
        QCOMPARE(m_hub->settings().endpoint.base(), QUrl(kMirror));
    }

    void whatIsNoAddressIsSaidAndChangesNothing() {
        QVERIFY(m_hub->setAddress(kMirror));
        QSignalSpy moved(m_hub.get(), &HubAccess::addressChanged);
        for (const char* odd : {"http://mirror.example.org", "mirror", "https://ada:secret@example.org",
                                "https://example.org/?token=secret", "file:///etc"}) {
            QVERIFY2(!m_hub->setAddress(QString::fromLatin1(odd)), odd);
            QVERIFY2(!m_hub->addressProblem().isEmpty(), odd);
            QVERIFY2(!m_hub->addressProblem().contains(QStringLiteral("secret")), odd);
            QCOMPARE(m_hub->address(), kMirror);
            QCOMPARE(m_hub->settings().endpoint.base(), QUrl(kMirror));
        }
        QCOMPARE(moved.size(), 0);  // what was typed stays to be put right
        QVERIFY(m_hub->setAddress(kMirror));
        QVERIFY(m_hub->addressProblem().isEmpty());
        QVERIFY(m_hub->setAddress(QStringLiteral("http://localhost:8080")));
    }

    void anAddressThatWasBrokenInTheFileIsSaid() {
        m_settings->setHubAddress(QStringLiteral("gopher://example.org"));
        HubAccess hub(*m_settings);
        QCOMPARE(hub.host(), QStringLiteral("huggingface.co"));
        QVERIFY(hub.addressProblem().contains(QStringLiteral("huggingface.co")));
    }

    void limitAndOfflineActAtOnceAndStay() {
        QSignalSpy told(m_hub.get(), &HubAccess::settingsChanged);
        m_hub->setMegabytesPerSecond(5);
        QCOMPARE(m_hub->settings().bytesPerSecond, 5'000'000);
        m_hub->setOffline(true);
        QVERIFY(m_hub->settings().offline);
        QCOMPARE(told.size(), 2);
        m_hub->setOffline(true);
        m_hub->setMegabytesPerSecond(5);
        QCOMPARE(told.size(), 2);
        restart();
        QCOMPARE(m_hub->megabytesPerSecond(), 5);
        QVERIFY(m_hub->offline());
        m_hub->setMegabytesPerSecond(-3);
        QCOMPARE(m_hub->settings().bytesPerSecond, 0);
    }

    void theEnvironmentCanForbidTheNetwork() {
        qputenv("HF_HUB_OFFLINE", "1");
        HubAccess hub(*m_settings);
        QVERIFY(hub.alwaysOffline());
        QVERIFY(hub.offline());
        hub.setOffline(false);
        QVERIFY(hub.settings().offline);
    }

    void aTokenIsKeptForItsHostAndSentToNoOther() {
        QVERIFY(m_hub->setToken(kSecret));
        QCOMPARE(m_hub->settings().token.bearer(), QByteArray("Bearer " + kSecret.toLatin1()));
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        QVERIFY(m_hub->setAddress(kMirror));
        QVERIFY(m_hub->settings().token.isEmpty());
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::None);
        QVERIFY(m_hub->settings().token.isEmpty());

        QVERIFY(m_hub->setToken(QStringLiteral("mirrorword")));
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        QVERIFY(m_hub->setAddress(QString()));
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        QCOMPARE(m_hub->settings().token.bearer(), QByteArray("Bearer " + kSecret.toLatin1()));

        restart();
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        QCOMPARE(m_hub->settings().token.bearer(), QByteArray("Bearer " + kSecret.toLatin1()));
    }

    void aTokenIsInNoSettingsFile() {
        QVERIFY(m_hub->setToken(kSecret));
        m_hub->setMegabytesPerSecond(3);
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        restart();
        QFile file(m_home->path(QStringLiteral("config/config.ini")));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray content = file.readAll();
        QVERIFY(content.contains("megabytesPerSecond"));
        QVERIFY(!content.contains("secret"));
    }

    void aRemovedTokenIsGone() {
        QVERIFY(m_hub->setToken(kSecret));
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::File);
        m_hub->removeToken();
        QVERIFY(m_hub->settings().token.isEmpty());
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::None);
        restart();
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::None);
        QVERIFY(m_hub->settings().token.isEmpty());
    }

    void whatIsNoTokenIsRefusedWithoutBeingRepeated() {
        QVERIFY(!m_hub->setToken(QStringLiteral("secret and more")));
        QVERIFY(!m_hub->tokenProblem().isEmpty());
        QVERIFY(!m_hub->tokenProblem().contains(QStringLiteral("secret")));
        QVERIFY(!m_hub->setToken(QStringLiteral("  ")));
        QVERIFY(m_hub->settings().token.isEmpty());
    }

    void aTokenThatCannotBeKeptIsUsedAndSaid() {
        QTRY_COMPARE(m_hub->tokenPlace(), HubAccess::None);
        // A file stands where the folder of the configuration should be.
        QVERIFY(QDir(edgechat::models::configFolder()).removeRecursively());
        QFile blocked(edgechat::models::configFolder());
        QVERIFY(blocked.open(QIODevice::WriteOnly));
        QVERIFY(m_hub->setToken(kSecret));
        QTRY_VERIFY(!m_hub->tokenProblem().isEmpty());
        QVERIFY(!m_hub->tokenProblem().contains(QStringLiteral("secret")));
        QVERIFY(!m_hub->settings().token.isEmpty());
    }

    void theEnvironmentsTokenStandsInUntilOneIsKept() {
        qputenv("HF_TOKEN", "hf_environment");
        HubAccess hub(*m_settings);
        QTRY_COMPARE(hub.tokenPlace(), HubAccess::Environment);
        QCOMPARE(hub.settings().token.bearer(), QByteArray("Bearer hf_environment"));
        QVERIFY(hub.setToken(kSecret));
        QTRY_COMPARE(hub.tokenPlace(), HubAccess::File);
        hub.removeToken();
        QTRY_COMPARE(hub.tokenPlace(), HubAccess::Environment);
        QVERIFY(hub.setAddress(kMirror));  // it was meant for the Hub alone
        QTRY_COMPARE(hub.tokenPlace(), HubAccess::None);
        QVERIFY(hub.settings().token.isEmpty());
    }

    void jobsGoOnWhenTheNetworkIsAllowedAgain() {
        m_settings->setHubOffline(true);
        m_settings->setHubAddress(QStringLiteral("http://127.0.0.1:1"));  // nobody listens
        Program program;
        JobList& jobs = *program.jobs();
        const auto value = [&jobs](int role) { return jobs.data(jobs.index(0), role); };
        jobs.get(QStringLiteral("org/model"));
        QTRY_COMPARE(jobs.count(), 1);
        QTRY_VERIFY(value(JobList::FailedRole).toBool());
        program.hub()->setOffline(false);
        QTRY_VERIFY(!value(JobList::FailedRole).toBool());
    }

  private:
    void restart() {
        m_hub.reset();
        m_settings.emplace();
        m_hub = std::make_unique<HubAccess>(*m_settings);
    }

    std::optional<Home> m_home;
    std::optional<Settings> m_settings;
    std::unique_ptr<HubAccess> m_hub;
};

QTEST_MAIN(HubAccessTest)
#include "hub_access_test.moc"
