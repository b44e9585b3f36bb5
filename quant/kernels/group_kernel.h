// The kernels of kernels.h in terms of the compiler's vectors, as wide as the translation unit's machine has
// them (EDGECHAT_VECTOR_BYTES): GCC takes wider ones apart through memory.
#pragma once

#include <cstring>
#include <initializer_list>

#include "quant/kernels/kernels.h"

#ifndef EDGECHAT_VECTOR_BYTES
#define EDGECHAT_VECTOR_BYTES 16
#endif

namespace edgechat::quant {
namespace {

constexpr int kLanes = EDGECHAT_VECTOR_BYTES / 4;
static_assert(kLanes <= kMostLanes);
typedef float F __attribute__((vector_size(EDGECHAT_VECTOR_BYTES)));
typedef int32_t I __attribute__((vector_size(EDGECHAT_VECTOR_BYTES)));

F load(const float* p) {
    F x;
    std::memcpy(&x, p, sizeof x);
    return x;
}
void store(float* p, F x) {
    std::memcpy(p, &x, sizeof x);
}
F all(float x) {
    return F{} + x;
}
F smaller(F a, F b) {
    return a < b ? a : b;
}
F larger(F a, F b) {
    return a > b ? a : b;
}
/// To the nearest whole number, ties to even, for |x| < 2^22.
F roundWhole(F x) {
    const F magic = all(12582912.0f);
    return (x + magic) - magic;
}
F clampCode(F x) {
    return larger(smaller(x, all(15.0f)), all(0.0f));
}

/// To the nearest number of fp16, which is never zero here. x > 0.
F roundToHalf(F x) {
    I bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0xfff + ((bits >> 13) & 1)) & ~0x1fff;
    F normal;
    std::memcpy(&normal, &bits, sizeof normal);
    const F subnormal = (x + 0.75f) - 0.75f;  // their spacing, 2^-24, is that of floats next to 0.75
    const F half = x < all(6.103515625e-5f) ? subnormal : normal;
    return smaller(larger(half, all(5.9604645e-8f)), all(65504.0f));
}

/// A grid of levels scale * (code - zero) for each row.
struct Grid {
    F scale, zero;
};

/// The levels that cover low..high, which contain zero.
Grid gridOf(F low, F high) {
    const F scale = roundToHalf(larger((high - low) * (1.0f / 15.0f), all(6.0e-8f)));
    return {scale, clampCode(roundWhole(-low / scale))};
}

struct Trial {
    F loss;       // with the trial's own scale
    F refitLoss;  // with refitScale
    F refitScale;
};

/// Of one group: a[k], and what a trial needs to leave behind.
struct Work {
    F a[kLargestGroup];
    F c[kLargestGroup];  // code - zero of the trial that ran last
};

/// sum_{i<k} x[i] m[i, k]
inline F dotColumn(const float* m, const F* x, int k) {
    F s0{}, s1{}, s2{}, s3{};
    int i = 0;
    for (; i + 4 <= k; i += 4) {
        s0 += x[i] * m[i];
        s1 += x[i + 1] * m[i + 1];
        s2 += x[i + 2] * m[i + 2];
        s3 += x[i + 3] * m[i + 3];
    }
    for (; i < k; ++i) s0 += x[i] * m[i];
    return (s0 + s1) + (s2 + s3);
}

template <bool kCompensated, bool kMetric>
Trial tryGrid(const GroupTask& task, const Grid& grid, Work& work) {
    const F inverse = 1.0f / grid.scale;
    F loss{}, ab{}, bb{}, aa{};
    for (int k = 0; k < task.groupSize; ++k) {
        F before{};
        if constexpr (kMetric) before = dotColumn(task.mTransposed + k * task.groupSize, work.c, k);
        F wanted;
        if constexpr (kCompensated) {
            wanted = work.a[k] - grid.scale * before;
        } else {
            wanted = load(task.weights + k * kLanes);
        }
        const F c = clampCode(roundWhole(wanted * inverse + grid.zero)) - grid.zero;
        work.c[k] = c;
        const F b = c + before;
        const F error = work.a[k] - grid.scale * b;
        const float d = task.d[k];
        loss += error * error * d;
        aa += work.a[k] * work.a[k] * d;
        ab += work.a[k] * b * d;
        bb += b * b * d;
    }
    Trial trial;
    trial.loss = loss;
    const F fit = ab / larger(bb, all(1e-30f));
    trial.refitScale = roundToHalf(larger(fit, all(6.0e-8f)));
    // aa - 2 s ab + s^2 bb, which loses digits when it is small beside aa.
    const F refit = aa - trial.refitScale * (2.0f * ab - trial.refitScale * bb);
    trial.refitLoss = larger(refit, all(0.0f));
    return trial;
}

/// The best grid of each row so far: codes are chosen with `grid`, values are `finalScale` times them.
struct Best {
    F loss = all(3e38f);
    Grid grid{};
    F finalScale{};
    I present{};  // all bits of a lane set: what was there is still the best
};

template <bool kCompensated, bool kMetric>
void consider(const GroupTask& task, const Grid& grid, Work& work, Best& best) {
    const Trial trial = tryGrid<kCompensated, kMetric>(task, grid, work);
    const bool refit = task.refit;
    const F loss = refit ? smaller(trial.loss, trial.refitLoss) : trial.loss;
    const F scale = refit ? (trial.refitLoss < trial.loss ? trial.refitScale : grid.scale) : grid.scale;
    const I better = loss < best.loss;
    best.loss = better ? loss : best.loss;
    best.grid.scale = better ? grid.scale : best.grid.scale;
    best.grid.zero = better ? grid.zero : best.grid.zero;
    best.finalScale = better ? scale : best.finalScale;
    best.present = better ? I{} : best.present;
}

/// code - zero of what is present.
F presentCode(const GroupResult& present, int k) {
    F code{};
    for (int lane = 0; lane < kLanes; ++lane) code[lane] = present.codes[k * kLanes + lane];
    return code - load(present.zero);
}

/// Of work.c.
template <bool kMetric>
F lossOf(const GroupTask& task, const Work& work, F scale) {
    F loss{};
    for (int k = 0; k < task.groupSize; ++k) {
        F before{};
        if constexpr (kMetric) before = dotColumn(task.mTransposed + k * task.groupSize, work.c, k);
        const F error = work.a[k] - scale * (work.c[k] + before);
        loss += error * error * task.d[k];
    }
    return loss;
}

template <bool kMetric>
void beginWithPresent(const GroupTask& task, Work& work, Best& best) {
    const F scale = load(task.present->scale);
    for (int k = 0; k < task.groupSize; ++k) work.c[k] = presentCode(*task.present, k);
    best.loss = lossOf<kMetric>(task, work, scale);
    best.grid = {scale, load(task.present->zero)};
    best.finalScale = scale;
    best.present = ~I{};
}

template <bool kCompensated, bool kMetric>
void quantizeGroupAs(const GroupTask& task, GroupResult& result) {
    Work work;
    F weights[kLargestGroup];
    F low{}, high{};
    for (int k = 0; k < task.groupSize; ++k) {
        const F w = load(task.weights + k * kLanes);
        weights[k] = w;
        F a = w;
        if (task.feedback != nullptr) a += load(task.feedback + k * kLanes);
        low = smaller(low, a);
        high = larger(high, a);
        if constexpr (kMetric) a += dotColumn(task.mTransposed + k * task.groupSize, weights, k);
        work.a[k] = a;
    }
    Best best;
    const Grid widest = gridOf(low, high);
    // A loss that overflows is no better than any other; there is a grid all the same.
    best.grid = widest;
    best.finalScale = widest.scale;
    if (task.present != nullptr) beginWithPresent<kMetric>(task, work, best);
    const F presentLoss = best.loss;
    consider<kCompensated, kMetric>(task, widest, work, best);
    if (task.searchRange) {
        static constexpr float kBoth[] = {0.95f, 0.90f, 0.85f, 0.80f, 0.75f, 0.70f};
        // Where each row's best range is, as shares of low and high.
        F shareLow = all(1.0f), shareHigh = all(1.0f);
        const auto attempt = [&](F tryLow, F tryHigh) {
            const F before = best.loss;
            consider<kCompensated, kMetric>(task, gridOf(low * tryLow, high * tryHigh), work, best);
            const I better = best.loss < before;
            shareLow = better ? tryLow : shareLow;
            shareHigh = better ? tryHigh : shareHigh;
        };
        for (int i = 0; i < (task.effort > 0 ? 6 : 4); ++i) attempt(all(kBoth[i]), all(kBoth[i]));
        if (task.effort > 0) {
            const F low0 = shareLow, high0 = shareHigh;
            for (const float step : {-0.08f, -0.04f, 0.04f, 0.08f}) attempt(low0 + step, high0);
            const F low1 = shareLow;
            for (const float step : {-0.08f, -0.04f, 0.04f, 0.08f}) attempt(low1, high0 + step);
        }
    }
    if (task.refit) {
        for (int round = 0; round < (task.effort > 0 ? 2 : 1); ++round) {
            const Grid around{best.finalScale, best.grid.zero};
            consider<kCompensated, kMetric>(task, around, work, best);
            if (task.effort > 0) {
                consider<kCompensated, kMetric>(task, {around.scale, clampCode(around.zero - 1.0f)}, work,
                                                best);
                consider<kCompensated, kMetric>(task, {around.scale, clampCode(around.zero + 1.0f)}, work,
                                                best);
            }
        }
    }
    tryGrid<kCompensated, kMetric>(task, best.grid, work);
    for (int k = 0; k < task.groupSize; ++k) {
        if (task.present != nullptr) work.c[k] = best.present ? presentCode(*task.present, k) : work.c[k];
        const F c = work.c[k];
        store(result.values + k * kLanes, c * best.finalScale);
        const F code = c + best.grid.zero;
        for (int lane = 0; lane < kLanes; ++lane)
            result.codes[k * kLanes + lane] = static_cast<uint8_t>(code[lane]);
    }
    const F loss = lossOf<kMetric>(task, work, best.finalScale);
    store(result.scale, best.finalScale);
    store(result.zero, best.grid.zero);
    store(result.loss, loss);
    store(result.gain, task.present != nullptr ? presentLoss - loss : F{});
}

void quantizeGroup(const GroupTask& task, GroupResult& result) {
    const bool metric = task.mTransposed != nullptr;
    if (task.rounding == Rounding::compensated && metric) return quantizeGroupAs<true, true>(task, result);
    return metric ? quantizeGroupAs<false, true>(task, result) : quantizeGroupAs<false, false>(task, result);
}

void multiplyPanel(const float* a, int64_t aStride, int rows, const float* b, int64_t k, float* out,
                   int64_t outStride) {
    F sums[kPanelRows] = {};
    const float* row[kPanelRows];
    for (int r = 0; r < kPanelRows; ++r) row[r] = a + (r < rows ? r : 0) * aStride;
    for (int64_t i = 0; i < k; ++i) {
        const F right = load(b + i * kLanes);
        for (int r = 0; r < kPanelRows; ++r) sums[r] += right * row[r][i];
    }
    for (int r = 0; r < rows; ++r) store(out + r * outStride, sums[r]);
}

constexpr QuantizerKernels tableOf(const char* name) {
    return {name, kLanes, quantizeGroup, multiplyPanel};
}

}  // namespace
}  // namespace edgechat::quant
