// The bytes of a written model's tensors: what AutoAWQ "gemm", compressed-tensors "int-quantized" and plain
// fp16 make of matrices and vectors. Little-endian; N outputs, K inputs, groups of g inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "inference/result.h"
#include "quant/output/output_names.h"

namespace edgechat::quant {

/// Packs a matrix of 4-bit numbers, given row by row, as AutoAWQ does: [K, N/8] words, transposed, in which
/// the nibbles from low to high hold columns 0, 2, 4, 6, 1, 3, 5, 7 of eight neighbours.
/// @param rows  N pointers to K numbers of 0 to 15; N is a multiple of 8
std::vector<uint32_t> packAwq(const std::vector<const uint8_t*>& rows, int64_t columns);

/// One tensor of a module.
struct TensorBytes {
    std::string suffix;  ///< behind the module's name: ".qweight"
    std::vector<std::byte> bytes;
};

/// A module's tensors, but for its bias.
/// @param parts    in the order of module.roles
/// @param rows     moduleRows()
/// @param name     of the module, for messages
/// @return  ErrorCode::badInput for a scale or value that is no finite number; ErrorCode::internal where a
///          part is not what the module was planned to be
Result<std::vector<TensorBytes>> moduleTensors(const OutputModule& module,
                                               const std::vector<const OutputMatrix*>& parts,
                                               const std::vector<RowPlace>& rows, const std::string& name);

/// fp32 as fp16. Fails at a value that is no finite number or is beyond 65504 in size.
/// @param name   of the tensor, for the message
/// @param first  index of values[0] in the tensor, for the message
Result<std::vector<std::byte>> halfBytes(const float* values, size_t count, const std::string& name,
                                         size_t first = 0);

}  // namespace edgechat::quant
