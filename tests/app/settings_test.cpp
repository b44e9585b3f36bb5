#include "app/settings/settings.h"

#include <QPalette>
#include <QSignalSpy>
#include <QTest>

#include "inference/sampling/sampler.h"
#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;

class SettingsTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() { m_home.emplace(); }

    void valuesAreKeptInTheConfigurationFolder() {
        {
            Settings settings;
            settings.setTemperature(0.25);
            settings.setSystemPrompt(QStringLiteral("Be brief.\nBe kind, \"always\"."));
            settings.setThreads(3);
            settings.setDevice(Settings::Gpu);
            settings.setSeed(Q_INT64_C(9007199254740991));
            settings.setWindowGeometry({10, 20, 800, 600});
        }
        QVERIFY(QFile::exists(m_home->path(QStringLiteral("config/config.ini"))));
        const Settings settings;
        QCOMPARE(settings.temperature(), 0.25);
        QCOMPARE(settings.systemPrompt(), QStringLiteral("Be brief.\nBe kind, \"always\"."));
        QCOMPARE(settings.threads(), 3);
        QCOMPARE(settings.device(), Settings::Gpu);
        QCOMPARE(settings.seed(), Q_INT64_C(9007199254740991));
        QCOMPARE(settings.windowGeometry(), QRect(10, 20, 800, 600));
    }

    void valuesOutsideTheirRangeAreBroughtIntoIt() {
        Settings settings;
        settings.setTextScale(7);
        QCOMPARE(settings.textScale(), 2.0);
        settings.setTopP(-1);
        QCOMPARE(settings.topP(), 0.0);
        settings.setContextTokens(3);
        QCOMPARE(settings.contextTokens(), 256);
        settings.setTemperature(qQNaN());
        QCOMPARE(settings.temperature(), 0.7);
    }

    void aDamagedFileGivesTheDefaults() {
        const QString path = m_home->path(QStringLiteral("odd.ini"));
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(
            "[generation]\ntemperature=hot\ntopK=-5\nseed=many\n[engine]\ndevice=quantum\n[window]"
            "\nappearance=99\ntextScale=nan\n");
        file.close();
        const Settings settings(path);
        QCOMPARE(settings.temperature(), 0.7);
        QCOMPARE(settings.topK(), 0);
        QCOMPARE(settings.seed(), 0);
        QCOMPARE(settings.appearance(), Settings::Dark);
        QCOMPARE(settings.device(), Settings::Automatic);
        QCOMPARE(settings.textScale(), 1.0);
    }

    void aSignalComesOnlyWithAChange() {
        Settings settings;
        QSignalSpy spy(&settings, &Settings::topKChanged);
        settings.setTopK(settings.topK());
        QCOMPARE(spy.size(), 0);
        settings.setTopK(7);
        QCOMPARE(spy.size(), 1);
    }

    void eachDeviceHasASpeedOfItsOwn() {
        using Decoder = Settings::Decoder;
        {
            Settings settings;
            QSignalSpy changes(&settings, &Settings::decodeBandwidthChanged);
            QCOMPARE(settings.decodeBandwidth(Decoder::Cpu), 0.0);
            settings.setDecodeBandwidth(Decoder::Cpu, 3e10);
            QCOMPARE(settings.decodeBandwidth(Decoder::Gpu), 0.0);
            settings.setDecodeBandwidth(Decoder::Gpu, 3e11);
            settings.setDecodeBandwidth(Decoder::Gpu, 3e11);
            QCOMPARE(changes.size(), 2);
        }
        const Settings settings;
        QCOMPARE(settings.decodeBandwidth(Decoder::Cpu), 3e10);
        QCOMPARE(settings.decodeBandwidth(Decoder::Gpu), 3e11);
    }

    void aNoticeIsSeenUntilTheDeviceIsAnother() {
        const QString notice = QStringLiteral("The driver is too old, alas");
        {
            Settings settings;
            QVERIFY(!settings.noticeSeen(notice));
            settings.setNoticeSeen(notice);
            settings.setNoticeSeen(notice);
            settings.setNoticeSeen(QStringLiteral("another"));
        }
        Settings settings;
        QVERIFY(settings.noticeSeen(notice));
        settings.setDevice(settings.device());
        QVERIFY(settings.noticeSeen(notice));
        settings.setDevice(Settings::Gpu);
        QVERIFY(!settings.noticeSeen(notice));
        for (int i = 0; i < 100; ++i) settings.setNoticeSeen(QString::number(i));
        QVERIFY(!settings.noticeSeen(QStringLiteral("0")));
        QVERIFY(settings.noticeSeen(QStringLiteral("99")));
    }

    void darkFollowsTheUserThenTheDesktopThenThePalette() {
        QPalette light;
        light.setColor(QPalette::Window, Qt::white);
        QGuiApplication::setPalette(light);
        Settings settings;
        settings.setDesktopColorScheme(0);
        QVERIFY(!settings.dark());
        QPalette dark;
        dark.setColor(QPalette::Window, Qt::black);
        QGuiApplication::setPalette(dark);
        QTRY_VERIFY(settings.dark());
        settings.setDesktopColorScheme(2);
        QVERIFY(!settings.dark());
        QSignalSpy spy(&settings, &Settings::darkChanged);
        settings.setDesktopColorScheme(1);
        QVERIFY(settings.dark());
        QCOMPARE(spy.size(), 1);
        settings.setAppearance(Settings::Light);
        QVERIFY(!settings.dark());
        settings.setAppearance(Settings::Dark);
        settings.setDesktopColorScheme(2);
        QVERIFY(settings.dark());
    }

    void recentFilesAreNewestFirstAndFew() {
        Settings settings;
        for (int i = 0; i < 12; ++i) settings.addRecentFile(QStringLiteral("/m/%1.gguf").arg(i));
        settings.addRecentFile(QStringLiteral("/m/8.gguf"));
        QCOMPARE(settings.recentFiles().size(), 8);
        QCOMPARE(settings.recentFiles()[0], QStringLiteral("/m/8.gguf"));
        QCOMPARE(settings.recentFiles()[1], QStringLiteral("/m/11.gguf"));
        settings.removeRecentFile(QStringLiteral("/m/8.gguf"));
        QCOMPARE(settings.recentFiles()[0], QStringLiteral("/m/11.gguf"));
    }

    void resetBringsTheGenerationBack() {
        Settings settings;
        QVERIFY(settings.isDefaultGeneration());
        settings.setMinP(0.5);
        settings.setRepeatPenalty(1.5);
        QVERIFY(!settings.isDefaultGeneration());
        settings.resetGeneration();
        QVERIFY(settings.isDefaultGeneration());
        QCOMPARE(settings.minP(), 0.05);
        QCOMPARE(settings.topK(), edgechat::inference::SamplingOptions().topK);
    }

  private:
    std::optional<Home> m_home;
};

QTEST_MAIN(SettingsTest)
#include "settings_test.moc"
