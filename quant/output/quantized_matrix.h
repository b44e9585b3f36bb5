// What quantizing a linear layer's matrix gives, before it is packed for a file.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace edgechat::quant {

/// 4-bit codes with a scale and a zero point for each group of neighbouring inputs of one output:
/// value(n, k) = scale(n, k / groupSize) * (code(n, k) - zero(n, k / groupSize)).
struct QuantizedMatrix {
    int64_t rows = 0, columns = 0;  ///< outputs, inputs
    int groupSize = 0;              ///< inputs of a group, divides `columns`
    std::vector<uint8_t> codes;     ///< [rows, columns], 0 to 15, one a byte
    std::vector<uint16_t> scales;   ///< [rows, columns / groupSize], fp16 bits
    std::vector<uint8_t> zeros;     ///< [rows, columns / groupSize], 0 to 15

    int64_t groups() const { return columns / groupSize; }
};

/// 8-bit codes with one scale for each output: value(n, k) = scales[n] * codes(n, k).
struct Int8Matrix {
    int64_t rows = 0, columns = 0;
    std::vector<int8_t> codes;  ///< [rows, columns]
    std::vector<float> scales;  ///< [rows]
};

/// Weights that stay as they are.
struct DenseMatrix {
    int64_t rows = 0, columns = 0;
    std::vector<uint16_t> values;  ///< [rows, columns], fp16 bits
};

using OutputMatrix = std::variant<QuantizedMatrix, Int8Matrix, DenseMatrix>;

}  // namespace edgechat::quant
