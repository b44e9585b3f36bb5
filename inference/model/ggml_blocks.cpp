#include "inference/model/ggml_blocks.h"

#include <cassert>

#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

constexpr int kSmall = 32;   // elements of a block of the older types
constexpr int kSuper = 256;  // elements of a block of the K types

float half(const uint8_t* bytes) {
    return halfToFloat(readU16(bytes));
}

// The five types of 32 elements: byte i of the nibbles holds element i in its low half and element i + 16 in
// its high half; bit i of `high` is element i's fifth bit.

void expandNibbles(const uint8_t* nibbles, float scale, float offset, float* out) {
    for (int i = 0; i < kSmall / 2; ++i) {
        out[i] = scale * static_cast<float>(nibbles[i] & 15) + offset;
        out[i + kSmall / 2] = scale * static_cast<float>(nibbles[i] >> 4) + offset;
    }
}

void expandFiveBits(const uint8_t* nibbles, uint32_t high, float scale, int centre, float offset,
                    float* out) {
    for (int i = 0; i < kSmall / 2; ++i) {
        const int low = (nibbles[i] & 15) | static_cast<int>((high >> i & 1) << 4);
        const int next = (nibbles[i] >> 4) | static_cast<int>((high >> (i + 16) & 1) << 4);
        out[i] = scale * static_cast<float>(low - centre) + offset;
        out[i + kSmall / 2] = scale * static_cast<float>(next - centre) + offset;
    }
}

void expandQ4_0(const uint8_t* block, float* out) {
    const float d = half(block);
    expandNibbles(block + 2, d, -8.0f * d, out);
}

void expandQ4_1(const uint8_t* block, float* out) {
    expandNibbles(block + 4, half(block), half(block + 2), out);
}

void expandQ5_0(const uint8_t* block, float* out) {
    expandFiveBits(block + 6, readU32(block + 2), half(block), 16, 0.0f, out);
}

void expandQ5_1(const uint8_t* block, float* out) {
    expandFiveBits(block + 8, readU32(block + 4), half(block), 0, half(block + 2), out);
}

void expandQ8_0(const uint8_t* block, float* out) {
    const float d = half(block);
    for (int i = 0; i < kSmall; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// Q2_K, Q3_K and Q6_K have a scale for each of 16 groups of 16 elements. Group k lies in half h of the block
// and in quarter j of that half, and takes the quants' bytes l, l + 1, ... of the half.
struct GroupPlace {
    int h, j, l;
};

GroupPlace placeOf(int k) {
    return {k / 8, k % 8 / 2, k % 2 * 16};
}

void expandQ2K(const uint8_t* block, float* out) {
    const uint8_t *scales = block, *quants = block + 16;
    const float d = half(block + 80), dmin = half(block + 82);
    for (int k = 0; k < 16; ++k) {
        const auto [h, j, l] = placeOf(k);
        const float scale = d * static_cast<float>(scales[k] & 15);
        const float offset = dmin * static_cast<float>(scales[k] >> 4);
        for (int i = 0; i < 16; ++i) {
            const int q = quants[32 * h + l + i] >> (2 * j) & 3;
            out[16 * k + i] = scale * static_cast<float>(q) - offset;
        }
    }
}

// 16 scales of 6 bits: four low bits each in bytes 0 to 7, two high bits each in bytes 8 to 11.
int scaleOfQ3K(const uint8_t* scales, int k) {
    const int low = scales[k % 8] >> (4 * (k / 8)) & 15;
    const int high = scales[8 + k % 4] >> (2 * (k / 4)) & 3;
    return (low | (high << 4)) - 32;
}

void expandQ3K(const uint8_t* block, float* out) {
    const uint8_t *highBits = block, *quants = block + 32, *scales = block + 96;
    const float d = half(block + 108);
    for (int k = 0; k < 16; ++k) {
        const auto [h, j, l] = placeOf(k);
        const float scale = d * static_cast<float>(scaleOfQ3K(scales, k));
        for (int i = 0; i < 16; ++i) {
            const int low = quants[32 * h + l + i] >> (2 * j) & 3;
            const int high = highBits[l + i] >> (4 * h + j) & 1;
            out[16 * k + i] = scale * static_cast<float>((low | high << 2) - 4);
        }
    }
}

// Eight pairs of 6 bits in 12 bytes: pairs 0 to 3 lie whole in bytes j and j + 4; of the others the low four
// bits share byte j + 4 and the high two lie above pairs 0 to 3.
struct ScaleAndMin {
    int scale;
    int min;
};

ScaleAndMin scaleAndMin(const uint8_t* scales, int j) {
    if (j < 4) return {scales[j] & 63, scales[j + 4] & 63};
    return {(scales[j + 4] & 15) | (scales[j - 4] >> 6 << 4), (scales[j + 4] >> 4) | (scales[j] >> 6 << 4)};
}

// `high` holds the fifth bits, or is null: bit j of high[l] belongs to element l of group j.
void expandPairs(const uint8_t* block, const uint8_t* high, const uint8_t* quants, float* out) {
    const float d = half(block), dmin = half(block + 2);
    for (int j = 0; j < kSuper / 32; ++j) {
        const ScaleAndMin pair = scaleAndMin(block + 4, j);
        const float scale = d * static_cast<float>(pair.scale), offset = dmin * static_cast<float>(pair.min);
        for (int l = 0; l < 32; ++l) {
            int q = quants[32 * (j / 2) + l] >> (4 * (j % 2)) & 15;
            if (high) q |= (high[l] >> j & 1) << 4;
            out[32 * j + l] = scale * static_cast<float>(q) - offset;
        }
    }
}

void expandQ4K(const uint8_t* block, float* out) {
    expandPairs(block, nullptr, block + 16, out);
}

void expandQ5K(const uint8_t* block, float* out) {
    expandPairs(block, block + 16, block + 48, out);
}

void expandQ6K(const uint8_t* block, float* out) {
    const uint8_t *low = block, *high = block + 128, *scales = block + 192;
    const float d = half(block + 208);
    for (int k = 0; k < 16; ++k) {
        const auto [h, j, l] = placeOf(k);
        const float scale = d * static_cast<float>(static_cast<int8_t>(scales[k]));
        for (int i = 0; i < 16; ++i) {
            const int fourBits = low[64 * h + 32 * (j & 1) + l + i] >> (4 * (j >> 1)) & 15;
            const int twoBits = high[32 * h + l + i] >> (2 * j) & 3;
            out[16 * k + i] = scale * static_cast<float>((fourBits | twoBits << 4) - 32);
        }
    }
}

using Expand = void (*)(const uint8_t* block, float* out);

template <Expand expand>
void expandAll(TensorType type, const uint8_t* blocks, int64_t count, float* out) {
    const BlockLayout& layout = blockLayout(type);
    for (int64_t i = 0; i < count; ++i) expand(blocks + i * layout.bytes, out + i * layout.elements);
}

}  // namespace

const BlockLayout& blockLayout(TensorType type) {
    static constexpr BlockLayout kF32{1, 4, 0, 0}, kF16{1, 2, 0, 0};
    static constexpr BlockLayout kQ4_0{kSmall, 2 + 16, 0, 1}, kQ4_1{kSmall, 2 + 2 + 16, 0, 2};
    static constexpr BlockLayout kQ5_0{kSmall, 2 + 4 + 16, 0, 1}, kQ5_1{kSmall, 2 + 2 + 4 + 16, 0, 2};
    static constexpr BlockLayout kQ8_0{kSmall, 2 + 32, 0, 1};
    static constexpr BlockLayout kQ2K{kSuper, 16 + 64 + 2 + 2, 80, 2};
    static constexpr BlockLayout kQ3K{kSuper, 32 + 64 + 12 + 2, 108, 1};
    static constexpr BlockLayout kQ4K{kSuper, 2 + 2 + 12 + 128, 0, 2};
    static constexpr BlockLayout kQ5K{kSuper, 2 + 2 + 12 + 32 + 128, 0, 2};
    static constexpr BlockLayout kQ6K{kSuper, 128 + 64 + 16 + 2, 208, 1};
    switch (type) {
        case TensorType::f32:
            return kF32;
        case TensorType::f16:
        case TensorType::bf16:
            return kF16;
        case TensorType::q4_0:
            return kQ4_0;
        case TensorType::q4_1:
            return kQ4_1;
        case TensorType::q5_0:
            return kQ5_0;
        case TensorType::q5_1:
            return kQ5_1;
        case TensorType::q8_0:
            return kQ8_0;
        case TensorType::q2_k:
            return kQ2K;
        case TensorType::q3_k:
            return kQ3K;
        case TensorType::q4_k:
            return kQ4K;
        case TensorType::q5_k:
            return kQ5K;
        case TensorType::q6_k:
            return kQ6K;
        case TensorType::int4:
        case TensorType::int8:
            break;
    }
    assert(false);
    return kF32;
}

void dequantizeBlocks(TensorType type, const uint8_t* blocks, int64_t count, float* out) {
    switch (type) {
        case TensorType::q4_0:
            return expandAll<expandQ4_0>(type, blocks, count, out);
        case TensorType::q4_1:
            return expandAll<expandQ4_1>(type, blocks, count, out);
        case TensorType::q5_0:
            return expandAll<expandQ5_0>(type, blocks, count, out);
        case TensorType::q5_1:
            return expandAll<expandQ5_1>(type, blocks, count, out);
        case TensorType::q8_0:
            return expandAll<expandQ8_0>(type, blocks, count, out);
        case TensorType::q2_k:
            return expandAll<expandQ2K>(type, blocks, count, out);
        case TensorType::q3_k:
            return expandAll<expandQ3K>(type, blocks, count, out);
        case TensorType::q4_k:
            return expandAll<expandQ4K>(type, blocks, count, out);
        case TensorType::q5_k:
            return expandAll<expandQ5K>(type, blocks, count, out);
        case TensorType::q6_k:
            return expandAll<expandQ6K>(type, blocks, count, out);
        case TensorType::f32:
        case TensorType::f16:
        case TensorType::bf16:
        case TensorType::int4:
        case TensorType::int8:
            break;
    }
    assert(false);
}

}  // namespace edgechat::inference
