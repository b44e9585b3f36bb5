// What a job keeps on the disk while it runs: <work>/job-<id>-<time>/source and /quantized.
#pragma once

#include <QString>
#include <QStringList>
#include <functional>
#include <optional>

#include "models/jobs/job.h"
#include "models/planned_model.h"
#include "models/store.h"

namespace edgechat::models::jobs {

// A disk that is filled to its last byte is a trouble for all programs.
constexpr uint64_t kSpareBytes = uint64_t{64} << 20;

/// Bytes that may still be written to a folder's disk; 0: unknown. freeDiskBytes(), or what a test puts in
/// its place.
using FreeBytes = std::function<uint64_t(const QString& folder)>;

/// No other job's, not even after the list of jobs was lost.
QString jobFolder(const QString& work, const Job& job);
QString sourceFolder(const QString& jobFolder);
QString quantizedFolder(const QString& jobFolder);

/// A model in Hugging Face's form in a folder, as planModel() sees it, with the shards that may be away.
Result<PlannedModel> planFolder(const QString& folder, const std::optional<quant::Recipe>& recipe);

/// Whether a folder holds a checkpoint that opens: the headers of all its files.
Result<void> checkFolder(const QString& folder);

/// Whether a source folder is one of those whose shards come and go (ShardFetch).
bool isByShards(const QString& folder);
/// Whether such a folder holds what the quantizer needs for its next step.
bool isNextShardHere(const QString& jobFolder);

/// Deletes the files that an earlier try for another version left; kept: `names`.
void removeOthers(const QString& folder, const QStringList& names);

/// Links what is whole of a model of the store into a folder, for a download to pass over. What cannot be
/// linked is left out.
void linkWholeFiles(const Store& store, const QString& name, const QString& folder);

/// The store's model that came out of a job's folder: the job was cut off behind its last step.
std::optional<StoreEntry> storedFrom(const Store& store, const QString& jobFolder);

/// A name in the store that is free now; empty where the store is to name the model by its file (GGUF).
/// @param isFolder  whether the checkpoint is in Hugging Face's form
QString freeStoreName(const Store& store, const JobRequest& request, bool isFolder);

/// ErrorCode::doesNotFit when fewer than `needed` bytes are free (an unknown number is enough).
/// @param meaning  of the bytes, for a person
Result<void> checkRoom(const FreeBytes& freeBytes, const QString& folder, uint64_t needed,
                       const QString& meaning);

/// "14.48 GB", "3.2 MB": for people, decimal.
QString bytesText(uint64_t bytes);

}  // namespace edgechat::models::jobs
