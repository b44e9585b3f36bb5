#include "models/store.h"

#include <signal.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QUuid>
#include <algorithm>
#include <cerrno>

#include "inference/model/checkpoint.h"
#include "models/paths.h"
#include "models/store_files.h"

namespace edgechat::models {
namespace {

constexpr int kNameBytes = 100;
constexpr qint64 kRecordBytes = qint64{1} << 20;
const QString kRecordName = QStringLiteral("edgechat.json");
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

/// The .gguf file that the user means by a file or a folder.
Result<QString> checkpointFile(const QString& fileOrFolder) {
    const QFileInfo info(fileOrFolder);
    if (!info.exists())
        return badInput("cannot read the model", fileOrFolder, "no such file", "a .gguf file");
    if (!info.isDir()) return info.absoluteFilePath();
    const QDir folder(fileOrFolder);
    const QStringList files = folder.entryList({QStringLiteral("*.gguf")}, QDir::Files, QDir::Name);
    if (files.size() == 1) return QFileInfo(folder.filePath(files.first())).absoluteFilePath();
    if (files.isEmpty()) {
        return badInput("cannot read the model", fileOrFolder, "a folder without a .gguf file",
                        "a .gguf file: this version does not read Hugging Face folders");
    }
    return badInput("cannot read the model", fileOrFolder, std::to_string(files.size()) + " .gguf files",
                    "one of them, named: " + files.join(QStringLiteral(", ")).toStdString());
}

/// Imports that a dead process left half done.
void removeStaleImports(const QString& incoming) {
    const QStringList names = QDir(incoming).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    for (const QString& name : names) {
        const qint64 process = name.section(u'-', 0, 0).toLongLong();
        if (process > 0 && (::kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH)) continue;
        QDir(incoming + u'/' + name).removeRecursively();
    }
}

QJsonObject toJson(const StoreEntry& entry) {
    // Sizes are strings of digits: a JSON number is a double and ends at 2^53.
    return {{QStringLiteral("version"), 1},
            {QStringLiteral("checkpoint"), QFileInfo(entry.path).fileName()},
            {QStringLiteral("origin"), entry.origin},
            {QStringLiteral("sha256"), entry.sha256},
            {QStringLiteral("bytes"), QString::number(entry.bytes)},
            {QStringLiteral("importedAt"), entry.importedAt.toString(Qt::ISODate)},
            {QStringLiteral("architecture"), entry.architecture},
            {QStringLiteral("parameters"), QString::number(entry.parameters)},
            {QStringLiteral("quantization"), entry.quantization}};
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

Store::Store(const QString& folder) : m_folder(QDir::cleanPath(QDir::current().absoluteFilePath(folder))) {}

std::vector<StoreEntry> Store::list() const {
    std::vector<StoreEntry> entries;
    const QStringList names = QDir(m_folder).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
    for (const QString& name : names) entries.push_back(readEntry(name));
    return entries;
}

Result<StoreEntry> Store::find(const QString& name) const {
    const QString folder = m_folder + u'/' + name;
    if (!isEntryName(name) || !QFileInfo(folder).isDir()) {
        return badInput("cannot find the model", name, "no model of that name in " + m_folder.toStdString(),
                        "one of those that `list` shows");
    }
    StoreEntry entry = readEntry(name);
    if (entry.damaged) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = entry.problem.toStdString();
        return error;
    }
    return entry;
}

StoreEntry Store::readEntry(const QString& name) const {
    StoreEntry entry;
    entry.name = name;
    entry.folder = m_folder + u'/' + name;
    const QString recordPath = entry.folder + u'/' + kRecordName;
    const auto damaged = [&entry](const Error& error) {
        entry.damaged = true;
        entry.problem = QString::fromStdString(error.message());
        return entry;
    };

    QFile file(recordPath);
    if (!file.open(QIODevice::ReadOnly)) {
        return damaged(badInput("cannot read the record of a model", recordPath,
                                file.errorString().toStdString(),
                                "the file that the import wrote: import the model again"));
    }
    QJsonParseError parsed;
    const QJsonObject record = QJsonDocument::fromJson(file.read(kRecordBytes), &parsed).object();
    if (parsed.error != QJsonParseError::NoError) {
        return damaged(
            badInput("cannot read the record of a model", recordPath,
                     parsed.errorString().toStdString() + " at byte " + std::to_string(parsed.offset),
                     "the JSON that the import wrote: import the model again"));
    }
    const QString checkpoint = record.value(QStringLiteral("checkpoint")).toString();
    if (checkpoint.isEmpty() || checkpoint.contains(u'/') || checkpoint.startsWith(u'.')) {
        Error error = badInput("cannot read the record of a model", recordPath,
                               '"' + checkpoint.toStdString() + '"', "the name of a file in the same folder");
        error.field = "checkpoint";
        return damaged(error);
    }
    entry.path = entry.folder + u'/' + checkpoint;
    entry.origin = record.value(QStringLiteral("origin")).toString();
    entry.sha256 = record.value(QStringLiteral("sha256")).toString();
    entry.bytes = record.value(QStringLiteral("bytes")).toString().toULongLong();
    entry.importedAt =
        QDateTime::fromString(record.value(QStringLiteral("importedAt")).toString(), Qt::ISODate);
    entry.architecture = record.value(QStringLiteral("architecture")).toString();
    entry.parameters = record.value(QStringLiteral("parameters")).toString().toULongLong();
    entry.quantization = record.value(QStringLiteral("quantization")).toString();

    const QFileInfo info(entry.path);
    if (!info.isFile()) {
        return damaged(
            badInput("cannot read the model", entry.path, "no such file", "the imported checkpoint"));
    }
    if (static_cast<uint64_t>(info.size()) != entry.bytes) {
        return damaged(badInput("cannot use the model", entry.path, std::to_string(info.size()) + " bytes",
                                std::to_string(entry.bytes) + " bytes, as imported"));
    }
    return entry;
}

Result<StoreEntry> Store::importModel(const QString& fileOrFolder, const QString& name,
                                      const ImportProgress& progress) {
    if (!name.isEmpty() && !isModelName(name)) {
        Error error = badInput("cannot import under the name", name, "characters that a name cannot hold",
                               '"' + sanitizedName(name).toStdString() + "\", for example");
        error.code = ErrorCode::usage;
        return error;
    }
    const Result<QString> source = checkpointFile(fileOrFolder);
    if (!source) return source.error();
    const Result<std::unique_ptr<inference::Checkpoint>> opened =
        inference::Checkpoint::open(QFile::encodeName(*source).toStdString());
    if (!opened) return opened.error();
    const inference::Checkpoint& checkpoint = **opened;

    const auto taken = [](const QString& modelName) {
        return badInput("cannot import under the name", modelName, "a model of that name in the store",
                        "a free name, or `remove` first");
    };
    if (!name.isEmpty() && QFileInfo::exists(m_folder + u'/' + name)) return taken(name);

    const QString incoming = m_folder + u'/' + kIncomingName;
    removeStaleImports(incoming);
    const QString work =
        incoming + u'/' + QString::number(::getpid()) + u'-' + QUuid::createUuid().toString(QUuid::Id128);
    if (!QDir().mkpath(work)) return cannotCreate(work);

    const QFileInfo sourceInfo(*source);
    StoreEntry entry;
    entry.path = work + QStringLiteral("/model.gguf");
    entry.origin = *source;
    entry.architecture = QString::fromStdString(checkpoint.config().architecture);
    entry.quantization = QString::fromStdString(checkpoint.config().quantization);
    entry.parameters = checkpoint.config().parameters;
    entry.bytes = checkpoint.fileBytes();
    entry.importedAt = QDateTime::currentDateTimeUtc();

    const auto abandon = [&work](const Error& error) {
        QDir(work).removeRecursively();
        return error;
    };
    const Result<QString> sha256 = placeFile(*source, entry.path, progress);
    if (!sha256) return abandon(sha256.error());
    entry.sha256 = *sha256;
    if (Result<void> written = writeDurably(work + u'/' + kRecordName, QJsonDocument(toJson(entry)).toJson());
        !written) {
        return abandon(written.error());
    }
    // The loop is for another process that takes the same free name in this moment.
    const QString base = sanitizedName(sourceInfo.completeBaseName());
    for (int attempt = 0; attempt < 10; attempt++) {
        const QString free = name.isEmpty() ? freeName(m_folder, base) : name;
        const QString target = m_folder + u'/' + free;
        Result<void> renamed = renameDurably(work, target);
        if (renamed) return readEntry(free);
        if (!QFileInfo::exists(target)) return abandon(renamed.error());
        if (!name.isEmpty()) break;
    }
    return abandon(taken(name.isEmpty() ? base : name));
}

Result<QString> Store::remove(const QString& name) {
    if (!isEntryName(name) || !QFileInfo(m_folder + u'/' + name).isDir()) {
        return badInput("cannot remove the model", name, "no model of that name in " + m_folder.toStdString(),
                        "one of those that `list` shows");
    }
    const QString trash = m_folder + u'/' + kTrashName;
    if (!QDir().mkpath(trash)) return cannotCreate(trash);
    const QString trashId = QUuid::createUuid().toString(QUuid::Id128) + u'-' + name;
    if (Result<void> moved = renameDurably(m_folder + u'/' + name, trash + u'/' + trashId); !moved) {
        return moved.error();
    }
    return trashId;
}

Result<StoreEntry> Store::restore(const QString& trashId) {
    const QString name = trashId.section(u'-', 1);
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
    if (QDir(folder).removeRecursively()) return {};
    Error error;
    error.what = "cannot delete the folder";
    error.file = folder.toStdString();
    error.expected = "a folder that this user may change";
    return error;
}

uint64_t Store::emptyTrash() {
    const QString trash = m_folder + u'/' + kTrashName;
    const uint64_t before = folderBytes(trash);
    QDir(trash).removeRecursively();
    return before - folderBytes(trash);
}

}  // namespace edgechat::models
