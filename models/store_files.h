// The store's work on files: place a checkpoint by link or copy while hashing it, and make it durable.
#pragma once

#include <QByteArray>
#include <QString>
#include <cstdint>

#include "inference/result.h"
#include "models/store.h"

namespace edgechat::models {

/// Puts `source` at `target`, which must not exist: a hard link where the file system allows it, else a copy
/// (space is checked first, the copy is on the disk when this returns). Every byte is read once; returns the
/// sha256 in hexadecimal. On failure nothing is left at `target`.
/// @param room  bytes that must be free when the file is copied: its own and those of the files after it
/// @param progress  is told the bytes of this file
Result<QString> placeFile(const QString& source, const QString& target, uint64_t room,
                          const ImportProgress& progress);

/// Writes a small file and waits until it is on the disk.
Result<void> writeDurably(const QString& path, const QByteArray& content);

/// Reads a regular file to its end.
/// @return the sha256 in hexadecimal; ErrorCode::badInput where it cannot be read
Result<QString> hashFile(const QString& path, const ImportProgress& progress);

/// Gives a file, which is made if need be, the time of now.
Result<void> touch(const QString& path);

/// Renames a folder; fails when `target` exists. Waits until the new name is on the disk.
Result<void> renameDurably(const QString& source, const QString& target);

/// Renames a file, over another one if there is one. Waits until the new name is on the disk.
Result<void> replaceDurably(const QString& source, const QString& target);

/// Bytes of all files below a folder; links are not followed.
uint64_t folderBytes(const QString& folder);

/// Deletes a folder and all in it. Of a link only the link goes.
bool deleteFolder(const QString& folder);

}  // namespace edgechat::models
