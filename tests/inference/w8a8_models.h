// W8A8 models, how far activations of 8 bits take them from the fp32 reference, and what tests of a backend
// do with them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <ostream>
#include <span>
#include <vector>

#include "inference/forward.h"
#include "tests/data/int8_packing.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::testing {

inline std::vector<int> someTokens(int count, int vocab) {
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + i * i * 11) % vocab);
    return tokens;
}

/// Logits of all tokens, computed in chunks of the given size.
inline std::vector<float> logitsOf(inference::Backend& backend, const inference::ModelConfig& config,
                                   const std::vector<int>& tokens, int chunk) {
    const auto vocab = static_cast<size_t>(config.vocab);
    std::vector<float> all(tokens.size() * vocab);
    for (size_t first = 0; first < tokens.size(); first += static_cast<size_t>(chunk)) {
        const size_t count = std::min(static_cast<size_t>(chunk), tokens.size() - first);
        inference::forward(backend, config, std::span<const int>(tokens).subspan(first, count),
                           static_cast<int>(first), static_cast<int>(count), all.data() + first * vocab);
    }
    return all;
}

/// Root mean square of the differences, relative to the logits'.
inline double relativeError(const std::vector<float>& found, const std::vector<float>& expected) {
    EXPECT_EQ(found.size(), expected.size());
    double differences = 0, squares = 0;
    for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
        differences += std::pow(double{found[i]} - expected[i], 2);
        squares += std::pow(double{expected[i]}, 2);
    }
    return std::sqrt(differences / squares);
}

inline std::unique_ptr<inference::Checkpoint> openFolder(const HfFolder& model) {
    const TemporaryFolder folder;
    model.writeTo(folder);
    auto checkpoint = inference::Checkpoint::open(folder.path());  // an opened checkpoint keeps its files
    EXPECT_TRUE(checkpoint) << (checkpoint ? "" : checkpoint.error().message());
    return checkpoint ? std::move(*checkpoint) : nullptr;
}

struct W8A8Model {
    const char* name;
    std::unique_ptr<inference::Checkpoint> (*open)();
    double largestError;
};

inline void PrintTo(const W8A8Model& model, std::ostream* out) {
    *out << model.name;
}

template <TinyFalcon kForm>
std::unique_ptr<inference::Checkpoint> openFalcon() {
    HfFolder model = tinyFalconFolder(kForm);
    quantizeFolderToInt8(model);
    return openFolder(model);
}

inline std::unique_ptr<inference::Checkpoint> openLlama() {
    HfFolder model = tinyLlamaFolder();
    quantizeFolderToInt8(model);
    return openFolder(model);
}

// The head too, for which llm-compressor makes an exception unless it is told not to.
inline std::unique_ptr<inference::Checkpoint> openLlamaWithHead() {
    HfFolder model = tinyLlamaFolder();
    quantizeFolderToInt8(model);
    model.weights.remove("lm_head.weight");
    addInt8(model.weights, "lm_head", randomInt8(40, 64, 99), "F32");
    return openFolder(model);
}

// Matrices that read one operand in its three forms: int8 by token, fp32, and 15 bits in groups.
inline std::unique_ptr<inference::Checkpoint> openMixedLlama() {
    HfFolder model = tinyLlamaFolder();
    const HfFolder plain = model;
    HfFolder int4 = model;
    quantizeFolder(int4, Int4Form::compressedSymmetric, 32);
    quantizeFolderToInt8(model);
    const auto replace = [&](const std::string& module, const HfFolder& source) {
        for (const char* part : {".weight", ".weight_scale"}) model.weights.remove(module + part);
        for (const auto& tensor : source.weights.tensors) {
            if (tensor.name.starts_with(module + ".")) model.weights.tensors.push_back(tensor);
        }
    };
    replace("model.layers.0.self_attn.k_proj", plain);
    replace("model.layers.0.self_attn.v_proj", int4);
    replace("model.layers.1.mlp.up_proj", plain);
    replace("model.layers.1.mlp.gate_proj", int4);
    replace("model.layers.1.mlp.down_proj", int4);
    return openFolder(model);
}

// The MLP reads what attention's norm gave, here in another form than attention does.
inline std::unique_ptr<inference::Checkpoint> openMixedFalcon() {
    HfFolder model = tinyFalconFolder(TinyFalcon::multiQuery);
    const std::string module = "transformer.h.0.self_attention.query_key_value";
    const SafetensorsWriter::Tensor plain = model.weights.tensor(module + ".weight");
    quantizeFolderToInt8(model);
    for (const char* part : {".weight", ".weight_scale"}) model.weights.remove(module + part);
    model.weights.tensors.push_back(plain);
    return openFolder(model);
}

// No width is a multiple of 32.
inline std::unique_ptr<inference::Checkpoint> oddWidths() {
    inference::ModelConfig config = smallConfig();
    config.hidden = 100, config.heads = 5, config.kvHeads = 1, config.headSize = 20;
    config.ffn = 90, config.vocab = 53, config.tiedHead = false;
    MemoryModelOptions options;
    options.weights = options.embedding = inference::TensorType::int8;
    options.linearBiases = true;
    return memoryCheckpoint(config, options);
}

// A code is off by at most half a step of max|x| / 127, on average by a step / sqrt(12). Of a row of 64 to
// 256 numbers the largest is some 2.5 to 4 times their root mean square, so that a product's relative error
// is about 3.2 / 127 / 3.5 = 0.7 %. Four products follow each other in a layer and a gate multiplies two of
// them: 1 to 2 % in the two layers of LLaMA. In the one layer of Falcon, which has no gate and adds about a
// third to the embedding, 0.2 to 0.3 %. Twice that is allowed; a wrong scale, row or sum costs tens of per
// cent.
constexpr double kLlama = 0.03, kFalcon = 0.006;

inline const W8A8Model kW8A8Models[] = {{"llama", openLlama, kLlama},
                                        {"llamaWithInt8Head", openLlamaWithHead, kLlama},
                                        {"mixedLlama", openMixedLlama, kLlama},
                                        {"falcon7b", openFalcon<TinyFalcon::multiQuery>, kFalcon},
                                        {"falconRw", openFalcon<TinyFalcon::rw>, kFalcon},
                                        {"falconGrouped", openFalcon<TinyFalcon::grouped>, kFalcon},
                                        {"mixedFalcon", openMixedFalcon, kFalcon},
                                        {"oddWidths", oddWidths, kLlama}};

}  // namespace edgechat::testing
