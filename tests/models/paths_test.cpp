// Where EdgeChat keeps its files, by the environment.
#include "models/paths.h"

#include <QDir>
#include <QtTest>

using namespace edgechat::models;

class PathsTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        for (const char* name : {"EDGECHAT_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}) {
            qunsetenv(name);
        }
        qputenv("HOME", "/somewhere/ann");
    }

    void areXdgFoldersOfTheHome() {
        QCOMPARE(dataFolder(), QStringLiteral("/somewhere/ann/.local/share/edgechat"));
        QCOMPARE(configFolder(), QStringLiteral("/somewhere/ann/.config/edgechat"));
        QCOMPARE(cacheFolder(), QStringLiteral("/somewhere/ann/.cache/edgechat"));
        QCOMPARE(modelsFolder(), QStringLiteral("/somewhere/ann/.local/share/edgechat/models"));
        QCOMPARE(historyFile(), QStringLiteral("/somewhere/ann/.local/share/edgechat/history.sqlite"));
    }

    void followTheXdgVariables() {
        qputenv("XDG_DATA_HOME", "/data/");
        qputenv("XDG_CONFIG_HOME", "/config");
        qputenv("XDG_CACHE_HOME", "/cache");
        QCOMPARE(dataFolder(), QStringLiteral("/data/edgechat"));
        QCOMPARE(configFolder(), QStringLiteral("/config/edgechat"));
        QCOMPARE(cacheFolder(), QStringLiteral("/cache/edgechat"));
    }

    void ignoreARelativeXdgVariable() {
        qputenv("XDG_DATA_HOME", "data");
        qputenv("XDG_CONFIG_HOME", "");
        QCOMPARE(dataFolder(), QStringLiteral("/somewhere/ann/.local/share/edgechat"));
        QCOMPARE(configFolder(), QStringLiteral("/somewhere/ann/.config/edgechat"));
    }

    void edgechatHomeMovesAll() {
        qputenv("XDG_DATA_HOME", "/data");
        qputenv("EDGECHAT_HOME", "/elsewhere/");
        QCOMPARE(dataFolder(), QStringLiteral("/elsewhere"));
        QCOMPARE(configFolder(), QStringLiteral("/elsewhere/config"));
        QCOMPARE(cacheFolder(), QStringLiteral("/elsewhere/cache"));
        QCOMPARE(modelsFolder(), QStringLiteral("/elsewhere/models"));
        QCOMPARE(historyFile(), QStringLiteral("/elsewhere/history.sqlite"));
        qputenv("EDGECHAT_HOME", "here");
        QCOMPARE(dataFolder(), QDir::current().absoluteFilePath(QStringLiteral("here")));
    }
};

QTEST_GUILESS_MAIN(PathsTest)
#include "paths_test.moc"
