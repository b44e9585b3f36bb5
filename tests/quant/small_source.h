// Small Hugging Face folders that can be quantized: every family, random weights of a sensible size, and a
// tokenizer, so that they also read and write text.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/data/hf_folder.h"
#include "tests/data/random_values.h"
#include "tests/data/test_files.h"

namespace edgechat::testing {

enum class SmallFamily { llama, mistral, falcon7b, falcon40b, falcon11b, falconRw };
constexpr SmallFamily kSmallFamilies[] = {SmallFamily::llama,     SmallFamily::mistral,
                                          SmallFamily::falcon7b,  SmallFamily::falcon40b,
                                          SmallFamily::falcon11b, SmallFamily::falconRw};

inline const char* nameOf(SmallFamily family) {
    constexpr const char* kNames[] = {"llama", "mistral", "falcon7b", "falcon40b", "falcon11b", "falconRw"};
    return kNames[static_cast<size_t>(family)];
}

/// Hidden 64, 4 heads of 16, ffn 128 or 256; vocabulary and tokenizer of a model in tests/data/parity.
/// Mistral's window is 24 tokens.
/// @param dtype  "F16", "BF16" or "F32"
inline HfFolder smallSource(SmallFamily family, const std::string& dtype = "F16", int layers = 2,
                            uint64_t seed = 1) {
    const bool falcon = family >= SmallFamily::falcon7b;
    HfFolder shapes = family == SmallFamily::falcon7b    ? tinyFalconFolder(TinyFalcon::multiQuery)
                      : family == SmallFamily::falcon40b ? tinyFalconFolder(TinyFalcon::grouped)
                      : family == SmallFamily::falcon11b ? tinyFalconFolder(TinyFalcon::groupedOneNorm)
                      : family == SmallFamily::falconRw  ? tinyFalconFolder(TinyFalcon::rw)
                                                         : tinyLlamaFolder(1);
    HfFolder folder;
    folder.config = shapes.config;
    const uint64_t vocabulary = falcon ? 320 : 384;
    folder.config["vocab_size"] = vocabulary;
    folder.config["num_hidden_layers"] = layers;
    folder.config["torch_dtype"] = dtype == "F16" ? "float16" : dtype == "BF16" ? "bfloat16" : "float32";
    if (family == SmallFamily::mistral) {
        folder.config["architectures"] = {"MistralForCausalLM"};
        folder.config["model_type"] = "mistral";
        folder.config["sliding_window"] = 24;
    }
    RandomValues random(seed);
    const TensorType type = dtype == "F16"    ? TensorType::f16
                            : dtype == "BF16" ? TensorType::bf16
                                              : TensorType::f32;
    const auto add = [&](const std::string& name, std::vector<uint64_t> shape) {
        if (shape[0] == 40) shape[0] = vocabulary;
        const bool matrix = shape.size() == 2;
        const bool norm = name.find("norm") != std::string::npos || name.find("ln_") != std::string::npos;
        const bool bias = name.ends_with(".bias");
        const size_t count = static_cast<size_t>(matrix ? shape[0] * shape[1] : shape[0]);
        std::vector<float> values =
            random.vector(count, matrix ? std::sqrt(3.0f / static_cast<float>(shape[1])) : 0.2f);
        for (float& value : values) value += norm && !bias ? 1.0f : 0.0f;
        folder.weights.add(name, dtype, std::move(shape), encodeFloats(type, values));
    };
    const std::string first = falcon ? ".h.0." : ".layers.0.";
    for (const SafetensorsWriter::Tensor& tensor : shapes.weights.tensors) {
        const size_t place = tensor.name.find(first);
        for (int layer = 0; layer < (place == std::string::npos ? 1 : layers); ++layer) {
            std::string name = tensor.name;
            if (place != std::string::npos) name.replace(place + first.size() - 2, 1, std::to_string(layer));
            add(name, tensor.shape);
        }
    }
    const std::filesystem::path tokenizer =
        std::filesystem::path(EDGECHAT_TESTS_DATA) / "parity/models" / (falcon ? "falcon_7b" : "tinyllama");
    for (const char* name : {"tokenizer.json", "tokenizer.model", "tokenizer_config.json"}) {
        if (std::filesystem::exists(tokenizer / name)) folder.files[name] = readFile(tokenizer / name);
    }
    return folder;
}

/// Puts the tensors into the order in which programs store them: embedding, layer by layer, norm and head.
inline HfFolder layerByLayer(HfFolder folder) {
    const auto rank = [](const SafetensorsWriter::Tensor& tensor) {
        for (const char* layers : {".layers.", ".h."}) {
            const size_t place = tensor.name.find(layers);
            if (place != std::string::npos)
                return std::stoi(tensor.name.substr(place + std::string(layers).size()));
        }
        return tensor.name.find("embed") != std::string::npos ? -1 : 1000;
    };
    std::stable_sort(folder.weights.tensors.begin(), folder.weights.tensors.end(),
                     [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
    return folder;
}

/// Puts a value into an element of a tensor.
inline void setElement(HfFolder& folder, const std::string& name, size_t index, float value) {
    SafetensorsWriter::Tensor& tensor = folder.weights.tensor(name);
    const std::string bytes = encodeFloats(tensor.dtype == "F16"    ? TensorType::f16
                                           : tensor.dtype == "BF16" ? TensorType::bf16
                                                                    : TensorType::f32,
                                           {value});
    tensor.data.replace(index * bytes.size(), bytes.size(), bytes);
}

/// Writes the folder, its weights in one file or several.
inline void writeSource(const HfFolder& folder, const std::filesystem::path& path, size_t shards = 1) {
    std::filesystem::create_directories(path);
    const auto write = [&path](const std::string& name, const std::string& content) {
        std::ofstream(path / name, std::ios::binary | std::ios::trunc)
            .write(content.data(), static_cast<std::streamsize>(content.size()));
    };
    write("config.json", folder.config.dump());
    for (const auto& [name, content] : folder.files) write(name, content);
    if (shards == 1) return write("model.safetensors", folder.weights.bytes());
    nlohmann::json map;
    const auto five = [](size_t number) {
        const std::string digits = std::to_string(number);
        return std::string(5 - digits.size(), '0') + digits;
    };
    const std::vector<SafetensorsWriter::Tensor>& all = folder.weights.tensors;
    for (size_t shard = 0; shard < shards; ++shard) {
        const std::string name = "model-" + five(shard + 1) + "-of-" + five(shards) + ".safetensors";
        SafetensorsWriter part;
        for (size_t i = all.size() * shard / shards; i < all.size() * (shard + 1) / shards; ++i) {
            part.tensors.push_back(all[i]);
            map[all[i].name] = name;
        }
        write(name, part.bytes());
    }
    write("model.safetensors.index.json", nlohmann::json{{"weight_map", map}}.dump());
}

/// What a folder holds, by file name, but for the report (which has the time it took in it).
inline std::map<std::string, std::string> contentOf(const std::filesystem::path& folder) {
    std::map<std::string, std::string> content;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name != "edgechat.json") content[name] = entry.is_directory() ? "folder" : readFile(entry.path());
    }
    return content;
}

}  // namespace edgechat::testing
