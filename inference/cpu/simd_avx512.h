// Vector operations of AVX-512 with VNNI: 16 floats, or 16 rows of 4 bytes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgechat::inference::cpu {
namespace {

struct Avx512 {
    static constexpr const char* kName = "avx512vnni";
    static constexpr int kLanes = 16;
    static constexpr int kTokens = 16;           // tokens of one register block of a matrix product
    static constexpr int kZeroOfQ8 = 128;        // vpdpbusd wants unsigned weights
    static constexpr int kAttentionVectors = 4;  // of keys (or of a head) in registers, times four rows

    using F = __m512;
    using I = __m512i;
    struct Weights {
        __m512i step[8];  // step i: inputs 4i..4i+3 of 16 rows
    };

    static F zero() { return _mm512_setzero_ps(); }
    static F set1(float x) { return _mm512_set1_ps(x); }
    static F load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
    static F loadHalf(const void* p) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    }
    static void storeHalf(void* p, F x) {
        _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    }
    static F loadBfloat(const void* p) {
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p))), 16));
    }
    static F loadInt8(const void* p) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
    }
    static F add(F a, F b) { return _mm512_add_ps(a, b); }
    static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static F div(F a, F b) { return _mm512_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
    static F max(F a, F b) { return _mm512_max_ps(a, b); }
    static F min(F a, F b) { return _mm512_min_ps(a, b); }
    static F abs(F a) { return _mm512_abs_ps(a); }
    static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static F scaleByPowerOfTwo(F x, F n) { return _mm512_scalef_ps(x, n); }
    /// value, or 0 in the lanes where x < limit
    static F zeroBelow(F value, F x, float limit) {
        return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, set1(limit), _CMP_GE_OQ), value);
    }
    static float sum(F a) { return _mm512_reduce_add_ps(a); }
    static float maximum(F a) { return _mm512_reduce_max_ps(a); }
    /// lane i >= first ? value : x
    static F replaceFrom(F x, int first, float value) {
        if (first >= kLanes) return x;
        const int keep = first <= 0 ? 0 : (1 << first) - 1;
        return _mm512_mask_blend_ps(static_cast<__mmask16>(keep), set1(value), x);
    }
    /// lane i < end ? value : x; end > 0
    static F replaceBefore(F x, int end, float value) {
        const int replaced = end >= kLanes ? 0xffff : (1 << end) - 1;
        return _mm512_mask_blend_ps(static_cast<__mmask16>(replaced), x, set1(value));
    }
    /// Swaps neighbours: (1, 0, 3, 2, ...).
    static F swapPairs(F x) { return _mm512_permute_ps(x, 0xb1); }
    /// (-x0, x1, -x2, x3, ...)
    static F alternateSign(F x) {
        return _mm512_xor_ps(x, _mm512_castsi512_ps(_mm512_set1_epi64(0x80000000)));
    }
    /// (p[0], p[0], p[1], p[1], ...)
    static F loadDoubled(const float* p) {
        const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
        return _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
    }

    /// Whole numbers in [-127, 127] as bytes.
    static void storeInt8(int8_t* p, F x) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
    }

    static F toFloat(I x) { return _mm512_cvtepi32_ps(x); }
    static I addScaled128(I high, I low) { return _mm512_add_epi32(_mm512_slli_epi32(high, 7), low); }

    static void unpack4(const std::byte* p, Weights& w) {
        const __m512i mask = _mm512_set1_epi8(15);
        for (int s = 0; s < 4; ++s) {
            const __m512i both = _mm512_loadu_si512(p + 64 * s);
            w.step[2 * s] = _mm512_and_si512(both, mask);
            w.step[2 * s + 1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
        }
    }
    static void unpack8(const std::byte* p, Weights& w) {
        const __m512i bias = _mm512_set1_epi8(-128);
        for (int s = 0; s < 8; ++s) w.step[s] = _mm512_xor_si512(_mm512_loadu_si512(p + 64 * s), bias);
    }
    static int32_t four(const int8_t* a) {
        int32_t word;
        __builtin_memcpy(&word, a, 4);
        return word;
    }
    /// start + sum over the 32 inputs, per row.
    static I dot4(const Weights& w, const int8_t* a, int32_t start) { return dot8(w, a, set1Int(start)); }
    static I set1Int(int32_t x) { return _mm512_set1_epi32(x); }
    static I dot8(const Weights& w, const int8_t* a, int32_t start) { return dot8(w, a, set1Int(start)); }
    /// The same on top of each row's own start.
    static I dot8(const Weights& w, const int8_t* a, I even) {
        __m512i odd = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (int s = 0; s < 8; s += 2) {
            even = _mm512_dpbusd_epi32(even, w.step[s], _mm512_set1_epi32(four(a + 4 * s)));
            odd = _mm512_dpbusd_epi32(odd, w.step[s + 1], _mm512_set1_epi32(four(a + 4 * s + 4)));
        }
        return _mm512_add_epi32(even, odd);
    }
};

}  // namespace
}  // namespace edgechat::inference::cpu
