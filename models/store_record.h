// edgechat.json: what the store writes beside a checkpoint, and how it becomes an entry again.
#pragma once

#include <QByteArray>
#include <QJsonObject>
#include <QString>
#include <QStringList>

#include "models/store.h"

namespace edgechat::models {

inline const QString kRecordName = QStringLiteral("edgechat.json");

/// What verify() found, beside the record. Hash damage counts as long as the file was not changed since.
inline const QString kVerifiedName = QStringLiteral(".verified.json");
/// A file whose time says when the model was used last.
inline const QString kLastUsedName = QStringLiteral(".last-used");

/// Of kVerifiedName: as of entry.verifiedAt, the files in `wrongContent` do not hold what was imported.
QByteArray verificationOf(const StoreEntry& entry, const QStringList& wrongContent);

/// The report that `edgechat-cli quantize` left in a folder that is imported; empty when there is none. One
/// that cannot be kept becomes a warning.
QJsonObject readQuantizationReport(const QString& folder, QStringList& warnings);

/// The record of an entry: version 2.
QByteArray recordOf(const StoreEntry& entry);

/// Reads the record in `folder`, of version 1 (a single .gguf file) or 2, and looks whether all files are
/// there in their full size and whether verify() found other content in them. A failure makes the entry
/// `damaged`, with the reason and all files that are wrong.
StoreEntry readRecord(const QString& folder, const QString& name);

}  // namespace edgechat::models
