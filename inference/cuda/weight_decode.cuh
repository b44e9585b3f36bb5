// Weights from their packed form (packed_matrix.h) into the left operand of a tensor-core product. A code
// minus its zero point is a small integer and exact in fp16, so that all rounding is in the fp32 sums: a
// chunk (or each half of it) is summed by itself and then times the scale of its rows.
//
// How a code becomes an fp16 without a conversion: 0x6400 is 1024, where the last bit of fp16 is worth 1, so
// that 0x6400 | q is 1024 + q and 0x6400 | q << 4 is 1024 + 16 q (Kim et al. 2022, "Who Says Elephants Can't
// Run").
#pragma once

#include "inference/cuda/matmul_arguments.cuh"

namespace edgechat::inference::cuda {

constexpr uint32_t kHalf1024 = 0x64006400;

/// Four bits: eight codes of a word are one step.
struct Int4Decoder {
    static constexpr int kLoads = 1;  ///< of 16 bytes, for a lane's part of a chunk
    static constexpr bool kScaled = true;
    /// -(1024 + zero point of row g) and -(64 + zero point of row g + 8), both halves the same.
    struct Zeros {
        Half2 row, rowBelow;
    };

    EDGECHAT_DEVICE static void decode(const Words4 (&words)[kLoads], int step, Zeros zeros,
                                       uint32_t (&a)[4]) {
        const uint32_t codes = words[0].word[step], further = codes >> 8;
        a[0] = add({andOr(codes, 0x000f000f, kHalf1024)}, zeros.row).bits;
        a[2] = add({andOr(further, 0x000f000f, kHalf1024)}, zeros.row).bits;
        // (1024 + 16 q) / 16 - (64 + z)
        const Half2 sixteenth{0x2c002c00};
        a[1] = multiplyAdd({andOr(codes, 0x00f000f0, kHalf1024)}, sixteenth, zeros.rowBelow).bits;
        a[3] = multiplyAdd({andOr(further, 0x00f000f0, kHalf1024)}, sixteenth, zeros.rowBelow).bits;
    }
};

template <WeightKind kind>
struct Decoder;

template <>
struct Decoder<WeightKind::int4Zero> : Int4Decoder {
    static constexpr bool kZeroPoints = true, kOffsets = false;

    /// `byte`: two zero points.
    EDGECHAT_DEVICE static Zeros zeros(uint32_t byte) {
        const uint32_t twice = permuteBytes(byte, 0, 0x4040);
        return {{andOr(twice, 0x000f000f, 0xe400e400)}, {andOr(twice, 0x00f000f0, 0xd400d400)}};
    }
};

template <>
struct Decoder<WeightKind::int4Offset> : Int4Decoder {
    static constexpr bool kZeroPoints = false, kOffsets = true;

    EDGECHAT_DEVICE static Zeros zeros(uint32_t) { return {{0xe400e400}, {0xd400d400}}; }
};

template <>
struct Decoder<WeightKind::int8> {
    static constexpr int kLoads = 2;
    static constexpr bool kScaled = true, kZeroPoints = false, kOffsets = false;
    struct Zeros {};

    EDGECHAT_DEVICE static Zeros zeros(uint32_t) { return {}; }

    EDGECHAT_DEVICE static void decode(const Words4 (&words)[kLoads], int step, Zeros, uint32_t (&a)[4]) {
        const Half2 zero{0xe480e480};  // -(1024 + 128)
        EDGECHAT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const uint32_t codes = words[step / 2].word[2 * (step % 2) + half];
            a[2 * half] = add({permuteBytes(codes, kHalf1024, 0x5150)}, zero).bits;
            a[2 * half + 1] = add({permuteBytes(codes, kHalf1024, 0x5352)}, zero).bits;
        }
    }
};

template <>
struct Decoder<WeightKind::fp16> {
    static constexpr int kLoads = 4;
    static constexpr bool kScaled = false, kZeroPoints = false, kOffsets = false;
    struct Zeros {};

    EDGECHAT_DEVICE static Zeros zeros(uint32_t) { return {}; }

    EDGECHAT_DEVICE static void decode(const Words4 (&words)[kLoads], int step, Zeros, uint32_t (&a)[4]) {
        EDGECHAT_UNROLL
        for (int i = 0; i < 4; ++i) a[i] = words[step].word[i];
    }
};

/// What a lane holds of a chunk, as it is in memory.
template <WeightKind kind, int groupsPerChunk>
struct RawChunk {
    Words4 words[Decoder<kind>::kLoads] = {};
    uint32_t scales[groupsPerChunk] = {};  ///< rows g and g + 8, fp16
    uint32_t zeros[groupsPerChunk] = {};   ///< a byte of zero points, or the two rows' offsets in fp16
};

/// A lane's part of a tile's weights. It stands at a chunk and reads that one or one some chunks further on.
template <WeightKind kind, int groupsPerChunk>
class TileReader {
  public:
    EDGECHAT_DEVICE TileReader(const PackedMatrix& matrix, const TermShape& shape, int tile, int chunk)
        : m_position(2 * chunk), m_end(2 * shape.chunks), m_toGroup(shape.toGroup) {
        // Counted in what a lane reads at once, in 32 bits, which are enough for 64 GB of weights.
        const auto lane = static_cast<uint32_t>(laneIndex()), row = static_cast<uint32_t>(tile);
        const uint32_t ownChunk = row * static_cast<uint32_t>(shape.chunks) + static_cast<uint32_t>(chunk);
        const uint32_t entry = 8 * row * static_cast<uint32_t>(shape.groups) + lane / 4;
        m_quants = whole(matrix.quants + uint64_t{16} * (ownChunk * (kChunkBytes / 16) + lane));
        if constexpr (Kind::kScaled)
            m_scales =
                whole(reinterpret_cast<const std::byte*>(matrix.scales) + uint64_t{kScaleBytes} * entry);
        if constexpr (kZeroBytes > 0) m_zeros = whole(matrix.zeros + uint64_t{kZeroBytes} * entry);
    }

    /// Whether the tile has a chunk that many further on.
    EDGECHAT_DEVICE bool has(int further) const { return m_position + 2 * further < m_end; }

    EDGECHAT_DEVICE void advance(int chunks) {
        m_quants += chunks * kChunkBytes;
        m_position += 2 * chunks;
    }

    /// Leaves `raw` where the tile has no such chunk.
    EDGECHAT_DEVICE void load(RawChunk<kind, groupsPerChunk>& raw, int further) const {
        const bool valid = has(further);
        EDGECHAT_UNROLL
        for (int i = 0; i < Kind::kLoads; ++i)
            loadStreaming16If(raw.words[i], m_quants + further * kChunkBytes + 512 * i, valid);
        if constexpr (Kind::kScaled) {
            const auto position = static_cast<uint32_t>(m_position + 2 * further);
            const uint32_t group = groupsPerChunk == 2 ? position : multiplyHigh(position, m_toGroup);
            const std::byte* scale = m_scales + uint64_t{group} * (8 * kScaleBytes);
            const std::byte* zero = m_zeros;
            if constexpr (kZeroBytes > 0) zero += uint64_t{group} * (8 * kZeroBytes);
            EDGECHAT_UNROLL
            for (int i = 0; i < groupsPerChunk; ++i) {
                load4If(raw.scales[i], scale + 8 * kScaleBytes * i, valid);
                if constexpr (kZeroBytes == 1) load1If(raw.zeros[i], zero + 8 * kZeroBytes * i, valid);
                if constexpr (kZeroBytes == 4) load4If(raw.zeros[i], zero + 8 * kZeroBytes * i, valid);
            }
        }
    }

  private:
    using Kind = Decoder<kind>;
    static constexpr int kChunkBytes = chunkBytes(kind);
    static constexpr uint32_t kScaleBytes = 4;  // of a lane and group
    static constexpr uint32_t kZeroBytes = Kind::kOffsets ? 4 : Kind::kZeroPoints ? 1 : 0;

    const std::byte* m_quants;            // of the chunk
    const std::byte* m_scales = nullptr;  // of the tile
    const std::byte* m_zeros = nullptr;   // of the tile
    int m_position, m_end;                // in half chunks
    uint32_t m_toGroup;
};

/// What the sums over a group are worth, of rows g and g + 8.
struct RowScales {
    float scale[2], offset[2];
};

template <WeightKind kind, int groupsPerChunk>
EDGECHAT_DEVICE RowScales rowScales(const RawChunk<kind, groupsPerChunk>& raw, int group, float factor) {
    RowScales result = {{factor, factor}, {0, 0}};
    if constexpr (Decoder<kind>::kScaled) {
        const Half2 scale{raw.scales[group]};
        result.scale[0] = factor * lowValue(scale);
        result.scale[1] = factor * highValue(scale);
    }
    if constexpr (Decoder<kind>::kOffsets) {
        const Half2 offset{raw.zeros[group]};
        result.offset[0] = factor * lowValue(offset);
        result.offset[1] = factor * highValue(offset);
    }
    return result;
}

/// total += scale * products + offset * inputs, for rows g and g + 8 and two tokens. `inputs`: the sums of
/// the tokens' inputs in the group.
template <WeightKind kind>
EDGECHAT_DEVICE void addScaled(float (&total)[4], const RowScales& rows, const float (&products)[4],
                               const float (&inputs)[4]) {
    EDGECHAT_UNROLL
    for (int i = 0; i < 4; ++i) {
        total[i] += rows.scale[i / 2] * products[i];
        if constexpr (Decoder<kind>::kOffsets) total[i] += rows.offset[i / 2] * inputs[i];
    }
}

/// inputs += the sums over a step's 16 inputs of each token: a product with ones.
EDGECHAT_DEVICE void addInputs(float (&inputs)[4], const uint32_t (&b)[2]) {
    const uint32_t ones[4] = {0x3c003c00, 0x3c003c00, 0x3c003c00, 0x3c003c00};
    multiplyAdd16x8x16(inputs, ones, b);
}

}  // namespace edgechat::inference::cuda
