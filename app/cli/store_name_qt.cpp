#include <QFile>

#include "app/cli/store_name.h"
#include "models/store.h"

namespace edgechat::cli {

Result<std::filesystem::path> storedModel(const std::string& name) {
    const Result<models::StoreEntry> entry = models::Store().find(QString::fromStdString(name));
    if (!entry) return entry.error();
    return std::filesystem::path(QFile::encodeName(entry->path).toStdString());
}

}  // namespace edgechat::cli
