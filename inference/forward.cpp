#include "inference/forward.h"

namespace edgechat::inference {

void forward(Backend& backend, const ModelConfig& config, std::span<const int> tokens, int start,
             int logitCount, float* logits) {
    if (tokens.size() == 1 && logitCount == 1 && backend.step(tokens.front(), start, logits)) return;
    backend.embed(tokens, start);
    forwardLayers(backend, config);
    if (logitCount > 0) backend.head(logitCount, logits);
}

void forwardLayers(Backend& backend, const ModelConfig& config) {
    for (int layer = 0; layer < config.layers; ++layer) {
        backend.norm(layer, NormRole::attention);
        backend.queryKeyValue(layer);
        backend.attend(layer);
        // With a parallel residual the MLP reads the x that attention read, so attention is added after it.
        if (!config.parallelResidual) backend.project(layer);
        backend.norm(layer, NormRole::mlp);
        backend.mlpUp(layer);
        if (config.parallelResidual) backend.project(layer);
        backend.mlpDown(layer);
    }
}

}  // namespace edgechat::inference
