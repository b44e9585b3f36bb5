// Rotary position embedding (Su et al. 2021): the angle of pair i at position p is p * base^(-2i / headSize).
#pragma once

#include <vector>

#include "inference/model/model_config.h"

namespace edgechat::inference {

/// [headSize / 2] angles per position, in fp32 as transformers keeps them.
std::vector<float> ropeInverseFrequencies(const ModelConfig& config);

}  // namespace edgechat::inference
