// Attention of T new tokens over the cache. C++17, for nvcc.
#pragma once

#include <cstdint>

#include "inference/cuda/kv_view.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

/// Plain data. The keys and values of the new tokens are in the cache already.
struct AttentionArguments {
    const uint16_t* queries = nullptr;  ///< fp16 [T][heads][paddedHeadSize], times log2(e) / sqrt(headSize)
    uint16_t* out = nullptr;            ///< fp16 [T][outStride]: heads * headSize elements, not padded
    int outStride = 0;
    KvView cache;
    int headSize = 0, heads = 0, kvHeads = 0;
    int tokens = 0;
    const int* start = nullptr;  ///< position of the first token, on the device
    int window = 0;              ///< a token sees itself and the window - 1 before it; 0: all
    const float* biases =
        nullptr;         ///< ALiBi: [heads][biasStride], added to the score of a key at a position,
    int biasStride = 0;  ///< times log2(e) / sqrt(headSize) already
    /// Most positions that *start + tokens can be while this launch (or its recording) is used: it decides
    /// into how many pieces the keys are split.
    int mostPositions = 0;
    float* partial = nullptr;     ///< partialFloats() of working memory
    uint32_t* tickets = nullptr;  ///< ticketCount(), zeros between launches
};

/// Working memory for launches of at most `tokens` tokens on a device of `multiprocessors`.
uint64_t partialFloats(int headSize, int heads, int kvHeads, int tokens, int multiprocessors);
uint64_t ticketCount(int headSize, int heads, int kvHeads, int tokens, int multiprocessors);

/// out = softmax2(q k + biases) v, where softmax2 is the softmax of powers of two.
void launchAttention(Runtime& runtime, const AttentionArguments& arguments);

}  // namespace edgechat::inference::cuda
