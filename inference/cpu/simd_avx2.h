// Vector operations of AVX2 with FMA and F16C: 8 floats, or 8 rows of 4 bytes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgechat::inference::cpu {
namespace {

struct Avx2 {
    static constexpr const char* kName = "avx2";
    static constexpr int kLanes = 8;
    static constexpr int kTokens = 4;
    static constexpr int kZeroOfQ8 = 0;
    static constexpr int kAttentionVectors = 2;  // of keys (or of a head) in registers, times four rows

    using F = __m256;
    using I = __m256i;
    struct Weights {
        __m256i step[8];
    };

    static F zero() { return _mm256_setzero_ps(); }
    static F set1(float x) { return _mm256_set1_ps(x); }
    static F load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
    static F loadHalf(const void* p) {
        return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
    static void storeHalf(void* p, F x) {
        _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    }
    static F loadBfloat(const void* p) {
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))), 16));
    }
    static F loadInt8(const void* p) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
    }
    static F add(F a, F b) { return _mm256_add_ps(a, b); }
    static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static F div(F a, F b) { return _mm256_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
    static F max(F a, F b) { return _mm256_max_ps(a, b); }
    static F min(F a, F b) { return _mm256_min_ps(a, b); }
    static F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
    static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static F scaleByPowerOfTwo(F x, F n) {
        const __m256i exponent =
            _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
        return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
    }
    static F zeroBelow(F value, F x, float limit) {
        return _mm256_and_ps(value, _mm256_cmp_ps(x, set1(limit), _CMP_GE_OQ));
    }
    static float sum(F a) {
        __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        x = _mm_add_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
    }
    static float maximum(F a) {
        __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        x = _mm_max_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
    }
    static F replaceFrom(F x, int first, float value) {
        const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const __m256i keep = _mm256_cmpgt_epi32(_mm256_set1_epi32(first), lanes);
        return _mm256_blendv_ps(set1(value), x, _mm256_castsi256_ps(keep));
    }
    static F replaceBefore(F x, int end, float value) {
        const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const __m256i replaced = _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lanes);
        return _mm256_blendv_ps(x, set1(value), _mm256_castsi256_ps(replaced));
    }
    static F swapPairs(F x) { return _mm256_permute_ps(x, 0xb1); }
    static F alternateSign(F x) {
        return _mm256_xor_ps(x, _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000)));
    }
    static F loadDoubled(const float* p) {
        const __m128 x = _mm_loadu_ps(p);
        return _mm256_set_m128(_mm_unpackhi_ps(x, x), _mm_unpacklo_ps(x, x));
    }
    static void storeInt8(int8_t* p, F x) {
        const __m256i words = _mm256_cvtps_epi32(x);
        const __m128i shorts =
            _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(shorts, shorts));
    }

    static F toFloat(I x) { return _mm256_cvtepi32_ps(x); }
    static I addScaled128(I high, I low) { return _mm256_add_epi32(_mm256_slli_epi32(high, 7), low); }

    static void unpack4(const std::byte* p, Weights& w) {
        const __m256i mask = _mm256_set1_epi8(15);
        for (int s = 0; s < 4; ++s) {
            const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * s));
            w.step[2 * s] = _mm256_and_si256(both, mask);
            w.step[2 * s + 1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
        }
    }
    static void unpack8(const std::byte* p, Weights& w) {
        for (int s = 0; s < 8; ++s)
            w.step[s] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * s));
    }
    static __m256i four(const int8_t* a) {
        int32_t word;
        __builtin_memcpy(&word, a, 4);
        return _mm256_set1_epi32(word);
    }
    static I dot4(const Weights& w, const int8_t* a, int32_t start) {
        // Eight products of pairs fit: 8 * 2 * 15 * 127 = 30480 < 32767.
        __m256i pairs = _mm256_maddubs_epi16(w.step[0], four(a));
#pragma GCC unroll 8
        for (int s = 1; s < 8; ++s) {
            pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(w.step[s], four(a + 4 * s)));
        }
        return _mm256_add_epi32(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)), _mm256_set1_epi32(start));
    }
    static I set1Int(int32_t x) {
        return _mm256_set1_epi32(x);
    }
    static I dot8(const Weights& w, const int8_t* a, int32_t start) {
        return dot8(w, a, set1Int(start));
    }
    static I dot8(const Weights& w, const int8_t* a, I total) {
        // |weight| is unsigned and its sign moves to the activation: 2 * 128 * 127 < 32767, so one product
        // each.
#pragma GCC unroll 8
        for (int s = 0; s < 8; ++s) {
            const __m256i product = _mm256_maddubs_epi16(_mm256_abs_epi8(w.step[s]),
                                                         _mm256_sign_epi8(four(a + 4 * s), w.step[s]));
            total = _mm256_add_epi32(total, _mm256_madd_epi16(product, _mm256_set1_epi16(1)));
        }
        return total;
    }
};

}  // namespace
}  // namespace edgechat::inference::cpu
