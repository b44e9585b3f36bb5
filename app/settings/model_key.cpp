#include "app/settings/model_key.h"

#include "models/paths.h"

namespace edgechat::app {
namespace {

const QString kFile = QStringLiteral("file ");
const QString kImport = QStringLiteral("import ");
constexpr int kDigestCharacters = 16;

}  // namespace

QString modelKey(const models::StoreEntry& entry) {
    if (!entry.importedAt.isValid() || entry.files.empty()) return {};
    return kImport + entry.importedAt.toUTC().toString(Qt::ISODate) + u' ' +
           entry.files.front().sha256.left(kDigestCharacters);
}

QString modelKey(const QString& path) {
    if (path.isEmpty()) return {};
    const QString name = storeNameOf(path);
    if (name.isEmpty()) return kFile + path;
    const Result<models::StoreEntry> entry = models::Store().find(name);
    return entry ? modelKey(*entry) : QString();
}

QString pathOfKey(const QString& key) {
    return key.startsWith(kFile) ? key.mid(kFile.size()) : QString();
}

QString storeNameOf(const QString& path) {
    const QString folder = models::modelsFolder() + u'/';
    return path.startsWith(folder) ? path.mid(folder.size()).section(u'/', 0, 0) : QString();
}

}  // namespace edgechat::app
