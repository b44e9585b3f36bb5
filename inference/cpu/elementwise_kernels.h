// Norm, RoPE, activation, exponential and the quantization of activations, written once for every instruction
// set.
#pragma once

#include "inference/cpu/kernels.h"

namespace edgechat::inference::cpu {
namespace {

/// e^x with a relative error below 2e-7; exactly 0 below -87.
template <class Simd>
typename Simd::F exponential(typename Simd::F x) {
    using F = typename Simd::F;
    const F bounded = Simd::min(Simd::max(x, Simd::set1(-87.0f)), Simd::set1(88.0f));
    const F n = Simd::round(Simd::mul(bounded, Simd::set1(1.44269504f)));
    // r = x - n ln 2 in two steps (Cody and Waite), |r| <= ln(2) / 2; then Taylor's polynomial of degree 7.
    F r = Simd::fma(n, Simd::set1(-0.693359375f), bounded);
    r = Simd::fma(n, Simd::set1(2.12194440e-4f), r);
    F p = Simd::set1(1.0f / 5040);
    p = Simd::fma(p, r, Simd::set1(1.0f / 720));
    p = Simd::fma(p, r, Simd::set1(1.0f / 120));
    p = Simd::fma(p, r, Simd::set1(1.0f / 24));
    p = Simd::fma(p, r, Simd::set1(1.0f / 6));
    p = Simd::fma(p, r, Simd::set1(0.5f));
    p = Simd::fma(p, r, Simd::set1(1.0f));
    p = Simd::fma(p, r, Simd::set1(1.0f));
    return Simd::zeroBelow(Simd::scaleByPowerOfTwo(p, n), x, -87.0f);
}

/// Calls vector(i) for whole vectors of [0, count) and scalar(i) for the rest.
template <class Simd, class Vector, class Scalar>
void forEach(int count, Vector vector, Scalar scalar) {
    int i = 0;
    for (; i + Simd::kLanes <= count; i += Simd::kLanes) vector(i);
    for (; i < count; ++i) scalar(i);
}

template <class Simd>
void rmsNorm(const float* x, const float* weight, int columns, float eps, float* out) {
    using F = typename Simd::F;
    F squares = Simd::zero();
    float rest = 0;
    forEach<Simd>(
        columns, [&](int i) { squares = Simd::fma(Simd::load(x + i), Simd::load(x + i), squares); },
        [&](int i) { rest += x[i] * x[i]; });
    const float mean = (Simd::sum(squares) + rest) / static_cast<float>(columns);
    const float factor = 1.0f / __builtin_sqrtf(mean + eps);
    forEach<Simd>(
        columns,
        [&](int i) {
            Simd::store(out + i,
                        Simd::mul(Simd::mul(Simd::load(x + i), Simd::set1(factor)), Simd::load(weight + i)));
        },
        [&](int i) { out[i] = x[i] * factor * weight[i]; });
}

template <class Simd>
void layerNorm(const float* x, const float* weight, const float* bias, int columns, float eps, float* out) {
    using F = typename Simd::F;
    F sums = Simd::zero();
    float rest = 0;
    forEach<Simd>(
        columns, [&](int i) { sums = Simd::add(sums, Simd::load(x + i)); }, [&](int i) { rest += x[i]; });
    const float mean = (Simd::sum(sums) + rest) / static_cast<float>(columns);
    F squares = Simd::zero();
    rest = 0;
    forEach<Simd>(
        columns,
        [&](int i) {
            const F centred = Simd::sub(Simd::load(x + i), Simd::set1(mean));
            squares = Simd::fma(centred, centred, squares);
        },
        [&](int i) { rest += (x[i] - mean) * (x[i] - mean); });
    const float variance = (Simd::sum(squares) + rest) / static_cast<float>(columns);
    const float factor = 1.0f / __builtin_sqrtf(variance + eps);
    forEach<Simd>(
        columns,
        [&](int i) {
            const F centred = Simd::mul(Simd::sub(Simd::load(x + i), Simd::set1(mean)), Simd::set1(factor));
            Simd::store(out + i, Simd::fma(centred, Simd::load(weight + i),
                                           bias != nullptr ? Simd::load(bias + i) : Simd::zero()));
        },
        [&](int i) { out[i] = (x[i] - mean) * factor * weight[i] + (bias != nullptr ? bias[i] : 0.0f); });
}

template <class Simd>
void ropeHalves(float* x, int heads, int headSize, const float* cosines, const float* sines) {
    using F = typename Simd::F;
    const int half = headSize / 2;
    for (int head = 0; head < heads; ++head, x += headSize) {
        forEach<Simd>(
            half,
            [&](int i) {
                const F a = Simd::load(x + i), b = Simd::load(x + half + i);
                const F cosine = Simd::load(cosines + i), sine = Simd::load(sines + i);
                Simd::store(x + i, Simd::sub(Simd::mul(a, cosine), Simd::mul(b, sine)));
                Simd::store(x + half + i, Simd::fma(b, cosine, Simd::mul(a, sine)));
            },
            [&](int i) {
                const float a = x[i], b = x[half + i];
                x[i] = a * cosines[i] - b * sines[i];
                x[half + i] = b * cosines[i] + a * sines[i];
            });
    }
}

template <class Simd>
void ropeAdjacent(float* x, int heads, int headSize, const float* cosines, const float* sines) {
    for (int head = 0; head < heads; ++head, x += headSize) {
        int i = 0;
        // (a, b) -> (a cos - b sin, b cos + a sin): the swapped pair times (-sin, sin).
        for (; i + Simd::kLanes <= headSize; i += Simd::kLanes) {
            const typename Simd::F pairs = Simd::load(x + i);
            const typename Simd::F turned =
                Simd::mul(Simd::swapPairs(pairs), Simd::alternateSign(Simd::loadDoubled(sines + i / 2)));
            Simd::store(x + i, Simd::fma(pairs, Simd::loadDoubled(cosines + i / 2), turned));
        }
        for (; i < headSize; i += 2) {
            const float a = x[i], b = x[i + 1];
            x[i] = a * cosines[i / 2] - b * sines[i / 2];
            x[i + 1] = b * cosines[i / 2] + a * sines[i / 2];
        }
    }
}

struct Silu {
    template <class Simd>
    static typename Simd::F of(typename Simd::F x) {
        const typename Simd::F one = Simd::set1(1.0f);
        return Simd::mul(x, Simd::div(one, Simd::add(one, exponential<Simd>(Simd::sub(Simd::zero(), x)))));
    }
};

/// x (1 + erf(x / sqrt 2)) / 2 with erfc(z) = (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + p z), to 1.5e-7
/// (Abramowitz and Stegun 7.1.26). Taken from erfc on the side of x, so that nothing cancels.
struct Gelu {
    template <class Simd>
    static typename Simd::F of(typename Simd::F x) {
        using F = typename Simd::F;
        const F one = Simd::set1(1.0f);
        const F z = Simd::mul(Simd::abs(x), Simd::set1(0.707106781f));
        const F t = Simd::div(one, Simd::fma(z, Simd::set1(0.3275911f), one));
        F tail = Simd::set1(1.061405429f);
        tail = Simd::fma(tail, t, Simd::set1(-1.453152027f));
        tail = Simd::fma(tail, t, Simd::set1(1.421413741f));
        tail = Simd::fma(tail, t, Simd::set1(-0.284496736f));
        tail = Simd::fma(tail, t, Simd::set1(0.254829592f));
        tail = Simd::mul(tail, t);
        tail = Simd::mul(tail, exponential<Simd>(Simd::sub(Simd::zero(), Simd::mul(z, z))));
        // x > 0: x - x tail / 2; else x tail / 2: the positive part of x minus |x| tail / 2.
        const F half = Simd::mul(Simd::mul(Simd::abs(x), Simd::set1(0.5f)), tail);
        return Simd::sub(Simd::max(x, Simd::zero()), half);
    }
};

template <class Simd, class Activation>
void activateMultiply(float* gate, const float* up, int count) {
    using F = typename Simd::F;
    int i = 0;
    for (; i + Simd::kLanes <= count; i += Simd::kLanes) {
        const F activated = Activation::template of<Simd>(Simd::load(gate + i));
        Simd::store(gate + i, up != nullptr ? Simd::mul(activated, Simd::load(up + i)) : activated);
    }
    if (i < count) {
        float g[Simd::kLanes] = {}, u[Simd::kLanes] = {};
        for (int j = i; j < count; ++j) g[j - i] = gate[j], u[j - i] = up != nullptr ? up[j] : 1.0f;
        activateMultiply<Simd, Activation>(g, u, Simd::kLanes);
        for (int j = i; j < count; ++j) gate[j] = g[j - i];
    }
}

template <class Simd>
void scaleBy(float* x, float factor, int count) {
    forEach<Simd>(
        count, [&](int i) { Simd::store(x + i, Simd::mul(Simd::load(x + i), Simd::set1(factor))); },
        [&](int i) { x[i] *= factor; });
}

/// Symmetric, one scale per kGroup values; 15 bits as 128 * high + low.
template <class Simd>
void quantize(const float* x, int columns, const QuantizedRow& out) {
    using F = typename Simd::F;
    constexpr float kSteps = 127.0f * 128;
    for (int group = 0; group < columns / kGroup; ++group) {
        const float* values = x + group * kGroup;
        F largest = Simd::zero();
        for (int i = 0; i < kGroup; i += Simd::kLanes)
            largest = Simd::max(largest, Simd::abs(Simd::load(values + i)));
        const float maximum = Simd::maximum(largest);
        const float inverse = maximum > 0 ? kSteps / maximum : 0;
        F sum = Simd::zero();
        for (int i = 0; i < kGroup; i += Simd::kLanes) {
            const F whole = Simd::round(Simd::mul(Simd::load(values + i), Simd::set1(inverse)));
            const F high = Simd::round(Simd::mul(whole, Simd::set1(1.0f / 128)));
            sum = Simd::add(sum, whole);
            Simd::storeInt8(out.high + group * kGroup + i, high);
            Simd::storeInt8(out.low + group * kGroup + i, Simd::fma(high, Simd::set1(-128.0f), whole));
        }
        out.scales[group] = maximum / kSteps;
        out.sums[group] = static_cast<int32_t>(Simd::sum(sum));
    }
}

/// Symmetric, one scale per token (W8A8). The largest value, the codes and their sum, at most 127 * 2^17 <
/// 2^24, are the same in whatever order they are taken.
template <class Simd>
void quantizeToken(const float* x, int columns, const QuantizedToken& out) {
    using F = typename Simd::F;
    F largest = Simd::zero();
    float maximum = 0;
    forEach<Simd>(
        columns, [&](int i) { largest = Simd::max(largest, Simd::abs(Simd::load(x + i))); },
        [&](int i) { maximum = __builtin_fabsf(x[i]) > maximum ? __builtin_fabsf(x[i]) : maximum; });
    maximum = Simd::maximum(Simd::max(largest, Simd::set1(maximum)));
    // The inverse of a subnormal number may be infinite: what is that small counts as zeros.
    const bool zeros = !(maximum > 1e-36f);
    const F inverse = Simd::set1(zeros ? 0.0f : 127.0f / maximum);
    F sum = Simd::zero();
    const auto store = [&](int i, F values) {
        const F codes = Simd::round(Simd::mul(values, inverse));
        sum = Simd::add(sum, codes);
        Simd::storeInt8(out.codes + i, codes);
    };
    int i = 0;
    for (; i + Simd::kLanes <= columns; i += Simd::kLanes) store(i, Simd::load(x + i));
    for (; i < paddedColumns(columns); i += Simd::kLanes) {
        float rest[Simd::kLanes] = {};
        for (int k = i; k < columns && k < i + Simd::kLanes; ++k) rest[k - i] = x[k];
        store(i, Simd::load(rest));
    }
    *out.scale = zeros ? 0.0f : maximum / 127.0f;
    *out.sum = static_cast<int32_t>(Simd::sum(sum));
}

}  // namespace
}  // namespace edgechat::inference::cpu
