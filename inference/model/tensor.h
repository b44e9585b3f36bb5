// How a checkpoint stores one tensor: element type, shape and where its rows come from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "inference/model/row_source.h"

namespace edgechat::inference {

/// Element types that this engine reads: floats, ggml's block types (ggml_blocks.h has their layouts), and
/// int4 is the form in which the readers of AWQ and compressed-tensors folders hand out rows, whatever the
/// file's layout: a block holds one group of g elements as {f32 scale; f32 zero; u8 codes[(g + 1) / 2]},
/// element i in the low (even i) or high half of codes[i / 2], and is worth scale * (code - zero). The zero
/// is a whole number from 0 to 15, or next to one where a file stores scale * zero rounded to fp16.
///
/// int8 is the form in which the reader of W8A8 folders (compressed-tensors int-quantized) hands out rows: a
/// row is one group, so g is the number of columns, and a block {f32 scale; i8 codes[g]}; element i is worth
/// scale * codes[i]. Such weights were chosen for activations of 8 bits: see inference/cpu/kernels.h.
enum class TensorType {
    f32,
    f16,
    bf16,
    q4_0,
    q4_1,
    q5_0,
    q5_1,
    q8_0,
    q2_k,
    q3_k,
    q4_k,
    q5_k,
    q6_k,
    int4,
    int8
};

const char* tensorTypeName(TensorType type);
/// @param groupSize  elements of a group, int4 and int8 only
int blockElements(TensorType type, int groupSize = 0);
int blockBytes(TensorType type, int groupSize = 0);

/// A matrix [rows, columns], row-major, or a vector (rows == 1). `columns` is the contiguous, input
/// dimension.
struct TensorInfo {
    std::string name;
    TensorType type = TensorType::f32;
    int64_t rows = 1;
    int64_t columns = 0;
    int groupSize = 0;   ///< int4 and int8 only; divides `columns`
    uint64_t bytes = 0;  ///< of all rows as `source` gives them
    std::shared_ptr<const RowSource> source;

    uint64_t rowBytes() const {
        return static_cast<uint64_t>(columns) / static_cast<uint64_t>(blockElements(type, groupSize)) *
               static_cast<uint64_t>(blockBytes(type, groupSize));
    }
};

/// Expands one row to fp32. `source` holds the row as the tensor's source gives it, `out` takes `columns`
/// floats.
void dequantizeRow(TensorType type, const void* source, int64_t columns, float* out, int groupSize = 0);
inline void dequantizeRow(const TensorInfo& tensor, const void* source, float* out) {
    dequantizeRow(tensor.type, source, tensor.columns, out, tensor.groupSize);
}

/// Whether every scale and offset of `count` blocks, or every one of `count` floats, is a finite number.
/// Costs little beside reading the blocks.
bool finiteBlocks(TensorType type, const void* blocks, int64_t count, int groupSize = 0);

float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);  ///< round to nearest even
/// @param out  takes 2 * count bytes
void floatsToHalves(const float* values, int64_t count, uint8_t* out);

}  // namespace edgechat::inference
