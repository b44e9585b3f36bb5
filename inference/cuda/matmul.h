// Linear maps of 4- and 8-bit and fp16 weights with what follows them in the same kernel. C++17, for nvcc.
#pragma once

#include <cstdint>

#include "inference/cuda/kv_view.h"
#include "inference/cuda/packed_matrix.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

/// What becomes of a linear map's results.
enum class Epilogue {
    attention,  ///< queries, keys and values: RoPE, queries scaled to fp16, keys and values into the cache
    residual,   ///< x += result
    gated,      ///< act(gate) * up, in a tile's rows g and g + 8
    activated,  ///< act(result)
    plain,      ///< fp32
};

enum class ActivationKind { silu, gelu };

/// Plain data. T tokens, the first at position *start.
struct EpilogueArguments {
    Epilogue kind = Epilogue::plain;
    const float* bias = nullptr;  ///< [packed rows] or null: added first
    int rows = 0;                 ///< of the result, without padding; unused by `attention`

    /// residual, plain: fp32 [T][outStride]; gated, activated: fp16 [T][outStride]
    void* out = nullptr;
    int outStride = 0;
    ActivationKind activation = ActivationKind::silu;
    const float* divisors = nullptr;  ///< gated, activated: [rows] or null; the result is divided by them

    // attention: tiles of the query heads, then of the key heads, then of the value heads, each
    // headTiles = ceil(headSize / 16) tiles a head; the segment's first is number firstTile of them. Where
    // there are rotations, row g of tile t of a query or key head is the first and row g + 8 the second
    // element of pair i = 8 t + g: elements i and i + headSize / 2, or 2i and 2i + 1 with `adjacent`.
    // Everything else has element 16 t + row.
    int firstTile = 0;
    uint16_t* queries = nullptr;  ///< fp16 [T][heads][paddedHeadSize], times queryScale
    float queryScale = 1;
    const float* rotations = nullptr;  ///< [T][headSize / 2] of {cosine, sine}; null: no RoPE
    bool adjacent = false;
    int headSize = 0, heads = 0, kvHeads = 0;
    KvView cache;
    const int* start = nullptr;   ///< position of the first token, on the device
    float* staging = nullptr;     ///< int8 cache: fp32 [T][2 kvHeads][headTiles * 16]
    uint32_t* tickets = nullptr;  ///< int8 cache: [T][2 kvHeads], zeros between launches
};

/// One product of a sum: weights times T rows of fp16 input.
struct Term {
    PackedMatrix weights;
    const uint16_t* input = nullptr;  ///< [T][inputStride], finite, zeros from `columns` to the whole chunk
    int inputStride = 0;              ///< a multiple of 8
};

/// A run of a matrix' tiles with one epilogue; its own row 0 is the first of the run.
struct Segment {
    int tiles = 0;
    EpilogueArguments epilogue;
};

/// result[T][rows] = sum of up to two terms' products. Plain data, at most 4 KB (a kernel's arguments).
struct MatmulArguments {
    Term terms[2];
    int termCount = 1;    ///< two have the same rows, perhaps other columns; kinds and group widths the same
    Segment segments[2];  ///< cover the first term's tiles in order
    int segmentCount = 1;
    int tokens = 0;
};

constexpr int kMostGemvTokens = 8;

/// A token, or a few (1 to kMostGemvTokens): streams the weights once. A token's result does not depend on
/// how many others there are.
void launchGemv(Runtime& runtime, const MatmulArguments& arguments);

/// A prompt: any number of tokens, at least 1.
void launchGemm(Runtime& runtime, const MatmulArguments& arguments);

/// Staged keys and values of all tokens into an int8 cache, where `arguments` has one. Both launches above
/// do it themselves.
void launchStoreQuantized(Runtime& runtime, const MatmulArguments& arguments);

}  // namespace edgechat::inference::cuda
