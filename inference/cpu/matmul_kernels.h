// Matrix products over packed tiles, written once for every instruction set.
#pragma once

#include "inference/cpu/kernels.h"

namespace edgechat::inference::cpu {
namespace {

template <class Simd>
void storeTile(const PackedMatrix& matrix, int tile, typename Simd::F value, float* out, bool accumulate) {
    const int valid = matrix.rows - tile * Simd::kLanes;
    if (valid >= Simd::kLanes) {
        Simd::store(out, accumulate ? Simd::add(Simd::load(out), value) : value);
        return;
    }
    float lanes[Simd::kLanes];
    Simd::store(lanes, value);
    for (int row = 0; row < valid; ++row) out[row] = (accumulate ? out[row] : 0) + lanes[row];
}

template <class Simd, bool k8>
typename Simd::I product(const typename Simd::Weights& weights, const int8_t* a, int32_t start) {
    if constexpr (k8) return Simd::dot8(weights, a, start);
    return Simd::dot4(weights, a, start);
}

/// The scale and offset of one group's weights, per row.
template <class Simd>
struct GroupScale {
    typename Simd::F scale, offset;
};

template <class Simd, PackedKind kKind>
GroupScale<Simd> loadGroupScale(const std::byte* p) {
    const typename Simd::F scale = Simd::loadHalf(p);
    if constexpr (kKind == PackedKind::q4Offset) return {scale, Simd::loadHalf(p + 2 * Simd::kLanes)};
    if constexpr (kKind == PackedKind::q4Zero) {
        return {scale, Simd::mul(scale, Simd::sub(Simd::zero(), Simd::loadInt8(p + 2 * Simd::kLanes)))};
    }
    return {scale, Simd::zero()};
}

/// kTokens tokens at once: 32 inputs' weights are unpacked once and stay in registers.
/// y[r] = sum over groups of scaleA * scaleW * (dot - zero * sumA) + offsetW * scaleA * sumA
template <class Simd, PackedKind kKind, int kTokens>
void multiplyQuantized(const PackedMatrix& matrix, int tile, const Activations& in, int firstToken,
                       float* out, int outStride, bool accumulate) {
    using F = typename Simd::F;
    using I = typename Simd::I;
    constexpr bool k8 = kKind == PackedKind::q8;
    constexpr bool kHasOffset = kKind == PackedKind::q4Offset || kKind == PackedKind::q4Zero;
    constexpr int kZero = k8 ? Simd::kZeroOfQ8 : (kKind == PackedKind::q4Centred ? 8 : 0);
    constexpr int kQuantBytes = (k8 ? kGroup : kGroup / 2) * Simd::kLanes;
    constexpr int kScaleBytes = scaleBytes(kKind) * Simd::kLanes;
    const int groups = matrix.groups();
    // q4Zero has its scales before one or more runs of 32 inputs, the others after the one that they have.
    const int runs = kKind == PackedKind::q4Zero ? matrix.groupSize / kGroup : 1;
    const std::byte* record = matrix.tile(tile);
    const int8_t* high = in.high + static_cast<size_t>(firstToken) * in.columns;
    const int8_t* low = in.low + static_cast<size_t>(firstToken) * in.columns;
    const float* scales = in.scales + static_cast<size_t>(firstToken) * groups;
    const int32_t* sums = in.sums + static_cast<size_t>(firstToken) * groups;

    F total[kTokens];
    for (int t = 0; t < kTokens; ++t) total[t] = Simd::zero();
    for (int group = 0; group < groups;) {
        const std::byte* quants = record + (kKind == PackedKind::q4Zero ? kScaleBytes : 0);
        const GroupScale<Simd> weight =
            loadGroupScale<Simd, kKind>(record + (kKind == PackedKind::q4Zero ? 0 : kQuantBytes));
        record += kScaleBytes + static_cast<size_t>(runs) * kQuantBytes;
        for (int run = 0; run < runs; ++run, ++group, quants += kQuantBytes) {
            typename Simd::Weights weights;
            if constexpr (k8) {
                Simd::unpack8(quants, weights);
            } else {
                Simd::unpack4(quants, weights);
            }
#pragma GCC unroll 16
            for (int t = 0; t < kTokens; ++t) {
                const size_t first = static_cast<size_t>(t) * in.columns + group * kGroup;
                const int32_t sum = sums[t * groups + group];
                const I dot = Simd::addScaled128(product<Simd, k8>(weights, high + first, 0),
                                                 product<Simd, k8>(weights, low + first, -kZero * sum));
                const float activationScale = scales[t * groups + group];
                total[t] = Simd::fma(Simd::toFloat(dot), Simd::mul(weight.scale, Simd::set1(activationScale)),
                                     total[t]);
                if constexpr (kHasOffset) {
                    total[t] = Simd::fma(weight.offset, Simd::set1(activationScale * static_cast<float>(sum)),
                                         total[t]);
                }
            }
        }
    }
    for (int t = 0; t < kTokens; ++t) {
        storeTile<Simd>(matrix, tile, total[t], out + static_cast<size_t>(firstToken + t) * outStride,
                        accumulate);
    }
}

/// kTokens tokens at once. y[r] = scaleA * scaleW * dot over the whole row; where the products take the
/// weights as unsigned numbers (q + kZeroOfQ8), the accumulators start at what that adds. They may pass 2^31
/// on the way, which wraps; the result does not (kMaxInt8Columns).
template <class Simd, int kTokens>
void multiplyInt8(const PackedMatrix& matrix, int tile, const Activations& in, int firstToken, float* out,
                  int outStride, bool accumulate) {
    using F = typename Simd::F;
    using I = typename Simd::I;
    constexpr int kQuantBytes = kGroup * Simd::kLanes;
    const auto columns = static_cast<int>(paddedColumns(matrix.columns));
    const std::byte* scales = matrix.tile(tile);
    const std::byte* quants = scales + scaleBytes(PackedKind::q8Row) * Simd::kLanes;
    const int8_t* codes = in.codes + static_cast<size_t>(firstToken) * columns;

    I total[kTokens];
    for (int t = 0; t < kTokens; ++t)
        total[t] = Simd::set1Int(-Simd::kZeroOfQ8 * in.tokenSums[firstToken + t]);
    for (int k = 0; k < columns; k += kGroup, quants += kQuantBytes) {
        typename Simd::Weights weights;
        Simd::unpack8(quants, weights);
#pragma GCC unroll 16
        for (int t = 0; t < kTokens; ++t) {
            total[t] = Simd::dot8(weights, codes + static_cast<size_t>(t) * columns + k, total[t]);
        }
    }
    const F scale = Simd::load(reinterpret_cast<const float*>(scales));
    for (int t = 0; t < kTokens; ++t) {
        const F scaled = Simd::mul(Simd::toFloat(total[t]), Simd::set1(in.tokenScales[firstToken + t]));
        storeTile<Simd>(matrix, tile, Simd::mul(scaled, scale),
                        out + static_cast<size_t>(firstToken + t) * outStride, accumulate);
    }
}

template <class Simd, PackedKind kKind>
typename Simd::F loadDense(const std::byte* p) {
    if constexpr (kKind == PackedKind::f16) return Simd::loadHalf(p);
    if constexpr (kKind == PackedKind::bf16) return Simd::loadBfloat(p);
    if constexpr (kKind == PackedKind::f32) return Simd::load(reinterpret_cast<const float*>(p));
}

template <class Simd, PackedKind kKind, int kTokens>
void multiplyDense(const PackedMatrix& matrix, int tile, const Activations& in, int firstToken, float* out,
                   int outStride, bool accumulate) {
    using F = typename Simd::F;
    constexpr int kStep = (kKind == PackedKind::f32 ? 4 : 2) * Simd::kLanes;
    const std::byte* weights = matrix.tile(tile);
    const float* x = in.dense + static_cast<size_t>(firstToken) * in.columns;
    F total[kTokens];
    for (int t = 0; t < kTokens; ++t) total[t] = Simd::zero();
    for (int k = 0; k < matrix.columns; ++k) {
        const F weight = loadDense<Simd, kKind>(weights + static_cast<size_t>(k) * kStep);
#pragma GCC unroll 16
        for (int t = 0; t < kTokens; ++t) {
            total[t] = Simd::fma(weight, Simd::set1(x[static_cast<size_t>(t) * in.columns + k]), total[t]);
        }
    }
    for (int t = 0; t < kTokens; ++t) {
        storeTile<Simd>(matrix, tile, total[t], out + static_cast<size_t>(firstToken + t) * outStride,
                        accumulate);
    }
}

template <class Simd, PackedKind kKind, int kTokens>
void multiplyTokens(const PackedMatrix& matrix, int tile, const Activations& in, int firstToken, float* out,
                    int outStride, bool accumulate) {
    int token = firstToken;
    for (; token + kTokens <= in.tokens; token += kTokens) {
        if constexpr (kKind == PackedKind::q8Row) {
            multiplyInt8<Simd, kTokens>(matrix, tile, in, token, out, outStride, accumulate);
        } else if constexpr (kKind >= PackedKind::f16) {
            multiplyDense<Simd, kKind, kTokens>(matrix, tile, in, token, out, outStride, accumulate);
        } else {
            multiplyQuantized<Simd, kKind, kTokens>(matrix, tile, in, token, out, outStride, accumulate);
        }
    }
    if constexpr (kTokens > 1) {
        if (token < in.tokens) {
            multiplyTokens<Simd, kKind, kTokens / 2>(matrix, tile, in, token, out, outStride, accumulate);
        }
    }
}

template <class Simd>
void multiplyTile(const PackedMatrix& matrix, int tile, const Activations& in, float* out, int outStride,
                  bool accumulate) {
    constexpr int kTokens = Simd::kTokens;
    switch (matrix.kind) {
        case PackedKind::q4Centred:
            return multiplyTokens<Simd, PackedKind::q4Centred, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                        accumulate);
        case PackedKind::q4Offset:
            return multiplyTokens<Simd, PackedKind::q4Offset, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                       accumulate);
        case PackedKind::q4Zero:
            return multiplyTokens<Simd, PackedKind::q4Zero, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                     accumulate);
        case PackedKind::q8:
            return multiplyTokens<Simd, PackedKind::q8, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                 accumulate);
        case PackedKind::q8Row:
            return multiplyTokens<Simd, PackedKind::q8Row, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                    accumulate);
        case PackedKind::f16:
            return multiplyTokens<Simd, PackedKind::f16, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                  accumulate);
        case PackedKind::bf16:
            return multiplyTokens<Simd, PackedKind::bf16, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                   accumulate);
        case PackedKind::f32:
            return multiplyTokens<Simd, PackedKind::f32, kTokens>(matrix, tile, in, 0, out, outStride,
                                                                  accumulate);
    }
}

}  // namespace
}  // namespace edgechat::inference::cpu
