#include "inference/forward.h"

namespace edgechat::inference {

void forward(Backend& backend, const ModelConfig& config, std::span<const int> tokens, int start,
             int logitCount, float* logits) {
    backend.embed(tokens, start);
    for (int layer = 0; layer < config.layers; ++layer) {
        backend.norm(layer, NormRole::attention);
        backend.queryKeyValue(layer);
        backend.attend(layer);
        backend.project(layer);
        backend.norm(layer, NormRole::mlp);
        backend.mlpUp(layer);
        backend.mlpDown(layer);
    }
    if (logitCount > 0) backend.head(logitCount, logits);
}

}  // namespace edgechat::inference
