// What a checkpoint says about itself before it is loaded, and the files that it is made of.
#pragma once

#include <QString>
#include <QStringList>
#include <cstdint>
#include <functional>

#include "inference/result.h"

namespace edgechat::models {

struct CheckpointSummary {
    QString path;   ///< absolute; what Engine::load takes: a .gguf file, the first part of a split one, or a
                    ///< folder
    QString title;  ///< what the checkpoint calls itself, may be empty
    QString architecture;
    QString quantization;
    uint64_t parameters = 0;
    int context = 0;       ///< tokens that the model was trained for
    QStringList files;     ///< absolute; all that belong to the checkpoint, and no other
    uint64_t bytes = 0;    ///< of `files` together
    QStringList warnings;  ///< sentences for a person about what was odd and how it was taken
};

/// The checkpoint that somebody means by a file or a folder: a Hugging Face folder (also by its config.json
/// or one of its .safetensors files), a .gguf file, the first part of a split one, or the only .gguf model of
/// a folder. Absolute. Whether it is a good one is not looked at.
Result<QString> checkpointPath(const QString& fileOrFolder);

/// A name for the checkpoint at a path: a folder's name (for a snapshot of the Hub's cache the repository's),
/// a file's without ".gguf" and without "-00001-of-00003".
QString checkpointName(const QString& path);

/// Opens the checkpoint (all is checked but the weights themselves) and lists its files. `path` is what
/// checkpointPath() gave.
Result<CheckpointSummary> readCheckpoint(const QString& path);

/// readCheckpoint(), or what a test puts in its place.
using CheckpointReader = std::function<Result<CheckpointSummary>(const QString& path)>;

/// Of the names of files in a Hugging Face folder those that a loader reads beside the weights:
/// configuration, tokenizer, chat template. In the order given.
QStringList companionFiles(const QStringList& names);

}  // namespace edgechat::models
