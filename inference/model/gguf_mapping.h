// What a GGUF container means: its keys and tensors as the engine's own types.
#pragma once

#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/gguf.h"

namespace edgechat::inference {

struct LlamaModel {
    ModelConfig config;
    ModelTensors tensors;
    std::vector<TensorInfo> allTensors;  ///< in file order
};

/// Configuration and tensors of architecture "llama"; every shape is compared with the configuration.
Result<LlamaModel> mapLlama(const GgufContainer& container, const std::shared_ptr<const DataFile>& file);

/// The tokenizer's part of the metadata, checked. Moves the large arrays out of the container.
Result<TokenizerData> takeVocabulary(GgufContainer& container, const std::string& fileName);

}  // namespace edgechat::inference
