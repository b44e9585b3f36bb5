// Weight matrices in the layout that the CPU kernels stream: tiles of `tileRows` rows, the rows interleaved
// so that one vector holds the same four inputs of every row and a dot product needs no horizontal sum.
//
// A quantized tile is a run of records. Quants of 32 inputs:
//   4 bits: for step s in 0..3, row r, byte b in 0..3: one byte with w[8s+b] in its low and w[8s+4+b] in its
//   high
//           nibble, unsigned.
//   8 bits: for step s in 0..7, row r, byte b in 0..3: w[4s+b], signed.
// A record is, of 32 inputs, the quants; then tileRows fp16 scales; then, with offsets, tileRows fp16
// offsets. Or, of a group of any multiple of 32 inputs (q4Zero): tileRows fp16 scales; tileRows bytes of zero
// points; then the quants of each 32 inputs. Or, of a whole row (q8Row): tileRows fp32 scales; then the
// quants of each 32 inputs, those past the last column zeros. A weight is scale * q + offset (Q4_1), scale *
// (q - 8) (Q4_0), scale * (q - zero) (int4) or scale * q (Q8_0, int8). A dense tile is [columns][tileRows]
// elements. Rows past the matrix's end are zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "inference/model/checkpoint.h"
#include "inference/model/packing.h"

namespace edgechat::inference::cpu {

enum class PackedKind { q4Centred, q4Offset, q4Zero, q8, q8Row, f16, bf16, f32 };

/// Bytes of one row's scale, with its offset or zero point.
constexpr int scaleBytes(PackedKind kind) {
    if (kind == PackedKind::q8Row) return 4;
    return kind == PackedKind::q4Offset ? 4 : kind == PackedKind::q4Zero ? 3 : 2;
}

struct PackedMatrix {
    PackedKind kind = PackedKind::f32;
    int rows = 0;
    int columns = 0;
    int tileRows = 0;
    int groupSize = 0;  ///< inputs of a record
    size_t tileBytes = 0;
    const std::byte* data = nullptr;  ///< 64-byte aligned, tiles() * tileBytes

    int tiles() const { return (rows + tileRows - 1) / tileRows; }
    int groups() const { return columns / kGroup; }
    bool dense() const { return kind >= PackedKind::f16; }
    size_t bytes() const { return static_cast<size_t>(tiles()) * tileBytes; }
    const std::byte* tile(int index) const { return data + static_cast<size_t>(index) * tileBytes; }
};

/// The packed form of a tensor, with no memory yet.
PackedMatrix packedShape(const TensorInfo& tensor, int tileRows);

/// Packs one tile of packedShape(tensor) from `validRows` rows as the checkpoint stores them (the rest become
/// zeros). False if a scale is not a finite number, or not one of those that fp16 holds.
bool packTile(const PackedMatrix& matrix, const TensorInfo& tensor, const std::byte* source, int validRows,
              std::byte* tile);

/// out[columns] = one row in fp32.
void unpackRow(const PackedMatrix& matrix, int row, float* out);

}  // namespace edgechat::inference::cpu
