// The store: the models that EdgeChat keeps, one folder each under modelsFolder(), which holds the checkpoint
// and edgechat.json (where it came from, sha256, what it is, how it was quantized).
#pragma once

#include <QDateTime>
#include <QJsonObject>
#include <QString>
#include <cstdint>
#include <functional>
#include <vector>

#include "inference/result.h"
#include "models/checkpoint_summary.h"

namespace edgechat::models {

/// One file of a stored model.
struct StoredFile {
    QString name;  ///< in the model's folder
    uint64_t bytes = 0;
    QString sha256;  ///< hexadecimal
};

/// Where on a Hub a model came from.
struct HubOrigin {
    QString repository;  ///< "org/name"; empty: from no Hub
    QString commit;
    QString licence;  ///< the Hub's identifier, "apache-2.0"; empty: not said

    bool operator==(const HubOrigin&) const = default;
};

/// A file that is not as it was imported.
struct DamagedFile {
    QString name;     ///< in the model's folder
    QString problem;  ///< one sentence for a person
};

/// One model of the store.
struct StoreEntry {
    QString name;    ///< unique; the folder's name
    QString folder;  ///< absolute
    QString path;    ///< the checkpoint, absolute; what Engine::load takes: a file, or `folder` itself
    QString origin;  ///< the file or folder that was imported
    HubOrigin hub;   ///< where that came from, as far as it is known
    QString title;   ///< what the checkpoint calls itself, may be empty
    QString architecture;
    QString quantization;
    uint64_t parameters = 0;
    int context = 0;  ///< tokens that the model was trained for; 0 in a record of an older version
    std::vector<StoredFile> files;
    uint64_t bytes = 0;              ///< of `files` together
    QStringList warnings;            ///< the checkpoint's, when it was imported
    QJsonObject quantizationReport;  ///< quant::toJson() of the report beside a quantized model, or empty
    QDateTime importedAt;
    QDateTime lastUsed;    ///< by markUsed(); invalid: never
    QDateTime verifiedAt;  ///< by verify(); invalid: never
    bool damaged = false;  ///< only `name`, `folder`, `problem` and `damagedFiles` can be relied on
    QString problem;       ///< why it is damaged, one sentence for a person
    std::vector<DamagedFile> damagedFiles;  ///< all of them; empty where the record itself is unreadable
};

/// Bytes done of bytes in all; returning false ends the work with ErrorCode::interrupted.
using ImportProgress = std::function<bool(uint64_t done, uint64_t total)>;

/// A name that is safe as a folder: letters, digits, ". _ - +" and single spaces, no leading dot or dash, at
/// most 100 bytes. Everything else becomes '-'. Never empty.
QString sanitizedName(const QString& wanted);

/// Keeps no state but its folder; every call reads the disk anew, and may come from any thread and process.
class Store {
  public:
    Store();  ///< over modelsFolder()
    explicit Store(const QString& folder, CheckpointReader reader = readCheckpoint);

    const QString& folder() const { return m_folder; }

    /// All models by name. An entry that cannot be used is listed as damaged and hides no other.
    std::vector<StoreEntry> list() const;
    /// Fails with ErrorCode::badInput when there is no such model or it is damaged.
    Result<StoreEntry> find(const QString& name) const;
    /// A model, damaged or not, whose record can be read.
    Result<StoreEntry> recorded(const QString& name) const;

    /// Checks a checkpoint (what checkpointPath() makes of `fileOrFolder`) from its header to its last byte
    /// and puts the files that belong to it into the store: hard links on the same file system, else copies.
    /// The model appears when it is complete. Without `name` the checkpoint's is taken and made unique with
    /// -2, -3, ...; a given `name` must be free and valid. ErrorCode::doesNotFit when the disk has too little
    /// room.
    /// @param hub  where it came from; what a path in the Hub's cache says stands in for an empty repository
    Result<StoreEntry> importModel(const QString& fileOrFolder, const QString& name = QString(),
                                   const ImportProgress& progress = {}, HubOrigin hub = {});

    /// ErrorCode::usage for a name that is none, ErrorCode::badInput for one that is taken.
    Result<StoreEntry> rename(const QString& name, const QString& newName);
    /// Notes that a model was loaded just now. A failure is none of the model's.
    Result<void> markUsed(const QString& name);

    /// Reads every byte of a model again and compares it with what was imported: sha256, or the size where
    /// the record has no hash. The entry that comes back, and list() from then on, names the files that are
    /// wrong. Fails where there is no such model, where its record cannot be read, and with
    /// ErrorCode::interrupted.
    Result<StoreEntry> verify(const QString& name, const ImportProgress& progress = {});
    /// Puts `source` (a hard link where possible, else a copy) in the place of one of a model's files, if it
    /// is what was imported: by sha256, or by size where the record has no hash.
    Result<StoreEntry> replaceFile(const QString& name, const QString& fileName, const QString& source,
                                   const ImportProgress& progress = {});

    /// Moves a model, damaged or not, to the store's trash; the result is what restore() takes.
    Result<QString> remove(const QString& name);
    /// Undoes remove(). Fails when the trash was emptied or the name was taken again meanwhile.
    Result<StoreEntry> restore(const QString& trashId);
    /// Deletes one removed model for good.
    Result<void> discard(const QString& trashId);
    /// Deletes what this process's remove() put aside, and what processes that have ended left behind: to be
    /// called when the program begins and when it ends. Returns the bytes of the deleted files (a file that
    /// is also linked elsewhere still takes its room).
    uint64_t emptyTrash();

  private:
    StoreEntry readEntry(const QString& name) const;
    /// Places all files in the folder `work`; on failure some may be there.
    Result<std::vector<StoredFile>> placeFiles(const CheckpointSummary& checkpoint, const QString& work,
                                               const ImportProgress& progress) const;

    QString m_folder;
    CheckpointReader m_reader;
};

}  // namespace edgechat::models
