// The table of functions that one instruction set offers. Filled by one translation unit each; the backend
// picks a table once, from CPUID.
#pragma once

#include <cstdint>
#include <vector>

#include "inference/cpu/packed_matrix.h"
#include "inference/model/memory_plan.h"

namespace edgechat::inference::cpu {

constexpr int kKeyBlock = 16;             ///< tokens whose keys are interleaved in the cache
constexpr int kAttentionBlock = kKeyRun;  ///< keys scored at once
constexpr int kAttentionSegment = 256;    ///< keys with a softmax of their own; segments are merged in order
constexpr int kMaxHeadSize = 256;         ///< the kernels keep one head on the stack

/// Inputs of a matrix product for `tokens` rows of `columns`. A value is scale * (128 * high + low): 15 bits
/// in two int8 products. Against the fp32 model (starter model, 10,240 tokens of plain text) one int8 a value
/// costs a mean KL divergence of 0.0021, two cost 6e-7. Decode waits for the weights either way; prefill
/// takes 1.4 times as long. Weights of W8A8 (q8Row) were chosen for one int8 a value with one scale a token,
/// and are multiplied by just that: value = tokenScale * code.
struct Activations {
    const float* dense = nullptr;   ///< [tokens][columns]
    const int8_t* high = nullptr;   ///< [tokens][columns]
    const int8_t* low = nullptr;    ///< [tokens][columns], -64 .. 64
    const float* scales = nullptr;  ///< [tokens][columns / kGroup]
    const int32_t* sums = nullptr;  ///< [tokens][columns / kGroup] of 128 * high + low
    int columns = 0;
    int tokens = 0;
    const int8_t* codes = nullptr;       ///< [tokens][paddedColumns(columns)], the padding zeros
    const float* tokenScales = nullptr;  ///< [tokens]
    const int32_t* tokenSums = nullptr;  ///< [tokens] of the codes
};

/// Where quantize() writes one token's row; the arrays of Activations, writable.
struct QuantizedRow {
    int8_t* high;
    int8_t* low;
    float* scales;
    int32_t* sums;
};

/// The same for quantizeToken().
struct QuantizedToken {
    int8_t* codes;  ///< [paddedColumns(columns)]
    float* scale;
    int32_t* sum;
};

/// One layer's keys and values as the kernels read them, for all kv heads.
struct KvView {
    const void* keys = nullptr;    ///< [kvHeads][capacity / kKeyBlock][headSize][kKeyBlock] fp16 or int8
    const void* values = nullptr;  ///< [kvHeads][capacity][paddedHead(headSize)], the padding zero
    const uint16_t* keyScales = nullptr;    ///< int8 only: [kvHeads][capacity] fp16
    const uint16_t* valueScales = nullptr;  ///< int8 only: [kvHeads][capacity] fp16
    int capacity = 0;  ///< positions, whole attention blocks; position p lies at p % capacity
};

/// Running softmax of rows (token-major, then head of the group): maximum, sum and weighted values.
struct AttentionState {
    float* maxima = nullptr;   ///< [rows]
    float* sums = nullptr;     ///< [rows]
    float* outputs = nullptr;  ///< [rows][paddedHead(headSize)], not yet divided by the sum
};

/// Attention of some query rows of one kv head over the keys of some segments.
struct AttentionTask {
    KvView kv;
    int kvHead = 0;
    int headSize = 0;
    int group = 0;                   ///< query heads per kv head
    const float* queries = nullptr;  ///< first token's first head of the group; scaled by 1/sqrt(headSize)
    int queryStride = 0;             ///< floats from token to token
    int tokens = 0;
    int firstPosition = 0;  ///< of the first token
    int window = 0;         ///< a token sees itself and the window - 1 keys before it; 0: all before it
    int firstSegment = 0, segments = 0;
    const float* biases = nullptr;  ///< ALiBi: [group][biasStride] by position, added to the scores; or null
    int biasStride = 0;
    float* scratch = nullptr;  ///< attentionScratchFloats() of these rows
    AttentionState state;
};

/// Where one token's key and value of one kv head go; without scales they are stored in fp16.
struct KvSlot {
    void* keys = nullptr;  ///< the first of headSize elements, kKeyBlock apart
    void* values = nullptr;
    uint16_t* keyScale = nullptr;
    uint16_t* valueScale = nullptr;
};

struct Kernels {
    const char* name;  ///< "avx512vnni", "avx2", "portable"
    int tileRows;

    /// out[t * outStride + r] (+)= row (tile * tileRows + r) of the matrix times the activations of token t,
    /// for those r that the matrix has.
    void (*multiplyTile)(const PackedMatrix& matrix, int tile, const Activations& in, float* out,
                         int outStride, bool accumulate);
    void (*quantize)(const float* x, int columns, const QuantizedRow& out);
    /// Symmetric to 8 bits with one scale, max|x| / 127; halves are rounded to even.
    void (*quantizeToken)(const float* x, int columns, const QuantizedToken& out);
    void (*rmsNorm)(const float* x, const float* weight, int columns, float eps, float* out);
    /// (x - mean) / sqrt(variance + eps) * weight + bias; `bias` may be null.
    void (*layerNorm)(const float* x, const float* weight, const float* bias, int columns, float eps,
                      float* out);
    /// Turns the pairs (2i, 2i+1), or (i, i + headSize/2), of each head by the angle of position: cosines and
    /// sines [headSize / 2].
    void (*ropeAdjacent)(float* x, int heads, int headSize, const float* cosines, const float* sines);
    void (*ropeHalves)(float* x, int heads, int headSize, const float* cosines, const float* sines);
    /// gate[i] = silu(gate[i]) * up[i], or the same with gelu; `up` null: 1
    void (*siluMultiply)(float* gate, const float* up, int count);
    void (*geluMultiply)(float* gate, const float* up, int count);
    void (*scale)(float* x, float factor, int count);
    /// Processes the task's segments in order and merges them into its state, which the caller set to
    /// kNoMaximum, 0 and 0.
    void (*attend)(const AttentionTask& task);
    /// Merges a later segment's state into an earlier one's.
    void (*mergeAttention)(const AttentionState& segment, const AttentionState& total, int rows,
                           int headSize);
    void (*storeKv)(const float* key, const float* value, int headSize, const KvSlot& slot);
};

constexpr float kNoMaximum = -1e30f;

constexpr int attentionScratchFloats(int headSize, int rows) {
    return kAttentionBlock * (headSize + paddedHead(headSize))  // keys and values of a block in fp32
           + 4 * kAttentionBlock                                // scores of four rows
           + rows * (paddedHead(headSize) + 2);                 // the running segment of each row
}

/// The tables that this machine can run, best first; the last is "portable".
std::vector<const Kernels*> usableKernels();

// One per translation unit; null where the compiler does not target that machine.
const Kernels* avx512Kernels();
const Kernels* avx2Kernels();
const Kernels* portableKernels();

}  // namespace edgechat::inference::cpu
