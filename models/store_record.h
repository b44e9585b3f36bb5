// edgechat.json: what the store writes beside a checkpoint, and how it becomes an entry again.
#pragma once

#include <QByteArray>
#include <QJsonObject>
#include <QString>
#include <QStringList>

#include "models/store.h"

namespace edgechat::models {

inline const QString kRecordName = QStringLiteral("edgechat.json");

/// The report that `edgechat-cli quantize` left in a folder that is imported; empty when there is none. One
/// that cannot be kept becomes a warning.
QJsonObject readQuantizationReport(const QString& folder, QStringList& warnings);

/// The record of an entry: version 2.
QByteArray recordOf(const StoreEntry& entry);

/// Reads the record in `folder`, of version 1 (a single .gguf file) or 2, and looks whether all files are
/// there in their full size. A failure makes the entry `damaged`, with the reason.
StoreEntry readRecord(const QString& folder, const QString& name);

}  // namespace edgechat::models
