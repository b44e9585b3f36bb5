// How a quantization came out, in the form in which it is kept beside the weights and shown.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "quant/awq.h"

namespace edgechat::quant {

/// Over held-out text, of the quantized model beside its source.
struct Evaluation {
    double perplexity = 0;  ///< of the quantized model
    double sourcePerplexity = 0;
    double meanKld = 0;   ///< mean KL(source || quantized), nats
    double sameTop = 0;   ///< share of positions, 0..1
    uint64_t tokens = 0;  ///< scored
    std::string text;     ///< what it was measured on
};

struct QuantizationReport {
    std::string method;
    std::string sourceName;  ///< folder or file name
    uint64_t sourceBytes = 0, outputBytes = 0;
    double seconds = 0;
    std::string calibration;  ///< what text
    int64_t calibrationTokens = 0;
    std::string computedWith;  ///< "OpenBLAS, avx2"
    std::vector<std::vector<LinearReport>> layers;
    std::optional<Evaluation> evaluation;
};

nlohmann::json toJson(const LinearReport& linear);
/// The members of `quantization` in edgechat.json.
nlohmann::json toJson(const QuantizationReport& report);
/// @return false if the object is none of ours
bool fromJson(const nlohmann::json& json, LinearReport& linear);
bool fromJson(const nlohmann::json& json, QuantizationReport& report);

}  // namespace edgechat::quant
