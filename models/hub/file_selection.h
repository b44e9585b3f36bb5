// Which files of a repository make up the model: configuration, tokenizer and the weights that its index
// lists, or one GGUF model. Never a pickle, never a second copy of the weights in another form.
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <vector>

#include "inference/result.h"
#include "models/hub/answers.h"

namespace edgechat::models::hub {

struct SelectedFile {
    RepositoryFile file;
    QString name;  ///< on disk: the bare name, without the repository's folders
};

struct Selection {
    std::vector<SelectedFile> files;  ///< small ones first
    /// True when selectShards() says what more is needed, once model.safetensors.index.json is here.
    bool byIndex = false;
};

/// @param repository  for messages
/// @param gguf  path of the .gguf file wanted, a split one's first part, or its bare name; with an empty one
/// safetensors are
///              preferred, and of several .gguf files a 4-bit one is taken
/// ErrorCode::badInput when there is nothing that EdgeChat reads, saying what there is instead.
Result<Selection> selectFiles(const std::vector<RepositoryFile>& files, const QString& repository,
                              const QString& gguf = QString());

/// The shards that the index lists, in the order of their names. ErrorCode::badInput when it lists one that
/// the repository does not have.
Result<std::vector<SelectedFile>> selectShards(const std::vector<RepositoryFile>& files,
                                               const QString& repository, const QByteArray& index);

/// The repository's GGUF models by their paths, a split one by its first part.
QStringList ggufModels(const std::vector<RepositoryFile>& files);

}  // namespace edgechat::models::hub
