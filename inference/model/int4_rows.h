// Rows of TensorType::int4 out of the layouts in which folders store 4-bit weights. N outputs are the rows, K
// inputs the columns, g inputs make a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "inference/model/row_source.h"
#include "inference/model/safetensors.h"
#include "inference/model/tensor.h"

namespace edgechat::inference {

/// Of the matrix as it is used.
struct Int4Shape {
    int64_t rows = 0;     ///< N
    int64_t columns = 0;  ///< K
    int groupSize = 0;    ///< g, even, divides K

    int64_t groups() const { return columns / groupSize; }
    uint64_t rowBytes() const {
        return static_cast<uint64_t>(groups() * blockBytes(TensorType::int4, groupSize));
    }
};

/// The stored tensors of one quantized linear layer. Their shapes have been checked.
struct Int4Parts {
    StoredTensor codes;
    StoredTensor scales;
    StoredTensor zeros;  ///< of no bytes: every zero point is 8
};

/// AutoAWQ "gemm": codes I32 [K, N/8], zeros I32 [K/g, N/8], scales [K/g, N].
std::shared_ptr<const RowSource> awqGemmRows(Int4Parts parts, Int4Shape shape);
/// AutoAWQ "gemv": codes I32 [N, K/8], zeros I32 [N, w], scales [N, 8 w].
std::shared_ptr<const RowSource> awqGemvRows(Int4Parts parts, Int4Shape shape);
/// AutoAWQ "gemv_fast": codes I16 [N/4, K], zeros F16 [8 w, N] that hold -scale * zero, scales [8 w, N].
std::shared_ptr<const RowSource> awqGemvFastRows(Int4Parts parts, Int4Shape shape);
/// compressed-tensors "pack-quantized": codes I32 [N, ceil(K/8)], zeros I32 [ceil(N/8), K/g], scales [N,
/// K/g].
std::shared_ptr<const RowSource> compressedTensorsRows(Int4Parts parts, Int4Shape shape);

/// What the layouts share: blocks are put together from codes, scales and zeros, and scales are checked.
/// Takes no more memory than the rows that are asked for.
class Int4Rows : public RowSource {
  public:
    Int4Rows(Int4Parts parts, Int4Shape shape) : m_parts(std::move(parts)), m_shape(shape) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const final;

  protected:
    /// Writes the codes of rows [first, first + count) into blocks that are zero.
    virtual Result<void> readCodes(int64_t first, int64_t count, uint8_t* blocks) const = 0;
    /// Fills scales and zeros, [count, groups] each.
    virtual Result<void> readGroups(int64_t first, int64_t count, float* scales, float* zeros) const = 0;

    Int4Parts m_parts;
    Int4Shape m_shape;
};

/// The pieces that the layouts are read with.
namespace int4 {

/// Bytes [firstByte, firstByte + bytes) of each of a stored matrix' rows [first, first + count), one after
/// the other. One read where that is the whole width.
Result<void> readSlices(const StoredTensor& matrix, int64_t first, int64_t count, uint64_t firstByte,
                        uint64_t bytes, void* out);
/// Scales of F16, BF16 or F32 as fp32.
Result<std::vector<float>> readScales(const StoredTensor& matrix, int64_t first, int64_t count,
                                      int64_t firstColumn, int64_t columns);
/// Whole rows of little-endian 32-bit words.
Result<std::vector<uint32_t>> readWords(const StoredTensor& matrix, int64_t first, int64_t count,
                                        int64_t firstColumn, int64_t columns);
/// Rows of codes that lie in the order of the inputs, low halves first, as blocks hold them too.
Result<void> readSequentialCodes(const StoredTensor& codes, const Int4Shape& shape, int64_t first,
                                 int64_t count, uint8_t* blocks);
/// "tensor x", field of an error about a part.
Error partError(const StoredTensor& part, std::string found, std::string expected);

}  // namespace int4

}  // namespace edgechat::inference
