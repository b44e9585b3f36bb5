// Weight matrices in the layout that the CPU kernels stream: tiles of `tileRows` rows, the rows interleaved
// so that one vector holds the same four inputs of every row and a dot product needs no horizontal sum.
//
// A quantized tile is a run of records, one per group of 32 inputs:
//   4 bits: for step s in 0..3, row r, byte b in 0..3: one byte with w[8s+b] in its low and w[8s+4+b] in its
//   high
//           nibble, unsigned; then tileRows fp16 scales; then, with offsets, tileRows fp16 offsets.
//   8 bits: for step s in 0..7, row r, byte b in 0..3: w[4s+b], signed; then tileRows fp16 scales.
// A weight is scale * q + offset (Q4_1), scale * (q - 8) (Q4_0) or scale * q (Q8_0).
// A dense tile is [columns][tileRows] elements. Rows past the matrix's end are zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "inference/model/checkpoint.h"

namespace edgechat::inference::cpu {

constexpr int kGroup = 32;  ///< inputs that share one scale, of weights and of activations

enum class PackedKind { q4Centred, q4Offset, q8, f16, bf16, f32 };

struct PackedMatrix {
    PackedKind kind = PackedKind::f32;
    int rows = 0;
    int columns = 0;
    int tileRows = 0;
    size_t tileBytes = 0;
    const std::byte* data = nullptr;  ///< 64-byte aligned, tiles() * tileBytes

    int tiles() const { return (rows + tileRows - 1) / tileRows; }
    int groups() const { return columns / kGroup; }
    bool dense() const { return kind >= PackedKind::f16; }
    size_t bytes() const { return static_cast<size_t>(tiles()) * tileBytes; }
    const std::byte* tile(int index) const { return data + static_cast<size_t>(index) * tileBytes; }
};

size_t packedGroupBytes(PackedKind kind, int tileRows);

/// The packed form of a tensor, with no memory yet.
PackedMatrix packedShape(const TensorInfo& tensor, int tileRows);

/// Packs one tile from `validRows` rows as the checkpoint stores them (the rest become zeros). False if a
/// scale is not a finite number.
bool packTile(const PackedMatrix& matrix, const std::byte* source, int validRows, std::byte* tile);

/// out[columns] = one row in fp32.
void unpackRow(const PackedMatrix& matrix, int row, float* out);

}  // namespace edgechat::inference::cpu
