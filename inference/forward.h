// The one forward path: every family runs through it on every backend, driven by ModelConfig.
#pragma once

#include <span>

#include "inference/backend.h"

namespace edgechat::inference {

/// Computes `tokens` at positions start, start + 1, ... into the backend's cache and writes the logits of the
/// last `logitCount` of them, [logitCount, vocab]. tokens.size() <= backend.maxBatch(). Null logits as in
/// Backend::head().
void forward(Backend& backend, const ModelConfig& config, std::span<const int> tokens, int start,
             int logitCount, float* logits);

/// The part of it between embedding and head.
void forwardLayers(Backend& backend, const ModelConfig& config);

}  // namespace edgechat::inference
