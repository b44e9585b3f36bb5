// Attention over the cache in blocks of 64 keys with a running softmax (Milakov and Gimelshein 2018; Dao et
// al. 2022). Every row of queries is computed alone and its keys are taken in the same blocks and segments
// however many tokens are computed at once, so a result does not depend on how a prompt was cut into chunks.
#pragma once

#include "inference/cpu/elementwise_kernels.h"
#include "inference/cpu/kernels.h"

namespace edgechat::inference::cpu {
namespace {

template <class Simd>
float exponentialOf(float x) {
    float lanes[Simd::kLanes];
    Simd::store(lanes, exponential<Simd>(Simd::set1(x)));
    return lanes[0];
}

/// out[kRows][columns] = or += sum over k < depth of a[row][k] * b[k][columns]; columns a multiple of kLanes.
template <class Simd, int kRows, int kVectors>
void multiplyRows(const float* const* a, const float* b, int depth, int columns, int stride,
                  float* const* out, bool accumulate) {
    using F = typename Simd::F;
    int column = 0;
    for (; column + kVectors * Simd::kLanes <= columns; column += kVectors * Simd::kLanes) {
        F total[kRows][kVectors];
        for (int r = 0; r < kRows; ++r) {
            for (int v = 0; v < kVectors; ++v) {
                total[r][v] = accumulate ? Simd::load(out[r] + column + v * Simd::kLanes) : Simd::zero();
            }
        }
        for (int k = 0; k < depth; ++k) {
            F row[kVectors];
            for (int v = 0; v < kVectors; ++v) {
                row[v] = Simd::load(b + static_cast<size_t>(k) * stride + column + v * Simd::kLanes);
            }
#pragma GCC unroll 4
            for (int r = 0; r < kRows; ++r) {
                const F factor = Simd::set1(a[r][k]);
#pragma GCC unroll 4
                for (int v = 0; v < kVectors; ++v) total[r][v] = Simd::fma(factor, row[v], total[r][v]);
            }
        }
        for (int r = 0; r < kRows; ++r) {
            for (int v = 0; v < kVectors; ++v) Simd::store(out[r] + column + v * Simd::kLanes, total[r][v]);
        }
    }
    if constexpr (kVectors > 1) {
        if (column < columns) {
            float* rest[kRows];
            for (int r = 0; r < kRows; ++r) rest[r] = out[r] + column;
            multiplyRows<Simd, kRows, 1>(a, b + column, depth, columns - column, stride, rest, accumulate);
        }
    }
}

template <class Simd>
void mergeAttention(const AttentionState& segment, const AttentionState& total, int rows, int headSize) {
    const int padded = paddedHead(headSize);
    for (int row = 0; row < rows; ++row) {
        const float maximum =
            segment.maxima[row] > total.maxima[row] ? segment.maxima[row] : total.maxima[row];
        const float old = exponentialOf<Simd>(total.maxima[row] - maximum);
        const float added = exponentialOf<Simd>(segment.maxima[row] - maximum);
        float* out = total.outputs + static_cast<size_t>(row) * padded;
        const float* in = segment.outputs + static_cast<size_t>(row) * padded;
        for (int d = 0; d < padded; d += Simd::kLanes) {
            Simd::store(out + d, Simd::fma(Simd::load(in + d), Simd::set1(added),
                                           Simd::mul(Simd::load(out + d), Simd::set1(old))));
        }
        total.sums[row] = total.sums[row] * old + segment.sums[row] * added;
        total.maxima[row] = maximum;
    }
}

template <class Simd>
struct AttentionBlock {
    const AttentionTask& task;
    int padded = paddedHead(task.headSize);
    int rows = task.tokens * task.group;
    float* keys = task.scratch;                                    // [headSize][kAttentionBlock]
    float* values = keys + kAttentionBlock * task.headSize;        // [kAttentionBlock][padded]
    float* scores = values + kAttentionBlock * padded;             // [4][kAttentionBlock]
    float* outputs = scores + 4 * kAttentionBlock;                 // [rows][padded] of the running segment
    float* maxima = outputs + static_cast<size_t>(rows) * padded;  // [rows]
    float* sums = maxima + rows;                                   // [rows]

    /// Expands keys and values of [first, first + kAttentionBlock) to fp32; `count` of them exist.
    void load(int first, int count) {
        const KvView& kv = task.kv;
        const bool int8 = kv.keyScales != nullptr;
        const size_t head = static_cast<size_t>(task.kvHead) * kv.capacity + first % kv.capacity;
        for (int token = 0; token < count; token += kKeyBlock) {
            const size_t offset = (head + token) * task.headSize;
            for (int part = 0; part < kKeyBlock; part += Simd::kLanes) {
                float* out = keys + token + part;
                if (int8) {
                    const auto* in = static_cast<const int8_t*>(kv.keys) + offset + part;
                    const typename Simd::F scale = Simd::loadHalf(kv.keyScales + head + token + part);
                    for (int d = 0; d < task.headSize; ++d) {
                        Simd::store(out + d * kAttentionBlock,
                                    Simd::mul(scale, Simd::loadInt8(in + d * kKeyBlock)));
                    }
                } else {
                    const auto* in = static_cast<const uint16_t*>(kv.keys) + offset + part;
                    for (int d = 0; d < task.headSize; ++d) {
                        Simd::store(out + d * kAttentionBlock, Simd::loadHalf(in + d * kKeyBlock));
                    }
                }
            }
        }
        for (int token = 0; token < count; ++token) {
            const size_t offset = (head + token) * padded;
            float* out = values + static_cast<size_t>(token) * padded;
            if (int8) {
                float scale[Simd::kLanes];
                uint16_t halves[Simd::kLanes] = {kv.valueScales[head + token]};
                Simd::store(scale, Simd::loadHalf(halves));
                for (int d = 0; d < padded; d += Simd::kLanes) {
                    Simd::store(out + d, Simd::mul(Simd::set1(scale[0]),
                                                   Simd::loadInt8(static_cast<const int8_t*>(kv.values) +
                                                                  offset + d)));
                }
            } else {
                for (int d = 0; d < padded; d += Simd::kLanes) {
                    Simd::store(out + d,
                                Simd::loadHalf(static_cast<const uint16_t*>(kv.values) + offset + d));
                }
            }
        }
    }

    /// Scores and weighs one block for kRows rows from `firstRow`.
    template <int kRows>
    void attendRows(int firstRow, int first, int count) {
        const float* queries[kRows];
        float* rowScores[kRows];
        float* rowOutputs[kRows];
        for (int r = 0; r < kRows; ++r) {
            const int row = firstRow + r;
            queries[r] = task.queries + static_cast<size_t>(row / task.group) * task.queryStride +
                         static_cast<size_t>(row % task.group) * task.headSize;
            rowScores[r] = scores + r * kAttentionBlock;
            rowOutputs[r] = outputs + static_cast<size_t>(row) * padded;
        }
        multiplyRows<Simd, kRows, Simd::kAttentionVectors>(queries, keys, task.headSize, kAttentionBlock,
                                                           kAttentionBlock, rowScores, false);
        for (int r = 0; r < kRows; ++r) {
            const int row = firstRow + r;
            const int position = task.firstPosition + row / task.group;
            if (task.biases != nullptr) addBiases(rowScores[r], row % task.group, first);
            if (task.window > 0) hideBefore(rowScores[r], position - task.window + 1 - first);
            soften(rowScores[r], position + 1 - first, maxima[row], sums[row], rowOutputs[r]);
        }
        const float* weights[kRows];
        for (int r = 0; r < kRows; ++r) weights[r] = rowScores[r];
        multiplyRows<Simd, kRows, Simd::kAttentionVectors>(weights, values, count, padded, padded, rowOutputs,
                                                           true);
    }

    void addBiases(float* row, int head, int first) const {
        const float* biases = task.biases + static_cast<size_t>(head) * task.biasStride + first;
        for (int i = 0; i < kAttentionBlock; i += Simd::kLanes) {
            Simd::store(row + i, Simd::add(Simd::load(row + i), Simd::load(biases + i)));
        }
    }

    /// Keys that the window has left behind. Where it hides a row's first blocks altogether, what they add
    /// has the weight exp(kNoMaximum - maximum) = 0 as soon as a key is seen.
    static void hideBefore(float* row, int hidden) {
        for (int i = 0; i < kAttentionBlock && i < hidden; i += Simd::kLanes) {
            Simd::store(row + i, Simd::replaceBefore(Simd::load(row + i), hidden - i, kNoMaximum));
        }
    }

    /// scores -> exp(scores - maximum), the maximum, sum and output rescaled where the maximum grew.
    void soften(float* row, int visible, float& maximum, float& sum, float* output) {
        using F = typename Simd::F;
        F best = Simd::set1(maximum);
        for (int i = 0; i < kAttentionBlock; i += Simd::kLanes) {
            const F x = Simd::replaceFrom(Simd::load(row + i), visible - i, kNoMaximum);
            Simd::store(row + i, x);
            best = Simd::max(best, x);
        }
        const float grown = Simd::maximum(best);
        F total = Simd::zero();
        for (int i = 0; i < kAttentionBlock; i += Simd::kLanes) {
            const F p = exponential<Simd>(Simd::sub(Simd::load(row + i), Simd::set1(grown)));
            Simd::store(row + i, p);
            total = Simd::add(total, p);
        }
        if (grown > maximum) {
            const float factor = exponentialOf<Simd>(maximum - grown);
            sum *= factor;
            scaleBy<Simd>(output, factor, padded);
            maximum = grown;
        }
        sum += Simd::sum(total);
    }

    void run() {
        const int end = task.firstPosition + task.tokens;  // after the last key that the last token sees
        const int start =
            task.window > 0 ? task.firstPosition - task.window + 1 : 0;  // the first token's first
        for (int segment = task.firstSegment; segment < task.firstSegment + task.segments; ++segment) {
            for (int row = 0; row < rows; ++row) maxima[row] = kNoMaximum, sums[row] = 0;
            for (int i = 0; i < rows * padded; ++i) outputs[i] = 0;
            const int segmentEnd = (segment + 1) * kAttentionSegment;
            for (int first = segment * kAttentionSegment; first < segmentEnd && first < end;
                 first += kAttentionBlock) {
                if (first + kAttentionBlock <= start) continue;
                const int count = end - first < kAttentionBlock ? end - first : kAttentionBlock;
                load(first, count);
                int row = 0;
                for (; row + 4 <= rows; row += 4) attendRows<4>(row, first, count);
                switch (rows - row) {
                    case 3:
                        attendRows<3>(row, first, count);
                        break;
                    case 2:
                        attendRows<2>(row, first, count);
                        break;
                    case 1:
                        attendRows<1>(row, first, count);
                        break;
                }
            }
            mergeAttention<Simd>({maxima, sums, outputs}, task.state, rows, task.headSize);
        }
    }
};

template <class Simd>
void attend(const AttentionTask& task) {
    AttentionBlock<Simd>{task}.run();
}

/// Symmetric int8 with one fp16 scale; the quants are taken against the rounded scale.
template <class Simd>
float int8Scale(const float* x, int count, uint16_t* scale) {
    float largest = 0;
    for (int i = 0; i < count; ++i)
        largest = __builtin_fabsf(x[i]) > largest ? __builtin_fabsf(x[i]) : largest;
    uint16_t halves[Simd::kLanes];
    float rounded[Simd::kLanes];
    Simd::storeHalf(halves, Simd::set1(largest / 127.0f));
    Simd::store(rounded, Simd::loadHalf(halves));
    *scale = halves[0];
    return rounded[0] > 0 ? 1.0f / rounded[0] : 0;
}

template <class Simd>
void storeKv(const float* key, const float* value, int headSize, const KvSlot& slot) {
    using F = typename Simd::F;
    float padded[kMaxHeadSize + 16];
    alignas(64) int8_t bytes[kMaxHeadSize + 16];
    alignas(64) uint16_t halves[kMaxHeadSize + 16];
    const auto convert = [&](const float* x, uint16_t* scale) {
        for (int d = 0; d < paddedHead(headSize); ++d) padded[d] = d < headSize ? x[d] : 0;
        const F inverse = Simd::set1(scale != nullptr ? int8Scale<Simd>(x, headSize, scale) : 1.0f);
        for (int d = 0; d < paddedHead(headSize); d += Simd::kLanes) {
            const F lanes = Simd::load(padded + d);
            if (scale == nullptr) {
                Simd::storeHalf(halves + d, lanes);
            } else {
                const F quants = Simd::round(Simd::mul(lanes, inverse));
                Simd::storeInt8(bytes + d, Simd::max(Simd::min(quants, Simd::set1(127)), Simd::set1(-127)));
            }
        }
    };
    convert(key, slot.keyScale);
    for (int d = 0; d < headSize; ++d) {
        if (slot.keyScale != nullptr) {
            static_cast<int8_t*>(slot.keys)[d * kKeyBlock] = bytes[d];
        } else {
            static_cast<uint16_t*>(slot.keys)[d * kKeyBlock] = halves[d];
        }
    }
    convert(value, slot.valueScale);
    const size_t count = static_cast<size_t>(paddedHead(headSize));
    if (slot.valueScale != nullptr) {
        __builtin_memcpy(slot.values, bytes, count);
    } else {
        __builtin_memcpy(slot.values, halves, 2 * count);
    }
}

}  // namespace
}  // namespace edgechat::inference::cpu
