// Whether a stored model still is what was imported, and how a wrong file of it is replaced.
#include <QFile>
#include <QFileInfo>
#include <algorithm>

#include "models/store.h"
#include "models/store_files.h"
#include "models/store_record.h"

namespace edgechat::models {
namespace {

const QString kReplacementName = QStringLiteral(".replacement");

Error refusal(const QString& file, const std::string& found, const std::string& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot put into the model";
    error.file = file.toStdString();
    error.found = found;
    error.expected = expected;
    return error;
}

}  // namespace

Result<StoreEntry> Store::verify(const QString& name, const ImportProgress& progress) {
    Result<StoreEntry> found = recorded(name);
    if (!found) return found.error();
    QStringList wrong;
    uint64_t before = 0;
    for (const StoredFile& file : found->files) {
        const QString path = found->folder + u'/' + file.name;
        const QFileInfo info(path);
        // What is gone or has another size is seen without being read.
        if (info.isFile() && static_cast<uint64_t>(info.size()) == file.bytes) {
            const Result<QString> sha256 = hashFile(path, [&](uint64_t done, uint64_t) {
                return !progress || progress(before + done, found->bytes);
            });
            if (!sha256 && sha256.error().code == ErrorCode::interrupted) return sha256.error();
            if (!sha256 || (!file.sha256.isEmpty() && *sha256 != file.sha256)) wrong << file.name;
        }
        before += file.bytes;
    }
    found->verifiedAt = QDateTime::currentDateTimeUtc();
    const Result<void> written =
        writeDurably(found->folder + u'/' + kVerifiedName, verificationOf(*found, wrong));
    if (!written) return written.error();
    return readEntry(name);
}

Result<StoreEntry> Store::replaceFile(const QString& name, const QString& fileName, const QString& source,
                                      const ImportProgress& progress) {
    const Result<StoreEntry> found = recorded(name);
    if (!found) return found.error();
    const auto file = std::find_if(found->files.begin(), found->files.end(),
                                   [&](const StoredFile& stored) { return stored.name == fileName; });
    if (file == found->files.end())
        return refusal(fileName, "no file of that name in its record", "one of the model's files");
    const auto bytes = static_cast<uint64_t>(QFileInfo(source).size());
    if (bytes != file->bytes)
        return refusal(source, std::to_string(bytes) + " bytes",
                       std::to_string(file->bytes) + " bytes, as imported");
    const QString work = found->folder + u'/' + kReplacementName;
    QFile::remove(work);
    const Result<QString> sha256 = placeFile(source, work, bytes, progress);
    if (!sha256) return sha256.error();
    if (!file->sha256.isEmpty() && *sha256 != file->sha256) {
        QFile::remove(work);
        return refusal(source, "sha256 " + sha256->toStdString(), file->sha256.toStdString());
    }
    if (Result<void> replaced = replaceDurably(work, found->folder + u'/' + fileName); !replaced)
        return replaced.error();
    // What verify() said of the old file is over, even where the new one carries the same time.
    if (found->verifiedAt.isValid()) {
        QStringList wrong;
        for (const DamagedFile& damaged : found->damagedFiles) {
            if (damaged.name != fileName) wrong << damaged.name;
        }
        const Result<void> written =
            writeDurably(found->folder + u'/' + kVerifiedName, verificationOf(*found, wrong));
        if (!written) return written.error();
    }
    return readEntry(name);
}

}  // namespace edgechat::models
