// The two inner loops of quantization, compiled once for each instruction set: choosing the 4-bit codes of
// one group of inputs for several rows at once, and a piece of a dense product for machines without a BLAS.
#pragma once

#include <cstdint>

namespace edgechat::quant {

constexpr int kMostLanes = 16;  ///< rows that are quantized together, at most: see QuantizerKernels::lanes
constexpr int kPanelRows = 4;   ///< rows of the left factor in one call of multiplyPanel
constexpr int kLargestGroup = 128;

/// How the codes of a group are chosen.
enum class Rounding {
    nearest,     ///< each weight to its nearest level; the loss is measured in the whole metric
    compensated  ///< each weight after what the errors of those before it ask for (GPTQ)
};

/// One group of g inputs of as many rows as the table has lanes. The loss of a row is sum_k d[k] e[k]^2 with
/// e[k] = a[k] - scale * (c[k] + sum_{i<k} c[i] m[i, k]), c = code - zero and
/// a[k] = w[k] + feedback[k] + sum_{i<k} w[i] m[i, k]: the error in the metric M diag(d) M^T, M unit upper
/// triangular, given what earlier groups left behind (LDLQ, Chee et al. 2023; the same as GPTQ).
struct GroupTask {
    const float* weights = nullptr;   ///< [g][lanes]
    const float* feedback = nullptr;  ///< [g][lanes], or null: zeros
    const float* mTransposed =
        nullptr;               ///< [g][g]: row k holds m[i, k] for i < k; or null: M is the identity
    const float* d = nullptr;  ///< [g]
    int groupSize = 0;
    Rounding rounding = Rounding::nearest;
    bool searchRange = false;  ///< else the smallest and the largest weight, and zero, are the range
    bool refit = false;        ///< replace the scale by the one with the least loss for the codes
    int effort = 0;            ///< 0: as few ranges as are worth trying, 1: all
    /// What the rows have now, which a row keeps unless something tried has less loss; or null.
    const struct GroupResult* present = nullptr;
};

struct GroupResult {
    uint8_t codes[kLargestGroup * kMostLanes];  ///< [g][lanes]
    float values[kLargestGroup * kMostLanes];   ///< [g][lanes], scale * (code - zero)
    float scale[kMostLanes];                    ///< one that fp16 holds, never zero
    float zero[kMostLanes];                     ///< 0..15
    float loss[kMostLanes];
    float gain[kMostLanes];  ///< the loss of what was present less `loss`; 0 without it
};

struct QuantizerKernels {
    const char* name;
    int lanes;
    void (*quantizeGroup)(const GroupTask& task, GroupResult& result);
    /// out[r * outStride + lane] = sum_k a[r * aStride + k] * b[k * lanes + lane] for r < rows <= kPanelRows
    void (*multiplyPanel)(const float* a, int64_t aStride, int rows, const float* b, int64_t k, float* out,
                          int64_t outStride);
};

/// The best table that this machine can run.
const QuantizerKernels& quantizerKernels();
/// All that it can run, best first; for tests.
int usableQuantizerKernels(const QuantizerKernels* out[3]);

const QuantizerKernels* avx512QuantizerKernels();
const QuantizerKernels* avx2QuantizerKernels();
const QuantizerKernels* portableQuantizerKernels();

}  // namespace edgechat::quant
