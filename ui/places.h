#pragma once

#include <QtQml/qqmlregistration.h>
#include <QDir>
#include <QFileInfo>
#include <QObject>
#include <QStandardPaths>
#include <QUrl>

namespace edgechat::ui {

/// Folders of the user that a file dialog may begin in.
class Places : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_SINGLETON
    Q_PROPERTY(QUrl downloads READ downloads CONSTANT FINAL)

  public:
    /// The download folder, where a browser puts models; the home folder if there is none.
    QUrl downloads() const {
        const QString folder = QStandardPaths::writableLocation(QStandardPaths::DownloadLocation);
        return QUrl::fromLocalFile(QFileInfo::exists(folder) ? folder : QDir::homePath());
    }
};

}  // namespace edgechat::ui
