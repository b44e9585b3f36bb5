// Which files of a repository make a model: what a Hub lists also holds other forms of the same weights.
#pragma once

#include <QString>
#include <QStringList>
#include <cstdint>
#include <vector>

#include "inference/result.h"

namespace edgechat::models {

/// One file as a Hub lists it.
struct RepositoryFile {
    QString path;  ///< in the repository, with '/'
    uint64_t bytes = 0;
    QString sha256;  ///< hexadecimal; empty where the Hub does not say (small files)
};

/// All files of one model that can be fetched.
struct ModelFiles {
    enum class Kind { safetensors, gguf };
    Kind kind = Kind::safetensors;
    QString variant;                         ///< gguf: the file's name without ".gguf" and part number
    std::vector<RepositoryFile> weights;     ///< the shards or parts in their order
    std::vector<RepositoryFile> companions;  ///< configuration, tokenizer, template, index; none for gguf

    uint64_t weightsBytes() const;
    uint64_t bytes() const;  ///< of all files
};

/// The models of a repository: the one in Hugging Face's form, if it has one, and every .gguf file, a split
/// one counting once. Never empty. Pickle files, the authors' own forms (consolidated.safetensors), and what
/// lies in subfolders count for nothing, but for GGUF. The error says what the repository holds instead.
/// @param repository  for messages
Result<std::vector<ModelFiles>> modelsOf(const std::vector<RepositoryFile>& listed,
                                         const QString& repository);

}  // namespace edgechat::models
