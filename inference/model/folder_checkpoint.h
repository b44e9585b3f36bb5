// A Hugging Face folder as a checkpoint: config.json and safetensors.
#pragma once

#include "inference/model/checkpoint.h"

namespace edgechat::inference {

Result<CheckpointContent> readFolderCheckpoint(const std::filesystem::path& folder,
                                               Shards shards = Shards::all);
/// Names and chat template alone; the folder may lack weights.
Result<CheckpointContent> readFolderVocabulary(const std::filesystem::path& folder);

}  // namespace edgechat::inference
