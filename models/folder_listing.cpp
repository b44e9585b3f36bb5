#include "models/folder_listing.h"

#include <dirent.h>

#include <QFile>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace edgechat::models {

Result<QStringList> listFolder(const QString& folder) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot read the folder";
    error.file = folder.toStdString();
    const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(QFile::encodeName(folder).constData()),
                                                     ::closedir);
    if (!opened) {
        error.found = std::strerror(errno);
        return error;
    }
    QStringList names;
    int count = 0;
    while (const dirent* entry = ::readdir(opened.get())) {
        const QByteArray bytes(entry->d_name);
        if (bytes == "." || bytes == "..") continue;
        if (++count > kMostEntries) {
            error.found = "more than " + std::to_string(kMostEntries) + " entries";
            error.expected = "the model's own folder";
            return error;
        }
        const QString name = QFile::decodeName(bytes);
        if (QFile::encodeName(name) == bytes) names << name;
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace edgechat::models
