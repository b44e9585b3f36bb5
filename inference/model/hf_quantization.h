// How a Hugging Face folder says that its weights are quantized.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "inference/result.h"

namespace edgechat::inference {

enum class QuantizationMethod { none, awq, compressedTensors };

constexpr const char* kPackQuantized = "pack-quantized";  ///< 4 bits, weights alone (W4A16)
constexpr const char* kIntQuantized = "int-quantized";    ///< 8 bits, activations too (W8A8)

/// What the configuration files say. The tensors have the last word: see quantized_linear.h.
struct QuantizationScheme {
    QuantizationMethod method = QuantizationMethod::none;
    /// awq: "gemm", "gemv", "gemv_fast"; compressedTensors: kPackQuantized, kIntQuantized; empty: not said
    std::string version;
    std::optional<int64_t> groupSize;  ///< inputs per group, -1: a whole row; absent: not said
};

/// Reads quantization_config of config.json, or a quant_config.json beside it (AutoAWQ before 0.1.8). Methods
/// that this engine does not read are refused with what would work.
/// @param quantConfig  the second file's content, null without one
Result<QuantizationScheme> readQuantization(const nlohmann::json& config, const std::string& configName,
                                            const nlohmann::json* quantConfig,
                                            const std::string& quantConfigName);

}  // namespace edgechat::inference
