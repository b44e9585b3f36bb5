// A GGUF file as a checkpoint.
#pragma once

#include "inference/model/checkpoint.h"

namespace edgechat::inference {

Result<CheckpointContent> readGgufCheckpoint(const std::filesystem::path& path);
/// Tokenizer and chat template alone, of any architecture; the file may lack tensors.
Result<CheckpointContent> readGgufVocabulary(const std::filesystem::path& path);

}  // namespace edgechat::inference
