// The stored tensors of a quantized linear layer as one matrix of TensorType::int4 or int8.
#pragma once

#include <string>
#include <vector>

#include "inference/model/hf_quantization.h"
#include "inference/model/safetensors.h"
#include "inference/model/tensor.h"

namespace edgechat::inference {

/// What is stored for one layer; null: not there.
struct StoredLinear {
    const StoredTensor* codes =
        nullptr;  ///< AWQ qweight; compressed-tensors weight_packed or, of int8, weight
    const StoredTensor* zeros = nullptr;   ///< qzeros or scaled_zeros; weight_zero_point
    const StoredTensor* scales = nullptr;  ///< scales; weight_scale
    const StoredTensor* shape = nullptr;   ///< weight_shape
};

/// AWQ in the layout and group size that the tensors' own shapes show; where the configuration says
/// otherwise, a warning is added once. GPTQ and marlin use the same names and are refused by their shapes.
/// @param rows, columns  outputs and inputs, as config.json implies
Result<TensorInfo> awqMatrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                             const QuantizationScheme& scheme, std::vector<std::string>& warnings);

/// compressed-tensors "pack-quantized", symmetric or with zero points.
Result<TensorInfo> compressedTensorsMatrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                                           const QuantizationScheme& scheme,
                                           std::vector<std::string>& warnings);

/// compressed-tensors "int-quantized": W8A8 with a scale for each output.
Result<TensorInfo> int8Matrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                              const QuantizationScheme& scheme);

}  // namespace edgechat::inference
