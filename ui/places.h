#pragma once

#include <QtQml/qqmlregistration.h>
#include <QDir>
#include <QFileInfo>
#include <QObject>
#include <QStandardPaths>
#include <QUrl>

namespace edgechat::ui {

/// Where a file dialog may begin, and which dialogs there are.
class Places : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_SINGLETON
    Q_PROPERTY(QUrl downloads READ downloads CONSTANT FINAL)
    Q_PROPERTY(bool choosesFolders READ choosesFolders CONSTANT FINAL)

  public:
    /// Whether this Qt has a dialog for folders, and ImportFolderDialog.qml is there.
    bool choosesFolders() const { return QT_VERSION >= QT_VERSION_CHECK(6, 3, 0); }
    /// The download folder, where a browser puts models; the home folder if there is none.
    QUrl downloads() const {
        const QString folder = QStandardPaths::writableLocation(QStandardPaths::DownloadLocation);
        return QUrl::fromLocalFile(QFileInfo::exists(folder) ? folder : QDir::homePath());
    }
};

}  // namespace edgechat::ui
