#include "inference/model/tensor.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace edgechat::inference {

namespace {

constexpr int kBlock = 32;  // elements of a block of every block type here

// The file is little-endian and blocks are not aligned, so scales are put together from bytes.
uint16_t readU16(const uint8_t* bytes) {
    return static_cast<uint16_t>(bytes[0] | (bytes[1] << 8));
}

uint32_t readU32(const uint8_t* bytes) {
    return static_cast<uint32_t>(bytes[0]) | (static_cast<uint32_t>(bytes[1]) << 8) |
           (static_cast<uint32_t>(bytes[2]) << 16) | (static_cast<uint32_t>(bytes[3]) << 24);
}

// Both 4-bit types: byte i of `nibbles` holds element i in its low half and element i + 16 in its high half.
void expandNibbles(const uint8_t* nibbles, float scale, float offset, float* out) {
    for (int i = 0; i < kBlock / 2; ++i) {
        out[i] = scale * static_cast<float>(nibbles[i] & 15) + offset;
        out[i + kBlock / 2] = scale * static_cast<float>(nibbles[i] >> 4) + offset;
    }
}

}  // namespace

const char* tensorTypeName(TensorType type) {
    switch (type) {
        case TensorType::f32:
            return "F32";
        case TensorType::f16:
            return "F16";
        case TensorType::bf16:
            return "BF16";
        case TensorType::q4_0:
            return "Q4_0";
        case TensorType::q4_1:
            return "Q4_1";
        case TensorType::q8_0:
            return "Q8_0";
        case TensorType::int4:
            return "INT4";
    }
    return "?";
}

int blockElements(TensorType type, int groupSize) {
    switch (type) {
        case TensorType::f32:
        case TensorType::f16:
        case TensorType::bf16:
            return 1;
        case TensorType::q4_0:
        case TensorType::q4_1:
        case TensorType::q8_0:
            return kBlock;
        case TensorType::int4:
            return groupSize;
    }
    return 1;
}

int blockBytes(TensorType type, int groupSize) {
    switch (type) {
        case TensorType::f32:
            return 4;
        case TensorType::f16:
        case TensorType::bf16:
            return 2;
        case TensorType::q4_0:
            return 2 + 16;
        case TensorType::q4_1:
            return 2 + 2 + 16;
        case TensorType::q8_0:
            return 2 + 32;
        case TensorType::int4:
            return 4 + 4 + (groupSize + 1) / 2;
    }
    return 0;
}

void dequantizeRow(TensorType type, const void* source, int64_t columns, float* out, int groupSize) {
    const auto* bytes = static_cast<const uint8_t*>(source);
    const int64_t units = columns / blockElements(type, groupSize);
    const int stride = blockBytes(type, groupSize);
    switch (type) {
        case TensorType::f32:
            for (int64_t i = 0; i < units; ++i) out[i] = std::bit_cast<float>(readU32(bytes + i * stride));
            break;
        case TensorType::f16:
            for (int64_t i = 0; i < units; ++i) out[i] = halfToFloat(readU16(bytes + i * stride));
            break;
        case TensorType::bf16:
            for (int64_t i = 0; i < units; ++i)
                out[i] = std::bit_cast<float>(static_cast<uint32_t>(readU16(bytes + i * stride)) << 16);
            break;
        case TensorType::q4_0:
            for (int64_t i = 0; i < units; ++i) {
                const uint8_t* block = bytes + i * stride;
                const float d = halfToFloat(readU16(block));
                expandNibbles(block + 2, d, -8.0f * d, out + i * kBlock);
            }
            break;
        case TensorType::q4_1:
            for (int64_t i = 0; i < units; ++i) {
                const uint8_t* block = bytes + i * stride;
                expandNibbles(block + 4, halfToFloat(readU16(block)), halfToFloat(readU16(block + 2)),
                              out + i * kBlock);
            }
            break;
        case TensorType::q8_0:
            for (int64_t i = 0; i < units; ++i) {
                const uint8_t* block = bytes + i * stride;
                const float d = halfToFloat(readU16(block));
                for (int j = 0; j < kBlock; ++j)
                    out[i * kBlock + j] = d * static_cast<float>(static_cast<int8_t>(block[2 + j]));
            }
            break;
        case TensorType::int4:
            for (int64_t i = 0; i < units; ++i) {
                const uint8_t* block = bytes + i * stride;
                const float scale = std::bit_cast<float>(readU32(block));
                const int zero = block[4];
                for (int j = 0; j < groupSize; ++j) {
                    const int code = (block[8 + j / 2] >> (j % 2 * 4)) & 15;
                    out[i * groupSize + j] = scale * static_cast<float>(code - zero);
                }
            }
            break;
    }
}

float halfToFloat(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t exponent = (bits >> 10) & 31;
    const uint32_t fraction = bits & 0x3ff;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (fraction << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
    // Zero or subnormal: fraction * 2^-24, which is exact in fp32.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

uint16_t floatToHalf(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
    const uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {  // NaN: keep the top payload bits and make it quiet
        return static_cast<uint16_t>(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
    }
    // 65520 is half way between the largest half and the next power of two, and rounds up to infinity.
    if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
    if (magnitude >= 0x38800000) {  // normal half: drop 13 fraction bits; a carry may move into the exponent
        const uint32_t rebased = magnitude - (112u << 23);
        return static_cast<uint16_t>(sign | ((rebased + 0xfff + ((rebased >> 13) & 1)) >> 13));
    }
    // Subnormal half: a count of 2^-24 units. Below half a unit (2^-25) everything rounds to zero.
    if (magnitude < 0x33000000) return sign;
    const uint32_t shift = 126 - (magnitude >> 23);  // 14..24
    const uint32_t significand = (magnitude & 0x7fffff) | 0x800000;
    const uint32_t half = 1u << (shift - 1);
    const uint32_t rounded = (significand + half - 1 + ((significand >> shift) & 1)) >> shift;
    return static_cast<uint16_t>(sign | rounded);
}

}  // namespace edgechat::inference
