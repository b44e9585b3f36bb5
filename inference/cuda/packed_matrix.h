// Weight matrices in the layout that the kernels stream: one layout for a token at a time (gemv.cuh) and for
// whole prompts (gemm.cuh). Plain data, valid in C++17 for nvcc.
//
// A tile is 16 rows; a chunk is 64 inputs of a tile, in the order in which the tensor cores' left operand
// wants them, so that a warp reads a chunk with whole 512-byte accesses and nothing is shuffled afterwards
// (Marlin's idea, Frantar et al. 2024). Of a product m16n8k16 lane l = 4 g + j holds in register a0 row g, in
// a1 row g + 8, in a2 row g, in a3 row g + 8, two inputs each. Which input stands where is ours to choose: in
// step s (0 to 3) of a chunk registers a0 and a1 of lane j hold the inputs
//     k = 32 (s / 2) + 8 j + 4 (s % 2) + {0, 1}, and a2 and a3 those two further on,
// so that the right operand of a lane is 16 contiguous bytes of fp16 input for two steps.
//
//   int4Zero, int4Offset: quants [tile][chunk][lane] of 16 bytes: word s is step s, with a0 in bits 0..3 and
//       16..19, a1 in 4..7 and 20..23, a2 in 8..11 and 24..27, a3 in 12..15 and 28..31.
//   int8: [tile][chunk][half][lane] of 16 bytes, half h has steps 2h and 2h + 1 of 8 bytes each: a0, a0, a1,
//       a1, a2, a2, a3, a3 as code + 128.
//   fp16: [tile][chunk][step][lane] of 16 bytes: a0, a1, a2, a3.
//   scales: [tile][group][g] of two fp16: rows g and g + 8. A group is 32 inputs or a multiple of 64.
//   zeros (int4Zero): [tile][group][g] of one byte: row g's zero point in the low half, row g + 8's in the
//       high one.
//   offsets (int4Offset): [tile][group][g] of two fp16.
//
// A weight is factor * scale * (code - zero), factor * scale * code + factor * offset, or the fp16 itself.
// Rows that fill up a tile and inputs that fill up a chunk are worth 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgechat::inference::cuda {

constexpr int kTileRows = 16;
constexpr int kChunk = 64;  ///< inputs of a chunk; inputs are padded to whole chunks

enum class WeightKind { int4Zero, int4Offset, int8, fp16 };

/// Pointers are the device's.
struct PackedMatrix {
    WeightKind kind = WeightKind::fp16;
    int rows = 0;     ///< whole tiles
    int columns = 0;  ///< inputs, without padding
    int group = 0;    ///< inputs of a scale; fp16: 64, which have none
    float factor = 1;
    const std::byte* quants = nullptr;
    const uint32_t* scales = nullptr;
    const std::byte* zeros = nullptr;  ///< zero points or offsets

    constexpr int tiles() const { return rows / kTileRows; }
    constexpr int chunks() const { return (columns + kChunk - 1) / kChunk; }
    constexpr int groups() const { return (chunks() * kChunk + group - 1) / group; }
};

/// Bytes of one chunk of a tile.
constexpr int chunkBytes(WeightKind kind) {
    return kind == WeightKind::fp16 ? 2048 : kind == WeightKind::int8 ? 1024 : 512;
}

/// Elements that one row of an operand's fp16 buffer takes: whole chunks, the rest zeros.
constexpr int paddedInputs(int columns) {
    return (columns + kChunk - 1) / kChunk * kChunk;
}

}  // namespace edgechat::inference::cuda
