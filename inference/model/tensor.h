// How a checkpoint stores one tensor: element type, shape and place in the file.
#pragma once

#include <cstdint>
#include <string>

namespace edgechat::inference {

/// Element types that this engine reads. Block types hold 32 consecutive elements of a row (ggml's layout,
/// little-endian): Q4_0 {f16 d; u8 qs[16]}, Q4_1 {f16 d, m; u8 qs[16]}, Q8_0 {f16 d; i8 qs[32]}.
enum class TensorType { f32, f16, bf16, q4_0, q4_1, q8_0 };

const char* tensorTypeName(TensorType type);
int blockElements(TensorType type);  ///< 1 or 32
int blockBytes(TensorType type);

/// A matrix [rows, columns], row-major, or a vector (rows == 1). `columns` is the contiguous, input dimension.
struct TensorInfo {
    std::string name;
    TensorType type = TensorType::f32;
    int64_t rows = 1;
    int64_t columns = 0;
    uint64_t offset = 0;  ///< absolute, in bytes from the start of the file
    uint64_t bytes = 0;

    uint64_t rowBytes() const {
        return static_cast<uint64_t>(columns) / static_cast<uint64_t>(blockElements(type)) *
               static_cast<uint64_t>(blockBytes(type));
    }
};

/// Expands one row to fp32. `source` holds info.rowBytes() bytes, `out` info.columns floats.
void dequantizeRow(TensorType type, const void* source, int64_t columns, float* out);

float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);  ///< round to nearest even

}  // namespace edgechat::inference
