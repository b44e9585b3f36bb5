// config.json of a written model.
#pragma once

#include <nlohmann/json.hpp>

#include "inference/model/checkpoint.h"
#include "inference/result.h"
#include "quant/output/output_names.h"

namespace edgechat::quant {

/// The source folder's own configuration with what became of its weights; of a GGUF file, what transformers'
/// classes need to compute the same. What they have no words for is refused by name.
Result<nlohmann::ordered_json> outputConfig(const inference::Checkpoint& source, const OutputNames& names);

/// Of a GGUF file: architecture, sizes, RoPE and ids of tokens.
Result<nlohmann::ordered_json> configOfModel(const inference::Checkpoint& source, const OutputNames& names);

}  // namespace edgechat::quant
