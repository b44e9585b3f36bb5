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

/// The context that a model is loaded with when nobody names one: at most 4096 tokens and what it was trained
/// for.
int defaultContext(const ModelConfig& config);

/// A context below `wanted` whose plan takes at most `available` bytes, by halving; 0 if not even 256 tokens
/// fit.
int fittingContext(const Checkpoint& checkpoint, int wanted, KvKind kv, uint64_t available);

/// The largest context, in whole runs of kKeyRun or as long as the model was trained for, whose plan takes at
/// most `available` bytes; 0 if not even 256 tokens (or those of a model trained for less) fit. Takes
/// microseconds for a model of 32 layers.
int largestContext(const Checkpoint& checkpoint, KvKind kv, uint64_t available);

/// Bytes that the machine can give to a new program now (MemAvailable of /proc/meminfo).
uint64_t availableMemory();

}  // namespace edgechat::inference
