// Turns rows as a checkpoint's source gives them into the tiles of packed_matrix.h, on the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/cuda/packed_matrix.h"
#include "inference/model/tensor.h"

namespace edgechat::inference::cuda {

/// What a matrix is for: a head or an embedding of floats becomes int8 where the layers are quantized too.
enum class MatrixRole { layer, quantizedVocabulary };

/// In which form a tensor's rows are kept.
struct PackedForm {
    WeightKind kind = WeightKind::fp16;
    int columns = 0;
    int group = kChunk;
    float factor = 1;  ///< what a scale is still to be multiplied by

    static PackedForm of(const TensorInfo& tensor, MatrixRole role);
    /// Whether matrices of both can be in one launch. Rows of both can be in one matrix where they are equal.
    bool multipliesLike(const PackedForm& other) const;
    bool operator==(const PackedForm& other) const = default;
};

/// Where the parts of a packed matrix lie behind its beginning, each aligned to 256 bytes.
struct PackedLayout {
    PackedMatrix shape;                                      ///< with null pointers
    uint64_t tileQuants = 0, tileScales = 0, tileZeros = 0;  ///< bytes of one tile
    uint64_t scales = 0, zeros = 0;                          ///< offsets; the quants are at 0
    uint64_t bytes = 0;

    PackedLayout() = default;
    PackedLayout(const PackedForm& form, int rows);
    PackedMatrix at(const std::byte* device) const;
};

/// One row between the file and its tile: codes in the order of the inputs, padded to whole chunks.
struct UnpackedRow {
    std::vector<uint8_t> codes;    ///< int4: two in a byte, low half first; int8: code + 128; fp16: two bytes
    std::vector<uint16_t> scales;  ///< fp16 [groups]
    std::vector<uint8_t> zeros;    ///< int4Zero [groups]
    std::vector<uint16_t> offsets;  ///< int4Offset: fp16 [groups]
    std::vector<float> values;      ///< what the codes are made of, if that is floats

    /// A row of zeros.
    explicit UnpackedRow(const PackedForm& form);
};

/// Reads one row; false if a scale or a weight is not a finite number, or not one that fp16 holds.
bool unpackRow(const PackedForm& form, const TensorInfo& tensor, const std::byte* stored, UnpackedRow& row);

/// Writes one tile of 16 rows.
void packTile(const PackedForm& form, const UnpackedRow* const (&rows)[kTileRows], std::byte* quants,
              std::byte* scales, std::byte* zeros);

/// Which row of the file stands in a row of a packed matrix.
struct RowReference {
    int tensor = -1;  ///< of the tensors that are packed together; -1: a row of zeros
    int row = 0;
};

/// Rows as they are, filled up to whole tiles.
std::vector<RowReference> plainRows(int tensor, int rows);
/// Heads of headSize rows, each in whole tiles. With `pairs` row g of a tile is the first and row g + 8 the
/// second element of a pair of RoPE: neighbours with `adjacent`, else half a head apart.
std::vector<RowReference> headRows(int tensor, int heads, int headSize, bool pairs, bool adjacent);
/// Rows of two matrices side by side: row g of a tile is the first's, row g + 8 the second's.
std::vector<RowReference> pairedRows(int first, int second, int rows);

}  // namespace edgechat::inference::cuda
