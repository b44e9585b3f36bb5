// Stores floats in ggml's types, for tests: plainly rounded, without the searches of ggml's own quantizers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "inference/model/tensor.h"

namespace edgechat::testing {

using inference::TensorType;

template <class T>
std::string littleEndian(T value) {
    std::string bytes;
    auto bits = static_cast<uint64_t>(value);
    for (size_t i = 0; i < sizeof(T); ++i, bits >>= 8) bytes += static_cast<char>(bits & 255);
    return bytes;
}

/// Appends an fp16 and says what it is worth.
inline float appendHalf(std::string& bytes, float value) {
    const uint16_t bits = inference::floatToHalf(value);
    bytes += littleEndian(bits);
    return inference::halfToFloat(bits);
}

/// The level from `least` to `most` whose value scale * level + offset is nearest.
inline int nearestLevel(float value, float scale, float offset, int least, int most) {
    if (scale == 0.0f) return std::clamp(0, least, most);
    return std::clamp(static_cast<int>(std::lround((value - offset) / scale)), least, most);
}

inline std::string encodeFloats(TensorType type, const std::vector<float>& values) {
    std::string bytes;
    for (float value : values) {
        const auto bits = std::bit_cast<uint32_t>(value);
        if (type == TensorType::f32) bytes += littleEndian(bits);
        if (type == TensorType::f16) appendHalf(bytes, value);
        if (type == TensorType::bf16) bytes += littleEndian(static_cast<uint16_t>((bits + 0x8000) >> 16));
    }
    return bytes;
}

/// One block of 32 elements.
inline void encodeSmallBlock(TensorType type, const float* block, std::string& bytes) {
    const auto [least, most] = std::minmax_element(block, block + 32);
    const float extreme = -*least > *most ? *least : *most;  // of the largest magnitude
    if (type == TensorType::q8_0) {
        const float scale = appendHalf(bytes, std::fabs(extreme) / 127.0f);
        for (int i = 0; i < 32; ++i)
            bytes += static_cast<char>(nearestLevel(block[i], scale, 0.0f, -127, 127));
        return;
    }
    const bool offsetStored = type == TensorType::q4_1 || type == TensorType::q5_1;
    const bool fiveBits = type == TensorType::q5_0 || type == TensorType::q5_1;
    const int levels = fiveBits ? 32 : 16;
    const auto half = static_cast<float>(levels / 2);
    const float scale =
        appendHalf(bytes, offsetStored ? (*most - *least) / static_cast<float>(levels - 1) : extreme / -half);
    const float offset = offsetStored ? appendHalf(bytes, *least) : -half * scale;
    std::array<int, 32> q;
    uint32_t fifth = 0;
    for (size_t i = 0; i < 32; ++i) {
        q[i] = nearestLevel(block[i], scale, offset, 0, levels - 1);
        fifth |= static_cast<uint32_t>(q[i] >> 4) << i;
    }
    if (fiveBits) bytes += littleEndian(fifth);
    for (size_t i = 0; i < 16; ++i) bytes += static_cast<char>((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/// A super-block of 256 elements in groups with integer scales (and offsets) of their own.
struct SuperBlock {
    float d = 0, dmin = 0;               ///< as their fp16 reads
    std::array<int, 16> scale{}, min{};  ///< of each group
    std::array<int, 256> q{};
};

/// x = d scale q - dmin min, q from 0 on.
inline SuperBlock roundWithMins(const float* x, int groupSize, int mostQ, int mostScale) {
    using inference::floatToHalf, inference::halfToFloat;
    SuperBlock block;
    const int groups = 256 / groupSize;
    std::array<float, 16> scales{}, mins{};
    for (int g = 0; g < groups; ++g) {
        const auto [least, most] = std::minmax_element(x + g * groupSize, x + (g + 1) * groupSize);
        mins[static_cast<size_t>(g)] = std::max(0.0f, -*least);
        scales[static_cast<size_t>(g)] =
            std::max(0.0f, *most + mins[static_cast<size_t>(g)]) / static_cast<float>(mostQ);
    }
    const auto most = static_cast<float>(mostScale);
    block.d = halfToFloat(floatToHalf(*std::max_element(scales.begin(), scales.end()) / most));
    block.dmin = halfToFloat(floatToHalf(*std::max_element(mins.begin(), mins.end()) / most));
    for (size_t i = 0; i < 256; ++i) {
        const size_t g = i / static_cast<size_t>(groupSize);
        block.scale[g] = nearestLevel(scales[g], block.d, 0, 0, mostScale);
        block.min[g] = nearestLevel(mins[g], block.dmin, 0, 0, mostScale);
        block.q[i] = nearestLevel(x[i], block.d * static_cast<float>(block.scale[g]),
                                  -block.dmin * static_cast<float>(block.min[g]), 0, mostQ);
    }
    return block;
}

/// x = d scale q in groups of 16, -leastQ <= q < leastQ.
inline SuperBlock roundCentred(const float* x, int leastQ, int mostScale) {
    SuperBlock block;
    std::array<float, 16> scales{};
    for (size_t i = 0; i < 256; ++i)
        scales[i / 16] = std::max(scales[i / 16], std::fabs(x[i]) / static_cast<float>(leastQ));
    block.d = inference::halfToFloat(inference::floatToHalf(*std::max_element(scales.begin(), scales.end()) /
                                                            static_cast<float>(mostScale)));
    for (size_t i = 0; i < 256; ++i) {
        block.scale[i / 16] = nearestLevel(scales[i / 16], block.d, 0, 0, mostScale);
        block.q[i] =
            nearestLevel(x[i], block.d * static_cast<float>(block.scale[i / 16]), 0, -leastQ, leastQ - 1);
    }
    return block;
}

/// Bits of q put together from element i = 128 h + 32 j + l, as the types with groups of 16 keep them: byte
/// 32 h + l holds two bits of each j.
inline std::string twoBitPlanes(const SuperBlock& block, int shift) {
    std::string bytes(64, '\0');
    for (size_t i = 0; i < 256; ++i) {
        const size_t h = i / 128, j = i % 128 / 32, l = i % 32;
        bytes[32 * h + l] = static_cast<char>(bytes[32 * h + l] | (block.q[i] >> shift & 3) << (2 * j));
    }
    return bytes;
}

inline std::string encodeQ2K(const float* x) {
    const SuperBlock block = roundWithMins(x, 16, 3, 15);
    std::string bytes;
    for (size_t g = 0; g < 16; ++g) bytes += static_cast<char>(block.scale[g] | block.min[g] << 4);
    bytes += twoBitPlanes(block, 0);
    appendHalf(bytes, block.d);
    appendHalf(bytes, block.dmin);
    return bytes;
}

inline std::string encodeQ3K(const float* x) {
    SuperBlock block = roundCentred(x, 4, 31);
    std::string high(32, '\0'), scales(12, '\0');
    for (size_t i = 0; i < 256; ++i) {
        block.q[i] += 4;
        high[i % 32] = static_cast<char>(high[i % 32] | (block.q[i] >> 2) << (i / 32));
    }
    for (size_t g = 0; g < 16; ++g) {
        const int scale = block.scale[g] + 32;
        scales[g % 8] = static_cast<char>(scales[g % 8] | (scale & 15) << (4 * (g / 8)));
        scales[8 + g % 4] = static_cast<char>(scales[8 + g % 4] | (scale >> 4) << (2 * (g / 4)));
    }
    std::string bytes = high + twoBitPlanes(block, 0) + scales;
    appendHalf(bytes, block.d);
    return bytes;
}

/// Q4_K and Q5_K.
inline std::string encodePairsK(const float* x, bool fiveBits) {
    const SuperBlock block = roundWithMins(x, 32, fiveBits ? 31 : 15, 63);
    std::string bytes;
    appendHalf(bytes, block.d);
    appendHalf(bytes, block.dmin);
    std::string scales(12, '\0'), high(32, '\0'), low(128, '\0');
    const auto merge = [](char& byte, int bits) { byte = static_cast<char>(byte | bits); };
    for (size_t j = 0; j < 4; ++j) {
        merge(scales[j], block.scale[j] | (block.scale[j + 4] >> 4) << 6);
        merge(scales[j + 4], block.min[j] | (block.min[j + 4] >> 4) << 6);
        merge(scales[j + 8], (block.scale[j + 4] & 15) | (block.min[j + 4] & 15) << 4);
    }
    for (size_t i = 0; i < 256; ++i) {
        const size_t j = i / 32, l = i % 32;
        merge(low[32 * (j / 2) + l], (block.q[i] & 15) << (4 * (j % 2)));
        merge(high[l], (block.q[i] >> 4) << j);
    }
    return bytes + scales + (fiveBits ? high : "") + low;
}

inline std::string encodeQ6K(const float* x) {
    SuperBlock block = roundCentred(x, 32, 127);
    for (int& q : block.q) q += 32;
    std::string bytes(128, '\0');
    for (size_t i = 0; i < 256; ++i) {
        const size_t h = i / 128, j = i % 128 / 32, l = i % 32, at = 64 * h + 32 * (j & 1) + l;
        bytes[at] = static_cast<char>(bytes[at] | (block.q[i] & 15) << (4 * (j >> 1)));
    }
    bytes += twoBitPlanes(block, 4);
    for (const int scale : block.scale) bytes += static_cast<char>(scale);
    appendHalf(bytes, block.d);
    return bytes;
}

/// Stores floats in a tensor type that GGUF files have. The size is a multiple of the block.
inline std::string encodeTensor(TensorType type, const std::vector<float>& values) {
    const auto block = static_cast<size_t>(inference::blockElements(type));
    if (block == 1) return encodeFloats(type, values);
    std::string bytes;
    for (size_t first = 0; first < values.size(); first += block) {
        const float* x = values.data() + first;
        switch (type) {
            case TensorType::q2_k:
                bytes += encodeQ2K(x);
                break;
            case TensorType::q3_k:
                bytes += encodeQ3K(x);
                break;
            case TensorType::q4_k:
            case TensorType::q5_k:
                bytes += encodePairsK(x, type == TensorType::q5_k);
                break;
            case TensorType::q6_k:
                bytes += encodeQ6K(x);
                break;
            default:
                encodeSmallBlock(type, x, bytes);
        }
    }
    return bytes;
}

}  // namespace edgechat::testing
