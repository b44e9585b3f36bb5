#include "models/store_record.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>

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

/// The first file that is not there as it was imported.
Result<void> checkFiles(const StoreEntry& entry) {
    for (const StoredFile& file : entry.files) {
        const QFileInfo info(entry.folder + u'/' + file.name);
        Error error;
        error.code = ErrorCode::badInput;
        error.what = "cannot use the model";
        error.file = info.filePath().toStdString();
        if (!info.isFile()) {
            error.found = "no such file";
            error.expected = "the imported checkpoint";
            return error;
        }
        if (static_cast<uint64_t>(info.size()) == file.bytes) continue;
        error.found = std::to_string(info.size()) + " bytes";
        error.expected = std::to_string(file.bytes) + " bytes, as imported";
        return error;
    }
    return {};
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
    if (!entry.quantizationReport.isEmpty()) record.insert(kReport, entry.quantizationReport);
    return QJsonDocument(record).toJson();
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
    if (Result<void> whole = checkFiles(entry); !whole) return damaged(whole.error());
    return entry;
}

}  // namespace edgechat::models
