// RoPE as config.json describes it.
#pragma once

#include <string>
#include <vector>

#include "inference/model/json_fields.h"
#include "inference/model/model_config.h"

namespace edgechat::inference {

/// Reads rope_theta and rope_scaling, or transformers 5's rope_parameters, into config.ropeBase and
/// config.ropeScaling; config.context is known. Failures stay in `fields`.
void readHfRope(JsonFields& fields, ModelConfig& config, std::vector<std::string>& warnings);

}  // namespace edgechat::inference
