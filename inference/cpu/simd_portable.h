// The same operations in plain C++, for machines without a translation unit of their own.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "inference/cpu/packed_matrix.h"

namespace edgechat::inference::cpu {
namespace {

struct Portable {
    static constexpr const char* kName = "portable";
    static constexpr int kLanes = 8;
    static constexpr int kTokens = 4;
    static constexpr int kZeroOfQ8 = 0;
    static constexpr int kAttentionVectors = 1;

    struct F {
        float lane[8];
    };
    struct I {
        int32_t lane[8];
    };
    struct Weights {
        int16_t row[8][kGroup];  // widened and put back in order: compilers know how to add products of
                                 // 16-bit rows
    };

    template <class Operation>
    static F each(Operation operation) {
        F result;
        for (int i = 0; i < 8; ++i) result.lane[i] = operation(i);
        return result;
    }

    static F zero() { return set1(0); }
    static F set1(float x) {
        return each([&](int) { return x; });
    }
    static F load(const float* p) {
        return each([&](int i) { return p[i]; });
    }
    static void store(float* p, F x) { std::memcpy(p, x.lane, sizeof x.lane); }
    static F loadHalf(const void* p) {
        return each([&](int i) {
            uint16_t half;
            std::memcpy(&half, static_cast<const char*>(p) + 2 * i, 2);
            // The exponent is rebased by a multiplication, which makes subnormals right too; infinities stay
            // large.
            const uint32_t bits = static_cast<uint32_t>(half & 0x7fff) << 13;
            const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
            float value;
            std::memcpy(&value, &bits, 4);
            value *= 0x1p112f;
            uint32_t result;
            std::memcpy(&result, &value, 4);
            result |= sign;
            std::memcpy(&value, &result, 4);
            return value;
        });
    }
    static void storeHalf(void* p, F x) {
        for (int i = 0; i < 8; ++i) {
            const uint16_t half = floatToHalf(x.lane[i]);
            std::memcpy(static_cast<char*>(p) + 2 * i, &half, 2);
        }
    }
    static F loadBfloat(const void* p) {
        return each([&](int i) {
            uint16_t high;
            std::memcpy(&high, static_cast<const char*>(p) + 2 * i, 2);
            const uint32_t bits = static_cast<uint32_t>(high) << 16;
            float value;
            std::memcpy(&value, &bits, 4);
            return value;
        });
    }
    static F loadInt8(const void* p) {
        return each([&](int i) { return static_cast<float>(static_cast<const int8_t*>(p)[i]); });
    }
    static F add(F a, F b) {
        return each([&](int i) { return a.lane[i] + b.lane[i]; });
    }
    static F sub(F a, F b) {
        return each([&](int i) { return a.lane[i] - b.lane[i]; });
    }
    static F mul(F a, F b) {
        return each([&](int i) { return a.lane[i] * b.lane[i]; });
    }
    static F div(F a, F b) {
        return each([&](int i) { return a.lane[i] / b.lane[i]; });
    }
    static F fma(F a, F b, F c) {
        return each([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
    }
    static F max(F a, F b) {
        return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static F min(F a, F b) {
        return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static F abs(F a) {
        return each([&](int i) { return std::fabs(a.lane[i]); });
    }
    static F round(F a) {
        return each([&](int i) { return std::nearbyintf(a.lane[i]); });
    }
    static F scaleByPowerOfTwo(F x, F n) {
        return each([&](int i) { return std::ldexp(x.lane[i], static_cast<int>(n.lane[i])); });
    }
    static F zeroBelow(F value, F x, float limit) {
        return each([&](int i) { return x.lane[i] >= limit ? value.lane[i] : 0.0f; });
    }
    static float sum(F a) {
        float total = 0;
        for (float x : a.lane) total += x;
        return total;
    }
    static float maximum(F a) {
        float best = a.lane[0];
        for (float x : a.lane) best = x > best ? x : best;
        return best;
    }
    static F replaceFrom(F x, int first, float value) {
        return each([&](int i) { return i >= first ? value : x.lane[i]; });
    }
    static F replaceBefore(F x, int end, float value) {
        return each([&](int i) { return i < end ? value : x.lane[i]; });
    }
    static F swapPairs(F x) {
        return each([&](int i) { return x.lane[i ^ 1]; });
    }
    static F alternateSign(F x) {
        return each([&](int i) { return i % 2 == 0 ? -x.lane[i] : x.lane[i]; });
    }
    static F loadDoubled(const float* p) {
        return each([&](int i) { return p[i / 2]; });
    }
    static void storeInt8(int8_t* p, F x) {
        for (int i = 0; i < 8; ++i) p[i] = static_cast<int8_t>(x.lane[i]);
    }

    static F toFloat(I x) {
        return each([&](int i) { return static_cast<float>(x.lane[i]); });
    }
    static I addScaled128(I high, I low) {
        I result;
        for (int i = 0; i < 8; ++i) result.lane[i] = high.lane[i] * 128 + low.lane[i];
        return result;
    }

    static void unpack4(const std::byte* p, Weights& w) {
        for (int s = 0; s < 4; ++s) {
            for (int row = 0; row < 8; ++row) {
                for (int b = 0; b < 4; ++b) {
                    const auto both = static_cast<uint8_t>(p[(s * 8 + row) * 4 + b]);
                    w.row[row][8 * s + b] = both & 15;
                    w.row[row][8 * s + 4 + b] = both >> 4;
                }
            }
        }
    }
    static void unpack8(const std::byte* p, Weights& w) {
        for (int s = 0; s < 8; ++s) {
            for (int row = 0; row < 8; ++row) {
                for (int b = 0; b < 4; ++b)
                    w.row[row][4 * s + b] = static_cast<int8_t>(p[(s * 8 + row) * 4 + b]);
            }
        }
    }
    static I set1Int(int32_t x) {
        I result;
        for (int32_t& lane : result.lane) lane = x;
        return result;
    }
    static I dot4(const Weights& w, const int8_t* a, int32_t start) { return dot8(w, a, set1Int(start)); }
    static I dot8(const Weights& w, const int8_t* a, int32_t start) { return dot8(w, a, set1Int(start)); }
    static I dot8(const Weights& w, const int8_t* a, I start) {
        int16_t wide[kGroup];
        for (int k = 0; k < kGroup; ++k) wide[k] = a[k];
        I total;
        for (int row = 0; row < 8; ++row) {
            int32_t sum = start.lane[row];
            for (int k = 0; k < kGroup; ++k) sum += w.row[row][k] * wide[k];
            total.lane[row] = sum;
        }
        return total;
    }
};

}  // namespace
}  // namespace edgechat::inference::cpu
