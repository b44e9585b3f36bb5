#include "models/store.h"

#include <signal.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QUuid>
#include <algorithm>
#include <cerrno>

#include "models/hub_cache.h"
#include "models/paths.h"
#include "models/store_files.h"
#include "models/store_record.h"

namespace edgechat::models {
namespace {

constexpr int kNameBytes = 100;
// Both begin with a dot, which no model's name does, so list() never sees them; both lie on the store's file
// system, so a rename moves a model in or out at once and whole.
const QString kIncomingName = QStringLiteral(".incoming");
const QString kTrashName = QStringLiteral(".trash");

Error badInput(const char* what, const QString& file, const std::string& found, const std::string& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = what;
    error.file = file.toStdString();
    error.found = found;
    error.expected = expected;
    return error;
}

Error cannotCreate(const QString& folder) {
    Error error;
    error.what = "cannot create the folder";
    error.file = folder.toStdString();
    return error;
}

bool allowedInName(QChar c) {
    return c.isLetterOrNumber() || c == u'.' || c == u'_' || c == u'-' || c == u'+' || c == u' ';
}

/// A name that an import may give.
bool isModelName(const QString& name) {
    return !name.isEmpty() && sanitizedName(name) == name;
}

/// A name that can stand for a folder of the store: list() also shows what people put there by hand.
bool isEntryName(const QString& name) {
    return !name.isEmpty() && !name.startsWith(u'.') && !name.contains(u'/');
}

/// "<base>", "<base>-2", "<base>-3", ...: the first that is not taken in `folder`.
QString freeName(const QString& folder, const QString& base) {
    QString name = base;
    for (int n = 2; QFileInfo::exists(folder + u'/' + name); n++) {
        const QString suffix = u'-' + QString::number(n);
        QString stem = base;
        while (stem.toUtf8().size() + suffix.size() > kNameBytes) stem.chop(1);
        name = stem + suffix;
    }
    return name;
}

/// "<process>-<a name that no other folder has>"
QString ownName() {
    return QString::number(::getpid()) + u'-' + QUuid::createUuid().toString(QUuid::Id128);
}

/// Whether the process that made such a name is running.
bool isRunning(qint64 process) {
    return process > 0 && (::kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH);
}

qint64 processOf(const QString& ownName) {
    return ownName.section(u'-', 0, 0).toInt();
}

/// Imports that a dead process left half done.
void removeStaleImports(const QString& incoming) {
    const QStringList names = QDir(incoming).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    for (const QString& name : names) {
        if (!isRunning(processOf(name))) deleteFolder(incoming + u'/' + name);
    }
}

Error noSuchModel(const char* what, const QString& name, const QString& store) {
    return badInput(what, name, "no model of that name in " + store.toStdString(),
                    "one of those that `list` shows");
}

Error nameTaken(const char* what, const QString& name) {
    return badInput(what, name, "a model of that name in the store", "a free name, or `remove` first");
}

Error noName(const char* what, const QString& name) {
    Error error = badInput(what, name, "characters that a name cannot hold",
                           '"' + sanitizedName(name).toStdString() + "\", for example");
    error.code = ErrorCode::usage;
    return error;
}

}  // namespace

QString sanitizedName(const QString& wanted) {
    QString name;
    const QString normal = wanted.normalized(QString::NormalizationForm_C);
    for (const QChar c : normal) {
        const QChar safe = allowedInName(c) ? c : QChar(u'-');
        const bool repeats = name.isEmpty() || (name.back() == safe && (safe == u'-' || safe == u' '));
        if (repeats && (safe == u'-' || safe == u' ' || safe == u'.')) continue;
        name += safe;
    }
    while (name.toUtf8().size() > kNameBytes) name.chop(1);
    while (!name.isEmpty() && (name.back() == u' ' || name.back() == u'-' || name.back() == u'.'))
        name.chop(1);
    return name.isEmpty() ? QStringLiteral("model") : name;
}

Store::Store() : Store(modelsFolder()) {}

Store::Store(const QString& folder, CheckpointReader reader)
    : m_folder(QDir::cleanPath(QDir::current().absoluteFilePath(folder))), m_reader(std::move(reader)) {}

std::vector<StoreEntry> Store::list() const {
    std::vector<StoreEntry> entries;
    const QStringList names = QDir(m_folder).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
    for (const QString& name : names) entries.push_back(readEntry(name));
    return entries;
}

Result<StoreEntry> Store::find(const QString& name) const {
    const QString folder = m_folder + u'/' + name;
    if (!isEntryName(name) || !QFileInfo(folder).isDir())
        return noSuchModel("cannot find the model", name, m_folder);
    StoreEntry entry = readEntry(name);
    if (entry.damaged) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = entry.problem.toStdString();
        return error;
    }
    return entry;
}

Result<StoreEntry> Store::recorded(const QString& name) const {
    if (!isEntryName(name) || !QFileInfo(m_folder + u'/' + name).isDir())
        return noSuchModel("cannot find the model", name, m_folder);
    StoreEntry entry = readEntry(name);
    if (!entry.damaged || !entry.damagedFiles.empty()) return entry;
    Error error;
    error.code = ErrorCode::badInput;
    error.what = entry.problem.toStdString();
    return error;
}

StoreEntry Store::readEntry(const QString& name) const {
    return readRecord(m_folder + u'/' + name, name);
}

Result<std::vector<StoredFile>> Store::placeFiles(const CheckpointSummary& checkpoint, const QString& work,
                                                  const ImportProgress& progress) const {
    std::vector<StoredFile> files;
    uint64_t before = 0;  // bytes of the files that are placed
    for (const QString& source : checkpoint.files) {
        const QFileInfo info(source);
        // A single file's name says nothing that the record does not; the parts of a split one name each
        // other.
        const bool single = checkpoint.files.size() == 1 && !QFileInfo(checkpoint.path).isDir();
        StoredFile file;
        file.name = single ? QStringLiteral("model.gguf") : info.fileName();
        file.bytes = static_cast<uint64_t>(info.size());
        const Result<QString> sha256 = placeFile(
            source, work + u'/' + file.name, checkpoint.bytes - std::min(before, checkpoint.bytes),
            [&](uint64_t done, uint64_t) { return !progress || progress(before + done, checkpoint.bytes); });
        if (!sha256) return sha256.error();
        file.sha256 = *sha256;
        before += file.bytes;
        files.push_back(std::move(file));
    }
    return files;
}

Result<StoreEntry> Store::importModel(const QString& fileOrFolder, const QString& name,
                                      const ImportProgress& progress, HubOrigin hub) {
    constexpr const char* kWhat = "cannot import under the name";
    if (!name.isEmpty() && !isModelName(name)) return noName(kWhat, name);
    const Result<QString> source = checkpointPath(fileOrFolder);
    if (!source) return source.error();
    const Result<CheckpointSummary> checkpoint = m_reader(*source);
    if (!checkpoint) return checkpoint.error();

    if (!name.isEmpty() && QFileInfo::exists(m_folder + u'/' + name)) return nameTaken(kWhat, name);

    const QString incoming = m_folder + u'/' + kIncomingName;
    removeStaleImports(incoming);
    const QString work = incoming + u'/' + ownName();
    if (!QDir().mkpath(work)) return cannotCreate(work);
    const auto abandon = [&work](const Error& error) {
        QDir(work).removeRecursively();
        return error;
    };

    Result<std::vector<StoredFile>> files = placeFiles(*checkpoint, work, progress);
    if (!files) return abandon(files.error());
    StoreEntry entry;
    entry.folder = work;
    entry.path = QFileInfo(*source).isDir() ? work : work + u'/' + files->front().name;
    entry.origin = *source;
    entry.hub = hub.repository.isEmpty() ? hubCacheOrigin(*source) : std::move(hub);
    entry.title = checkpoint->title;
    entry.architecture = checkpoint->architecture;
    entry.quantization = checkpoint->quantization;
    entry.parameters = checkpoint->parameters;
    entry.context = checkpoint->context;
    entry.files = std::move(*files);
    entry.warnings = checkpoint->warnings;
    if (QFileInfo(*source).isDir())
        entry.quantizationReport = readQuantizationReport(*source, entry.warnings);
    entry.importedAt = QDateTime::currentDateTimeUtc();
    if (Result<void> written = writeDurably(work + u'/' + kRecordName, recordOf(entry)); !written) {
        return abandon(written.error());
    }
    // The loop is for another process that takes the same free name in this moment.
    const QString base = sanitizedName(checkpointName(*source));
    for (int attempt = 0; attempt < 10; attempt++) {
        const QString free = name.isEmpty() ? freeName(m_folder, base) : name;
        const QString target = m_folder + u'/' + free;
        Result<void> renamed = renameDurably(work, target);
        if (renamed) return readEntry(free);
        if (!QFileInfo::exists(target)) return abandon(renamed.error());
        if (!name.isEmpty()) break;
    }
    return abandon(nameTaken(kWhat, name.isEmpty() ? base : name));
}

Result<StoreEntry> Store::rename(const QString& name, const QString& newName) {
    constexpr const char* kWhat = "cannot rename to";
    if (!isModelName(newName)) return noName(kWhat, newName);
    const QString folder = m_folder + u'/' + name;
    if (!isEntryName(name) || !QFileInfo(folder).isDir())
        return noSuchModel("cannot rename the model", name, m_folder);
    const QString target = m_folder + u'/' + newName;
    if (name == newName) return readEntry(name);
    if (QFileInfo::exists(target)) return nameTaken(kWhat, newName);
    if (Result<void> renamed = renameDurably(folder, target); !renamed) return renamed.error();
    return readEntry(newName);
}

Result<void> Store::markUsed(const QString& name) {
    const QString folder = m_folder + u'/' + name;
    if (!isEntryName(name) || !QFileInfo(folder).isDir())
        return noSuchModel("cannot find the model", name, m_folder);
    return touch(folder + u'/' + kLastUsedName);
}

Result<QString> Store::remove(const QString& name) {
    if (!isEntryName(name) || !QFileInfo(m_folder + u'/' + name).isDir())
        return noSuchModel("cannot remove the model", name, m_folder);
    const QString trash = m_folder + u'/' + kTrashName;
    if (!QDir().mkpath(trash)) return cannotCreate(trash);
    const QString trashId = ownName() + u'-' + name;
    if (Result<void> moved = renameDurably(m_folder + u'/' + name, trash + u'/' + trashId); !moved) {
        return moved.error();
    }
    return trashId;
}

Result<StoreEntry> Store::restore(const QString& trashId) {
    const QString name = trashId.section(u'-', 2);
    const QString source = m_folder + u'/' + kTrashName + u'/' + trashId;
    if (!isEntryName(name) || trashId.contains(u'/') || !QFileInfo(source).isDir()) {
        return badInput("cannot restore the model", name, "nothing in the store's trash",
                        "a model removed before");
    }
    if (QFileInfo::exists(m_folder + u'/' + name)) {
        return badInput("cannot restore the model", name, "another model of that name in the store",
                        "a free name");
    }
    if (Result<void> moved = renameDurably(source, m_folder + u'/' + name); !moved) return moved.error();
    return readEntry(name);
}

Result<void> Store::discard(const QString& trashId) {
    const QString folder = m_folder + u'/' + kTrashName + u'/' + trashId;
    if (!isEntryName(trashId) || !QFileInfo(folder).isDir()) {
        return badInput("cannot delete the model", trashId, "nothing in the store's trash",
                        "a model removed before");
    }
    if (deleteFolder(folder)) return {};
    Error error;
    error.what = "cannot delete the folder";
    error.file = folder.toStdString();
    error.expected = "a folder that this user may change";
    return error;
}

uint64_t Store::emptyTrash() {
    const QString trash = m_folder + u'/' + kTrashName;
    const uint64_t before = folderBytes(trash);
    const QStringList names =
        QDir(trash).entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
    for (const QString& name : names) {
        const qint64 process = processOf(name);
        if (process == ::getpid() || !isRunning(process)) deleteFolder(trash + u'/' + name);
    }
    return before - folderBytes(trash);
}

}  // namespace edgechat::models
