#include "models/paths.h"

#include <QDir>

namespace edgechat::models {
namespace {

/// EDGECHAT_HOME as an absolute path, or an empty string.
QString home() {
    const QString folder = qEnvironmentVariable("EDGECHAT_HOME");
    return folder.isEmpty() ? QString() : QDir::cleanPath(QDir::current().absoluteFilePath(folder));
}

/// The XDG base directory specification says that a relative path in these variables is to be ignored.
QString xdgFolder(const char* variable, const QString& fallbackInHome) {
    QString base = qEnvironmentVariable(variable);
    if (!QDir::isAbsolutePath(base)) base = QDir::homePath() + u'/' + fallbackInHome;
    return QDir::cleanPath(base + QStringLiteral("/edgechat"));
}

}  // namespace

QString dataFolder() {
    const QString own = home();
    return own.isEmpty() ? xdgFolder("XDG_DATA_HOME", QStringLiteral(".local/share")) : own;
}

QString configFolder() {
    const QString own = home();
    return own.isEmpty() ? xdgFolder("XDG_CONFIG_HOME", QStringLiteral(".config"))
                         : own + QStringLiteral("/config");
}

QString cacheFolder() {
    const QString own = home();
    return own.isEmpty() ? xdgFolder("XDG_CACHE_HOME", QStringLiteral(".cache"))
                         : own + QStringLiteral("/cache");
}

QString modelsFolder() {
    return dataFolder() + QStringLiteral("/models");
}

QString historyFile() {
    return dataFolder() + QStringLiteral("/history.sqlite");
}

}  // namespace edgechat::models
