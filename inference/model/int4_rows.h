// Rows of TensorType::int4 out of the layouts in which folders store 4-bit weights. N outputs are the rows, K
// inputs the columns, g inputs make a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

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

namespace int4 {

constexpr int kCodesBegin = 8;  ///< of a block, behind f32 scale and f32 zero

/// What rows need of a stored matrix: bytes [firstByte, firstByte + bytes) of each of its rows [first, first
/// + count), one after the other.
struct Slice {
    int64_t first = 0, count = 0;
    uint64_t firstByte = 0, bytes = 0;

    uint64_t size() const { return static_cast<uint64_t>(count) * bytes; }
};

struct Slices {
    Slice codes, scales, zeros;
};

struct Place {
    uint64_t begin = 0, end = 0;
};

/// The bytes of the slices for `rows`; they need not be aligned.
struct Stored {
    RowRange rows;
    const uint8_t *codes, *scales, *zeros;
};

}  // namespace int4

/// What the layouts share: blocks are put together from codes, scales and zeros, and scales are checked.
/// Takes about as much memory as the rows that are asked for.
class Int4Rows : public RowSource {
  public:
    Int4Rows(Int4Parts parts, Int4Shape shape) : m_parts(std::move(parts)), m_shape(shape) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const final;
    uint64_t fetchedBytes(const RowRange& range) const final;
    Result<void> fetch(const RowRange& range, std::byte* out) const final;
    Result<const std::byte*> decode(const RowRange& fetched, const std::byte* bytes, const RowRange& range,
                                    std::byte* out) const final;

  protected:
    virtual int4::Slices slices(const RowRange& rows) const = 0;
    /// Writes all codes of `rows` into their blocks. Here of codes I32 [N, w], each row's in the order of the
    /// inputs.
    virtual void decodeCodes(const int4::Stored& stored, const RowRange& rows, uint8_t* blocks) const;
    /// Fills scales and zeros, [rows, groups] each.
    virtual Result<void> decodeGroups(const int4::Stored& stored, const RowRange& rows, float* scales,
                                      float* zeros) const = 0;

    /// Puts codes that lie in the order of the inputs, two a byte, low halves first, into the blocks of a
    /// row.
    /// @param firstInput, count  even
    void placeCodes(const uint8_t* codes, int64_t firstInput, int64_t count, uint8_t* row) const;

    /// Of a row of codes I32 [N, w].
    uint64_t codeBytes() const { return m_parts.codes.shape[1] * 4; }

    Int4Parts m_parts;
    Int4Shape m_shape;

  private:
    struct Places {
        int4::Place codes, scales, zeros;
    };
    Places places(const int4::Slices& wanted) const;
    Result<void> fetch(const RowRange& range, bool once, std::byte* out) const;
};

/// The pieces that the layouts are read with.
namespace int4 {

/// Where a slice lies among others that are fetched: in whole pages from `from`, which is one's begin, on.
Place placeOf(const StoredTensor& matrix, const Slice& slice, uint64_t from);
/// Reads a slice to its place behind `bytes`: with one call if it is as wide as the matrix, else line by
/// line.
/// @param once  whether to read as RowSource::fetch() does
Result<void> readSlice(const StoredTensor& matrix, const Slice& slice, const Place& place, bool once,
                       std::byte* bytes);
/// Of F32, BF16 or F16.
TensorType scaleType(const StoredTensor& matrix);
/// Bytes of an element of those.
uint64_t scaleBytes(const StoredTensor& matrix);
/// "tensor x", field of an error about a part.
Error partError(const StoredTensor& part, std::string found, std::string expected);

}  // namespace int4

}  // namespace edgechat::inference
