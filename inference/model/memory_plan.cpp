#include "inference/model/memory_plan.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace edgechat::inference {

namespace {

constexpr int kDefaultContext = 4096;
constexpr int kLeastContext = 256;      // worth offering
constexpr uint64_t kBatchTokens = 128;  // prefill goes through the layers in batches of this many
constexpr uint64_t kLogitRows = 4;      // logits kept at once: scores, sampling copies

// Packing keeps ggml's groups of 32: 4-bit 0.5 byte a weight and an fp16 scale (Q4_1: and an fp16 offset),
// 8-bit one byte and an fp16 scale; float matrices keep their width. That is what the file itself takes.
uint64_t matrixBytes(const TensorInfo& matrix) {
    return static_cast<uint64_t>(matrix.rows) * matrix.rowBytes();
}

uint64_t normBytes(const TensorInfo& norm) {
    return static_cast<uint64_t>(norm.columns) * sizeof(float);
}

uint64_t weightBytes(const ModelTensors& tensors) {
    uint64_t bytes = 0;
    forEachTensor(tensors, [&bytes](const TensorInfo& tensor) {
        bytes += tensor.rows == 1 ? normBytes(tensor) : matrixBytes(tensor);
    });
    return bytes;
}

uint64_t kvBytes(const ModelConfig& config, uint64_t context, KvKind kind) {
    const auto width = static_cast<uint64_t>(config.kvWidth());
    // int8 has one fp16 scale for each head and token.
    const uint64_t perToken =
        kind == KvKind::fp16 ? width * 2 : width + static_cast<uint64_t>(config.kvHeads) * 2;
    return 2 * static_cast<uint64_t>(config.layers) * context * perToken;
}

uint64_t scratchBytes(const ModelConfig& config, uint64_t context) {
    const auto width = [](int elements) { return static_cast<uint64_t>(elements); };
    const uint64_t perToken = width(config.hidden) * 3 + width(config.queryWidth()) * 2 +
                              width(config.kvWidth()) * 2 + width(config.ffn) * 2;
    const uint64_t attentionScores = width(config.heads) * context;
    return sizeof(float) * (kBatchTokens * perToken + attentionScores + kLogitRows * width(config.vocab));
}

}  // namespace

MemoryPlan planMemory(const Checkpoint& checkpoint, int context, KvKind kv) {
    const ModelConfig& config = checkpoint.config();
    const auto tokens = static_cast<uint64_t>(context < 0 ? 0 : context);
    MemoryPlan plan;
    plan.context = context;
    plan.weights = weightBytes(checkpoint.tensors());
    plan.kv = kvBytes(config, tokens, kv);
    plan.scratch = scratchBytes(config, tokens);
    return plan;
}

int defaultContext(const ModelConfig& config) {
    return std::min(kDefaultContext, config.context);
}

int fittingContext(const Checkpoint& checkpoint, int wanted, KvKind kv, uint64_t available) {
    for (int context = wanted / 2; context >= kLeastContext; context /= 2) {
        if (planMemory(checkpoint, context, kv).total() <= available) return context;
    }
    return 0;
}

uint64_t availableMemory() {
    std::ifstream meminfo("/proc/meminfo");
    std::string key;
    while (meminfo >> key) {
        if (key == "MemAvailable:") {
            uint64_t kibibytes = 0;
            meminfo >> kibibytes;
            return kibibytes * 1024;
        }
        std::getline(meminfo, key);
    }
    return 0;
}

}  // namespace edgechat::inference
