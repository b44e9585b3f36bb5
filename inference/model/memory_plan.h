// How many bytes a model will take, computed before anything is loaded.
#pragma once

#include <cstdint>

#include "inference/model/checkpoint.h"

namespace edgechat::inference {

enum class KvKind { fp16, int8 };

constexpr int kBatchTokens = 128;  ///< most tokens that go through the layers together
constexpr int kKeyRun = 64;        ///< the cache's positions come in whole runs of this many

/// Positions whose keys and values are kept for a context of `context` tokens, in whole runs of kKeyRun: all,
/// or with a sliding window as many as the tokens of a batch and the window before them.
int keptPositions(const ModelConfig& config, int context);

/// Bytes of each part of a loaded model at one context length.
struct MemoryPlan {
    int context = 0;
    uint64_t weights = 0;
    uint64_t kv = 0;
    uint64_t scratch = 0;
    uint64_t total() const { return weights + kv + scratch; }
};

/// The plan of the CPU backend for a context of `context` tokens.
MemoryPlan planMemory(const Checkpoint& checkpoint, int context, KvKind kv);
/// The same without the weights.
MemoryPlan planContext(const Checkpoint& checkpoint, int context, KvKind kv);

/// The context that a model is loaded with when nobody names one: at most 4096 tokens and what it was trained
/// for.
int defaultContext(const ModelConfig& config);

/// Bytes that the machine can give to a new program now (MemAvailable of /proc/meminfo).
uint64_t availableMemory();

}  // namespace edgechat::inference
