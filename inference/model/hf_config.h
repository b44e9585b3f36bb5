// What config.json of a Hugging Face folder says: families llama, mistral and falcon.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/model/model_config.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Which norms a layer of Falcon has, by the names of its tensors.
enum class FalconNorms {
    shared,      ///< input_layernorm feeds attention and MLP
    sequential,  ///< input_layernorm, post_attention_layernorm
    two,         ///< ln_attn, ln_mlp, of the same input
};

struct HfConfig {
    ModelConfig model;  ///< all but name, quantization and parameters
    /// Which tensors the layers must hold beside their weights.
    bool attentionBias = false;                     ///< query, key, value, output
    bool mlpBias = false;                           ///< gate, up, down
    FalconNorms falconNorms = FalconNorms::shared;  ///< falcon only
    std::vector<std::string> warnings;
};

/// Reads config.json as transformers does: absent keys take the family's defaults, other names of a key
/// count, and whatever this engine would compute otherwise is refused by name.
/// @param fileName  for messages
Result<HfConfig> readHfConfig(const nlohmann::json& config, const std::string& fileName);

}  // namespace edgechat::inference
