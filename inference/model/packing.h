// In which form a backend keeps a matrix of a checkpoint. Most types are kept as they are; those without
// kernels of their own are turned into one that has them while the checkpoint is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "inference/model/tensor.h"

namespace edgechat::inference {

constexpr int kGroup = 32;          ///< inputs that share one scale of the activations and of most weights
constexpr uint64_t kTileRows = 16;  ///< rows are kept in whole tiles of at most this many
/// Inputs of an int8 matrix whose products are added up in 32 bits: 2^17 * 127 * 128 < 2^31.
constexpr int64_t kMaxInt8Columns = 1 << 17;
constexpr uint64_t kAlignment = 64;  ///< bytes; every matrix and vector starts at a multiple

/// Elements from one value row of the cache to the next: whole vectors of every instruction set.
constexpr int paddedHead(int headSize) {
    return (headSize + 15) / 16 * 16;
}

/// Codes of an int8 row in memory, and of the activations that it is multiplied by: whole steps of kGroup,
/// the rest zeros.
constexpr int64_t paddedColumns(int64_t columns) {
    return (columns + kGroup - 1) / kGroup * kGroup;
}

/// Whether the kernels multiply by this type's own numbers.
bool packsNatively(TensorType type);

/// What a matrix is kept as: its own type; where that has no kernels q4_1 for q4_k and q8_0 for the others;
/// f32 where it is quantized in groups that the kernels cannot walk through in steps of kGroup inputs. int8,
/// which is always a row, is filled up to such steps instead; only rows longer than kMaxInt8Columns become
/// f32.
TensorType keptType(const TensorInfo& tensor);

/// Bytes of one row in memory. Int4 keeps an fp16 scale and one byte of zero point for each group, int8 an
/// fp32 scale for the row.
uint64_t keptRowBytes(const TensorInfo& tensor);

/// Bytes of the whole tensor in memory: a matrix in its kept form, a vector (rows == 1) in fp32.
uint64_t keptBytes(const TensorInfo& tensor);

/// For a person: what becomes of the tensor and how much is lost, as "Q6_K -> INT8 g32, at most 0.4 % of a
/// block's largest value"; empty when it is kept as it is.
std::string keptTypeLoss(const TensorInfo& tensor);

/// Writes a row that is not kept as it is, in the layout of keptType() (tensor.h).
/// @param stored  the row as the tensor's source gives it
/// @param out     columns / blockElements * blockBytes of the kept type
void transcodeRow(const TensorInfo& tensor, const std::byte* stored, std::byte* out);

/// Writes `count` values, a multiple of kGroup, as blocks of Q8_0. The codes are taken against the scale as
/// fp16 holds it. A block with a value that is no finite number gets a scale that is none, which packing
/// refuses.
void quantizeToQ8_0(const float* values, int64_t count, std::byte* out);

/// Turns one block of ggml's Q4_K (256 elements, 144 bytes) into eight blocks of Q4_1 (160 bytes): the codes
/// stay, a sub-block's scale and minimum are rounded to fp16.
void q4kToQ4_1(const std::byte* block, std::byte* out);

}  // namespace edgechat::inference
