#include "inference/model/tensor.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "inference/model/ggml_blocks.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

void expandInt4(const uint8_t* block, int groupSize, float* out) {
    const float scale = std::bit_cast<float>(readU32(block));
    const float zero = std::bit_cast<float>(readU32(block + 4));
    for (int i = 0; i < groupSize; ++i) {
        const int code = (block[8 + i / 2] >> (i % 2 * 4)) & 15;
        out[i] = scale * (static_cast<float>(code) - zero);
    }
}

void expandInt8(const uint8_t* block, int groupSize, float* out) {
    const float scale = std::bit_cast<float>(readU32(block));
    for (int i = 0; i < groupSize; ++i)
        out[i] = scale * static_cast<float>(static_cast<int8_t>(block[4 + i]));
}

bool hasGroups(TensorType type) {
    return type == TensorType::int4 || type == TensorType::int8;
}

// Infinities and NaNs have all exponent bits set: adding the lowest of them carries into the sign's place,
// and nothing else does. The carries are collected without an early end, because a loop without branches is
// faster on the files that are right.
constexpr uint16_t kHalfExponent = 0x7c00, kBrainExponent = 0x7f80;
constexpr uint32_t kFloatExponent = 0x7f800000;

template <class Bits>
Bits exponentCarry(Bits bits, Bits exponent) {
    const Bits lowest = exponent & static_cast<Bits>(~exponent + 1u);
    return static_cast<Bits>((bits & exponent) + lowest);
}

// Whether no 16-bit float at bytes first, first + stride, ... is an infinity or a NaN.
inline bool finiteHalves(const uint8_t* first, int64_t count, int stride, uint16_t exponent) {
    uint16_t carries = 0;
    for (int64_t i = 0; i < count; ++i) carries |= exponentCarry(readU16(first + i * stride), exponent);
    return carries < 0x8000;
}

inline bool finiteFloats(const uint8_t* first, int64_t count, int stride) {
    uint32_t carries = 0;
    for (int64_t i = 0; i < count; ++i) carries |= exponentCarry(readU32(first + i * stride), kFloatExponent);
    return carries < 0x80000000;
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
        case TensorType::q5_0:
            return "Q5_0";
        case TensorType::q5_1:
            return "Q5_1";
        case TensorType::q8_0:
            return "Q8_0";
        case TensorType::q2_k:
            return "Q2_K";
        case TensorType::q3_k:
            return "Q3_K";
        case TensorType::q4_k:
            return "Q4_K";
        case TensorType::q5_k:
            return "Q5_K";
        case TensorType::q6_k:
            return "Q6_K";
        case TensorType::int4:
            return "INT4";
        case TensorType::int8:
            return "INT8";
    }
    return "?";
}

int blockElements(TensorType type, int groupSize) {
    return hasGroups(type) ? groupSize : blockLayout(type).elements;
}

int blockBytes(TensorType type, int groupSize) {
    if (type == TensorType::int8) return 4 + groupSize;
    return type == TensorType::int4 ? 4 + 4 + (groupSize + 1) / 2 : blockLayout(type).bytes;
}

void dequantizeRow(TensorType type, const void* source, int64_t columns, float* out, int groupSize) {
    const auto* bytes = static_cast<const uint8_t*>(source);
    const int64_t units = columns / blockElements(type, groupSize);
    switch (type) {
        case TensorType::f32:
            for (int64_t i = 0; i < units; ++i) out[i] = std::bit_cast<float>(readU32(bytes + 4 * i));
            break;
        case TensorType::f16:
            for (int64_t i = 0; i < units; ++i) out[i] = halfToFloat(readU16(bytes + 2 * i));
            break;
        case TensorType::bf16:
            for (int64_t i = 0; i < units; ++i)
                out[i] = std::bit_cast<float>(static_cast<uint32_t>(readU16(bytes + 2 * i)) << 16);
            break;
        case TensorType::int4:
            for (int64_t i = 0; i < units; ++i)
                expandInt4(bytes + i * blockBytes(type, groupSize), groupSize, out + i * groupSize);
            break;
        case TensorType::int8:
            for (int64_t i = 0; i < units; ++i)
                expandInt8(bytes + i * blockBytes(type, groupSize), groupSize, out + i * groupSize);
            break;
        default:
            dequantizeBlocks(type, bytes, units, out);
    }
}

bool finiteBlocks(TensorType type, const void* blocks, int64_t count, int groupSize) {
    const auto* bytes = static_cast<const uint8_t*>(blocks);
    const int stride = blockBytes(type, groupSize);
    switch (type) {
        case TensorType::f32:
            return finiteFloats(bytes, count, 4);
        case TensorType::int4:  // the scale stands first
        case TensorType::int8:
            return finiteFloats(bytes, count, stride);
        case TensorType::f16:
            return finiteHalves(bytes, count, 2, kHalfExponent);  // a constant stride makes vectors possible
        case TensorType::bf16:
            return finiteHalves(bytes, count, 2, kBrainExponent);
        default: {
            const BlockLayout& layout = blockLayout(type);
            bool finite = true;
            for (int i = 0; i < layout.scales; ++i)
                finite &= finiteHalves(bytes + layout.scalesAt + 2 * i, count, stride, kHalfExponent);
            return finite;
        }
    }
}

// The conversions have no branches, so that loops over them become vectors. A choice is made of masks,
// because compilers turn ?: around a sum of floats into a branch.
inline uint32_t choose(bool first, uint32_t a, uint32_t b) {
    const uint32_t mask = 0u - static_cast<uint32_t>(first);
    return (a & mask) | (b & ~mask);
}

float halfToFloat(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t magnitude = bits & 0x7fff;
    const uint32_t rebased = (magnitude << 13) + (112u << 23);
    // Infinities and NaNs keep the largest exponent.
    const uint32_t normal = rebased + choose(magnitude >= 0x7c00, 112u << 23, 0);
    // Zero or subnormal, fraction * 2^-24: as the fraction of a number that begins with 2^-14.
    constexpr uint32_t kSmallestNormal = 113u << 23;
    const float small =
        std::bit_cast<float>((magnitude << 13) + kSmallestNormal) - std::bit_cast<float>(kSmallestNormal);
    return std::bit_cast<float>(sign | choose(magnitude < 0x400, std::bit_cast<uint32_t>(small), normal));
}

uint16_t floatToHalf(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t magnitude = bits & 0x7fffffff;
    // A normal half: 13 bits of the fraction go; a carry may move into the exponent.
    const uint32_t rebased = magnitude - (112u << 23);
    const uint32_t normal = (rebased + 0xfff + (rebased >> 13 & 1)) >> 13;
    // A subnormal one, a count of 2^-24: what the fraction of a half is counted in.
    const uint32_t small = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - (126u << 23);
    // A NaN keeps the top of its payload and is made quiet.
    const uint32_t special = choose(magnitude > 0x7f800000, 0x7e00 | (magnitude >> 13 & 0x3ff), 0x7c00);
    // 65520 is half way between the largest half and the next power of two, and rounds up to infinity.
    const uint32_t half =
        choose(magnitude >= 0x477ff000, special, choose(magnitude >= 0x38800000, normal, small));
    return static_cast<uint16_t>(sign | half);
}

void floatsToHalves(const float* values, int64_t count, uint8_t* out) {
    for (int64_t i = 0; i < count; ++i) {
        const uint16_t half = floatToHalf(values[i]);
        std::memcpy(out + 2 * i, &half, sizeof half);
    }
}

}  // namespace edgechat::inference
