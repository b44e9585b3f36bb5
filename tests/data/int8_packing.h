// W8A8 matrices in the form that llm-compressor writes (compressed-tensors int-quantized), and whole folders
// of them. Follows the tool, and not the reader under test.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/data/hf_folder.h"

namespace edgechat::testing {

/// W[n][k] = scale[n] * code[n][k]
struct Int8Matrix {
    int rows, columns;
    std::vector<int> codes;     // [rows, columns], -128 to 127
    std::vector<float> scales;  // [rows]

    int code(int n, int k) const { return codes[static_cast<size_t>(n * columns + k)]; }
    float scale(int n) const { return scales[static_cast<size_t>(n)]; }
    float value(int n, int k) const { return scale(n) * static_cast<float>(code(n, k)); }
};

/// Random codes of the whole range. The values' mean square is about 1 / columns, so that a product has about
/// the size of its input, as in a trained model.
inline Int8Matrix randomInt8(int rows, int columns, uint32_t seed) {
    Int8Matrix matrix{rows, columns, {}, {}};
    uint32_t state = seed * 2654435761u + 1;
    const auto random = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
    for (int i = 0; i < rows * columns; ++i) matrix.codes.push_back(static_cast<int>(random() % 256) - 128);
    const float usual = 1.0f / (74.0f * std::sqrt(static_cast<float>(columns)));  // 74: of such codes
    for (int n = 0; n < rows; ++n) {
        const float scale = usual * (0.5f + 0.001f * static_cast<float>(random() % 1000));
        matrix.scales.push_back(inference::halfToFloat(inference::floatToHalf(scale)));
    }
    return matrix;
}

/// The codes as numbers of 8 bits and a column of scales in F16, or in F32.
inline void addInt8(SafetensorsWriter& writer, const std::string& module, const Int8Matrix& m,
                    const std::string& scaleType = "F16") {
    std::string codes, scales;
    for (const int code : m.codes) codes += static_cast<char>(static_cast<int8_t>(code));
    for (const float scale : m.scales)
        scales += scaleType == "F32" ? littleEndian(std::bit_cast<uint32_t>(scale)) : halfBytes(scale);
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    writer.add(module + ".weight", "I8", {size(m.rows), size(m.columns)}, codes);
    writer.add(module + ".weight_scale", scaleType, {size(m.rows), 1}, scales);
}

/// quantization_config as llm-compressor writes it for its scheme W8A8.
inline nlohmann::json int8Scheme() {
    const auto values = [](const char* strategy, bool dynamic) {
        return nlohmann::json{{"num_bits", 8},
                              {"type", "int"},
                              {"symmetric", true},
                              {"strategy", strategy},
                              {"dynamic", dynamic},
                              {"group_size", nullptr},
                              {"block_structure", nullptr},
                              {"actorder", nullptr},
                              {"observer_kwargs", nlohmann::json::object()}};
    };
    return {{"quant_method", "compressed-tensors"},
            {"format", "int-quantized"},
            {"quantization_status", "compressed"},
            {"ignore", {"lm_head"}},
            {"kv_cache_scheme", nullptr},
            {"config_groups",
             {{"group_0",
               {{"targets", {"Linear"}},
                {"weights", values("channel", false)},
                {"input_activations", values("token", true)},
                {"output_activations", nullptr}}}}}};
}

/// Replaces every linear layer of the decoder layers by one of W8A8; returns the matrices by their modules.
inline std::map<std::string, Int8Matrix> quantizeFolderToInt8(HfFolder& folder) {
    std::map<std::string, Int8Matrix> matrices;
    const std::vector<SafetensorsWriter::Tensor> plain = folder.weights.tensors;
    for (const SafetensorsWriter::Tensor& tensor : plain) {
        if (!isLayerMatrix(tensor)) continue;
        const std::string module = tensor.name.substr(0, tensor.name.size() - std::string(".weight").size());
        const Int8Matrix matrix =
            randomInt8(static_cast<int>(tensor.shape[0]), static_cast<int>(tensor.shape[1]),
                       static_cast<uint32_t>(matrices.size()));
        folder.weights.remove(tensor.name);
        addInt8(folder.weights, module, matrix);
        matrices.emplace(module, matrix);
    }
    folder.config["quantization_config"] = int8Scheme();
    return matrices;
}

}  // namespace edgechat::testing
