#include "inference/model/memory_plan.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "inference/model/packing.h"

namespace edgechat::inference {

namespace {

constexpr int kDefaultContext = 4096;
constexpr uint64_t kLogitRows = 4;  // logits kept at once: scores, sampling copies
constexpr uint64_t kThreads = 8;    // whose scratch is counted

uint64_t roundUp(uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

uint64_t weightBytes(const ModelTensors& tensors) {
    uint64_t bytes = 0;
    forEachTensor(tensors, [&bytes](const TensorInfo& tensor) { bytes += keptBytes(tensor); });
    return bytes;
}

uint64_t kvBytes(const ModelConfig& config, uint64_t positions, KvKind kind) {
    // A key of headSize elements and a value of whole vectors; int8 has one fp16 scale for each.
    const auto elements = static_cast<uint64_t>(config.headSize + paddedHead(config.headSize));
    const uint64_t perHead = kind == KvKind::fp16 ? elements * 2 : elements + 2 * 2;
    return static_cast<uint64_t>(config.layers) * static_cast<uint64_t>(config.kvHeads) * positions * perHead;
}

// Whether a matrix is multiplied by activations of 8 bits (W8A8).
bool hasInt8(const ModelTensors& tensors) {
    bool found = false;
    forEachTensor(tensors, [&found](const TensorInfo& tensor) {
        found = found || (tensor.rows > 1 && keptType(tensor) == TensorType::int8);
    });
    return found;
}

uint64_t scratchBytes(const ModelConfig& config, bool int8, uint64_t context) {
    const auto width = [](int elements) { return static_cast<uint64_t>(elements); };
    // The input of a matrix is kept in fp32 and as two int8, with a scale and a sum for each group; for int8
    // weights once more as int8, with a scale and a sum for the row.
    const auto operand = [&](int elements) {
        const uint64_t row = int8 ? static_cast<uint64_t>(paddedColumns(elements)) + 8 : 0;
        return width(elements) * 6 + width(elements) / kGroup * 8 + row;
    };
    const uint64_t perToken = 2 * operand(config.hidden) + operand(config.queryWidth()) +
                              operand(config.ffn) +
                              sizeof(float) * (width(config.hidden) + width(config.queryWidth()) +
                                               2 * width(config.kvWidth()) + width(config.headSize));
    // Attention's running outputs: of a whole batch, or of one token's heads (32 rows at least) for each head
    // of keys and 256 of them.
    const uint64_t head = width(paddedHead(config.headSize)) + 2;
    const uint64_t states =
        head * std::max(width(kBatchTokens) * width(config.heads),
                        std::max(32 * width(config.kvHeads), width(config.heads)) * (context / 256 + 1));
    const uint64_t perThread = 64 * 2 * head + 128 * head;
    const uint64_t biases =
        config.positions == PositionKind::alibi ? width(config.heads) * roundUp(context, kKeyRun) : 0;
    return width(kBatchTokens) * perToken +
           sizeof(float) * (states + kThreads * perThread + biases + kLogitRows * width(config.vocab));
}

}  // namespace

int keptPositions(const ModelConfig& config, int context) {
    const auto runs = [](int positions) { return (positions + kKeyRun - 1) / kKeyRun * kKeyRun; };
    if (config.slidingWindow <= 0 || config.slidingWindow >= context) return runs(context);
    return std::min(runs(config.slidingWindow - 1 + kBatchTokens), runs(context));
}

MemoryPlan planContext(const Checkpoint& checkpoint, int context, KvKind kv) {
    const ModelConfig& config = checkpoint.config();
    const auto tokens = static_cast<uint64_t>(context < 0 ? 0 : context);
    MemoryPlan plan;
    plan.context = context;
    plan.kv = kvBytes(config, static_cast<uint64_t>(keptPositions(config, context < 0 ? 0 : context)), kv);
    plan.scratch = scratchBytes(config, hasInt8(checkpoint.tensors()), tokens);
    return plan;
}

MemoryPlan planMemory(const Checkpoint& checkpoint, int context, KvKind kv) {
    MemoryPlan plan = planContext(checkpoint, context, kv);
    plan.weights = weightBytes(checkpoint.tensors());
    return plan;
}

int defaultContext(const ModelConfig& config) {
    return std::min(kDefaultContext, config.context);
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
