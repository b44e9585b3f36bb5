#include "models/store_record.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <optional>

#include "quant/report_file.h"

namespace edgechat::models {
namespace {

constexpr qint64 kRecordBytes = qint64{16} << 20;
// Written with an indentation it takes less than four times as much.
constexpr size_t kReportBytes = size_t{2} << 20;
// The checkpoint is the folder itself.
const QString kFolder = QStringLiteral(".");
// `quantization` is a short name here, where quantize writes its report under that key.
const QString kReport = QString::fromLatin1(quant::kStoredReport);

/// When a file was changed, finely enough to tell one write from the next.
QString modifiedText(const QFileInfo& info) {
    return QString::number(info.lastModified().toMSecsSinceEpoch());
}

/// A name that cannot lead out of the model's folder.
bool isFileName(const QString& name) {
    return !name.isEmpty() && !name.contains(u'/') && !name.startsWith(u'.');
}

Error recordError(const QString& file, const char* field, const std::string& found,
                  const std::string& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot read the record of a model";
    error.file = file.toStdString();
    error.field = field;
    error.found = found;
    error.expected = expected;
    return error;
}

Error notAFileName(const QString& file, const char* field, const QString& found) {
    return recordError(file, field, '"' + found.toStdString() + '"', "the name of a file in the same folder");
}

Result<QJsonObject> readJson(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return recordError(path, "", file.errorString().toStdString(),
                           "the file that the import wrote: import the model again");
    }
    QJsonParseError parsed;
    const QJsonObject record = QJsonDocument::fromJson(file.read(kRecordBytes), &parsed).object();
    if (parsed.error == QJsonParseError::NoError) return record;
    return recordError(path, "",
                       parsed.errorString().toStdString() + " at byte " + std::to_string(parsed.offset),
                       "the JSON that the import wrote: import the model again");
}

StoredFile storedFile(const QString& name, const QJsonObject& source) {
    return {name, source.value(QStringLiteral("bytes")).toString().toULongLong(),
            source.value(QStringLiteral("sha256")).toString()};
}

/// The files that a record names; version 1 has one, whose figures stand in the record itself.
Result<std::vector<StoredFile>> filesOf(const QJsonObject& record, const QString& checkpoint,
                                        const QString& recordPath) {
    std::vector<StoredFile> files;
    const QJsonArray listed = record.value(QStringLiteral("files")).toArray();
    for (const QJsonValue& value : listed) {
        const QString name = value.toObject().value(QStringLiteral("name")).toString();
        if (!isFileName(name)) return notAFileName(recordPath, "files", name);
        files.push_back(storedFile(name, value.toObject()));
    }
    if (files.empty()) {
        if (checkpoint == kFolder)
            return recordError(recordPath, "files", "none", "the files of the model: import it again");
        files.push_back(storedFile(checkpoint, record));
    }
    return files;
}

/// What is wrong with a file by its size and by what verify() found, if anything.
std::optional<Error> damageOf(const QFileInfo& info, const StoredFile& file, const QJsonArray& wrong) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot use the model";
    error.file = info.filePath().toStdString();
    if (!info.isFile()) {
        error.found = "no such file";
        error.expected = "the imported checkpoint";
        return error;
    }
    if (static_cast<uint64_t>(info.size()) != file.bytes) {
        error.found = std::to_string(info.size()) + " bytes";
        error.expected = std::to_string(file.bytes) + " bytes, as imported";
        return error;
    }
    for (const QJsonValue& value : wrong) {
        const QJsonObject known = value.toObject();
        if (known.value(QStringLiteral("name")).toString() != file.name ||
            known.value(QStringLiteral("modified")).toString() != modifiedText(info))
            continue;
        error.found = "other content than was imported";
        error.expected =
            file.sha256.isEmpty() ? "a file that can be read" : "sha256 " + file.sha256.toStdString();
        return error;
    }
    return {};
}

/// All files that are not there as they were imported.
void checkFiles(StoreEntry& entry) {
    QFile file(entry.folder + u'/' + kVerifiedName);
    QJsonObject verified;
    if (file.open(QIODevice::ReadOnly)) verified = QJsonDocument::fromJson(file.read(kRecordBytes)).object();
    entry.verifiedAt =
        QDateTime::fromString(verified.value(QStringLiteral("verifiedAt")).toString(), Qt::ISODate);
    const QJsonArray wrong = verified.value(QStringLiteral("wrong")).toArray();
    for (const StoredFile& stored : entry.files) {
        const QFileInfo info(entry.folder + u'/' + stored.name);
        const std::optional<Error> damage = damageOf(info, stored, wrong);
        if (!damage) continue;
        entry.damagedFiles.push_back({stored.name, QString::fromStdString(damage->message())});
    }
    if (entry.damagedFiles.empty()) return;
    entry.damaged = true;
    entry.problem = entry.damagedFiles.front().problem;
    if (entry.damagedFiles.size() > 1)
        entry.problem += QStringLiteral(" (and %1 more files)").arg(entry.damagedFiles.size() - 1);
}

}  // namespace

QJsonObject readQuantizationReport(const QString& folder, QStringList& warnings) {
    const Result<std::optional<quant::QuantizationReport>> report =
        quant::readReport(QFile::encodeName(folder).toStdString());
    if (!report) {
        warnings << QString::fromStdString(report.error().message());
        return {};
    }
    if (!*report) return {};
    // Only what the report is known to hold, so that the record stays small and flat.
    const std::string text = toJson(**report).dump();
    if (text.size() > kReportBytes) {
        warnings << QStringLiteral("The report of its quantization is too large to be kept.");
        return {};
    }
    return QJsonDocument::fromJson(QByteArray::fromStdString(text)).object();
}

QByteArray recordOf(const StoreEntry& entry) {
    // Sizes are strings of digits: a JSON number is a double and ends at 2^53.
    QJsonArray files;
    for (const StoredFile& file : entry.files) {
        files.append(QJsonObject{{QStringLiteral("name"), file.name},
                                 {QStringLiteral("bytes"), QString::number(file.bytes)},
                                 {QStringLiteral("sha256"), file.sha256}});
    }
    const bool folder = entry.path == entry.folder;
    QJsonObject record = {{QStringLiteral("version"), 2},
                          {QStringLiteral("checkpoint"), folder ? kFolder : QFileInfo(entry.path).fileName()},
                          {QStringLiteral("files"), files},
                          {QStringLiteral("origin"), entry.origin},
                          {QStringLiteral("importedAt"), entry.importedAt.toString(Qt::ISODate)},
                          {QStringLiteral("title"), entry.title},
                          {QStringLiteral("architecture"), entry.architecture},
                          {QStringLiteral("parameters"), QString::number(entry.parameters)},
                          {QStringLiteral("quantization"), entry.quantization},
                          {QStringLiteral("context"), entry.context},
                          {QStringLiteral("warnings"), QJsonArray::fromStringList(entry.warnings)}};
    if (!entry.hub.repository.isEmpty()) {
        record.insert(QStringLiteral("hub"), QJsonObject{{QStringLiteral("repository"), entry.hub.repository},
                                                         {QStringLiteral("commit"), entry.hub.commit},
                                                         {QStringLiteral("licence"), entry.hub.licence}});
    }
    if (!entry.quantizationReport.isEmpty()) record.insert(kReport, entry.quantizationReport);
    return QJsonDocument(record).toJson();
}

QByteArray verificationOf(const StoreEntry& entry, const QStringList& wrongContent) {
    QJsonArray wrong;
    for (const QString& name : wrongContent) {
        wrong.append(
            QJsonObject{{QStringLiteral("name"), name},
                        {QStringLiteral("modified"), modifiedText(QFileInfo(entry.folder + u'/' + name))}});
    }
    return QJsonDocument(QJsonObject{{QStringLiteral("verifiedAt"), entry.verifiedAt.toString(Qt::ISODate)},
                                     {QStringLiteral("wrong"), wrong}})
        .toJson();
}

StoreEntry readRecord(const QString& folder, const QString& name) {
    StoreEntry entry;
    entry.name = name;
    entry.folder = folder;
    const auto damaged = [&entry](const Error& error) {
        entry.damaged = true;
        entry.problem = QString::fromStdString(error.message());
        return entry;
    };
    const QString path = folder + u'/' + kRecordName;
    const Result<QJsonObject> read = readJson(path);
    if (!read) return damaged(read.error());
    const QJsonObject& record = *read;
    const QString checkpoint = record.value(QStringLiteral("checkpoint")).toString();
    if (checkpoint != kFolder && !isFileName(checkpoint))
        return damaged(notAFileName(path, "checkpoint", checkpoint));
    Result<std::vector<StoredFile>> files = filesOf(record, checkpoint, path);
    if (!files) return damaged(files.error());

    entry.path = checkpoint == kFolder ? folder : folder + u'/' + checkpoint;
    entry.files = std::move(*files);
    for (const StoredFile& file : entry.files) entry.bytes += file.bytes;
    entry.origin = record.value(QStringLiteral("origin")).toString();
    entry.importedAt =
        QDateTime::fromString(record.value(QStringLiteral("importedAt")).toString(), Qt::ISODate);
    entry.title = record.value(QStringLiteral("title")).toString();
    entry.architecture = record.value(QStringLiteral("architecture")).toString();
    entry.parameters = record.value(QStringLiteral("parameters")).toString().toULongLong();
    entry.quantization = record.value(QStringLiteral("quantization")).toString();
    entry.context = std::max(0, record.value(QStringLiteral("context")).toInt());
    const QJsonArray warnings = record.value(QStringLiteral("warnings")).toArray();
    for (const QJsonValue& warning : warnings) entry.warnings << warning.toString();
    entry.quantizationReport = record.value(kReport).toObject();
    const QJsonObject hub = record.value(QStringLiteral("hub")).toObject();
    entry.hub = {hub.value(QStringLiteral("repository")).toString(),
                 hub.value(QStringLiteral("commit")).toString(),
                 hub.value(QStringLiteral("licence")).toString()};
    const QFileInfo used(folder + u'/' + kLastUsedName);
    if (used.exists()) entry.lastUsed = used.lastModified().toUTC();
    checkFiles(entry);
    return entry;
}

}  // namespace edgechat::models
