// Small Hugging Face folders for tests: config.json and safetensors of each family, with random weights.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/data/int4_packing.h"
#include "tests/data/safetensors_writer.h"

namespace edgechat::testing {

/// A folder in the temporary folder, removed at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-test-XXXXXX").string();
        if (mkdtemp(pattern.data())) m_path = pattern;
    }
    ~TemporaryFolder() {
        std::error_code error;
        std::filesystem::remove_all(m_path, error);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    void write(const std::string& name, const std::string& content) const {
        std::ofstream(m_path / name, std::ios::binary | std::ios::trunc)
            .write(content.data(), static_cast<std::streamsize>(content.size()));
    }

  private:
    std::filesystem::path m_path;
};

/// A model's folder before it is written. A test changes any part of it.
struct HfFolder {
    nlohmann::json config;
    SafetensorsWriter weights;
    std::map<std::string, std::string> files;  // further ones, and those that replace the two

    void writeTo(const TemporaryFolder& folder) const {
        if (!files.contains("config.json")) folder.write("config.json", config.dump());
        if (!files.contains("model.safetensors")) folder.write("model.safetensors", weights.bytes());
        for (const auto& [name, content] : files) folder.write(name, content);
    }

    /// A matrix or vector of F16 values that differ from element to element.
    void addFloats(const std::string& name, const std::vector<uint64_t>& shape) {
        uint64_t count = 1;
        for (const uint64_t size : shape) count *= size;
        std::string data;
        for (uint64_t i = 0; i < count; ++i)
            data +=
                halfBytes(static_cast<float>((i * 37 + weights.tensors.size() * 11) % 199) / 100.0f - 1.0f);
        weights.add(name, "F16", shape, data);
    }
};

/// hidden 64, 4 query and 2 KV heads of 16, ffn 128, vocab 40.
inline HfFolder tinyLlamaFolder(int layers = 2) {
    HfFolder folder;
    folder.config = {{"architectures", {"LlamaForCausalLM"}},
                     {"model_type", "llama"},
                     {"hidden_act", "silu"},
                     {"hidden_size", 64},
                     {"intermediate_size", 128},
                     {"max_position_embeddings", 256},
                     {"num_attention_heads", 4},
                     {"num_hidden_layers", layers},
                     {"num_key_value_heads", 2},
                     {"rms_norm_eps", 1e-5},
                     {"rope_theta", 10000.0},
                     {"tie_word_embeddings", false},
                     {"vocab_size", 40}};
    folder.addFloats("model.embed_tokens.weight", {40, 64});
    for (int i = 0; i < layers; ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        folder.addFloats(prefix + "input_layernorm.weight", {64});
        folder.addFloats(prefix + "self_attn.q_proj.weight", {64, 64});
        folder.addFloats(prefix + "self_attn.k_proj.weight", {32, 64});
        folder.addFloats(prefix + "self_attn.v_proj.weight", {32, 64});
        folder.addFloats(prefix + "self_attn.o_proj.weight", {64, 64});
        folder.addFloats(prefix + "post_attention_layernorm.weight", {64});
        folder.addFloats(prefix + "mlp.gate_proj.weight", {128, 64});
        folder.addFloats(prefix + "mlp.up_proj.weight", {128, 64});
        folder.addFloats(prefix + "mlp.down_proj.weight", {64, 128});
    }
    folder.addFloats("model.norm.weight", {64});
    folder.addFloats("lm_head.weight", {40, 64});
    return folder;
}

enum class TinyFalcon { multiQuery, rw, grouped, groupedOneNorm };

/// hidden 64, 4 query heads of 16, ffn 256, vocab 40; KV heads 1 (7B), 4 (RW, with biases and ALiBi) or 2
/// (the new architecture).
inline HfFolder tinyFalconFolder(TinyFalcon form) {
    const bool rw = form == TinyFalcon::rw;
    const bool grouped = form == TinyFalcon::grouped || form == TinyFalcon::groupedOneNorm;
    const uint64_t kvHeads = rw ? 4 : grouped ? 2 : 1;
    HfFolder folder;
    folder.config = {{"architectures", {"FalconForCausalLM"}},
                     {"model_type", "falcon"},
                     {"alibi", rw},
                     {"bias", rw},
                     {"hidden_size", 64},
                     {"layer_norm_epsilon", 1e-5},
                     {"multi_query", !rw},
                     {"new_decoder_architecture", grouped},
                     {"num_attention_heads", 4},
                     {"num_hidden_layers", 1},
                     {"num_kv_heads", grouped ? 2 : 4},
                     {"parallel_attn", !rw},
                     {"vocab_size", 40}};
    if (form == TinyFalcon::groupedOneNorm) folder.config["num_ln_in_parallel_attn"] = 1;
    const auto norm = [&](const std::string& module) {
        folder.addFloats(module + ".weight", {64});
        folder.addFloats(module + ".bias", {64});
    };
    const auto linear = [&](const std::string& module, uint64_t rows, uint64_t columns) {
        folder.addFloats(module + ".weight", {rows, columns});
        if (rw) folder.addFloats(module + ".bias", {rows});
    };
    folder.addFloats("transformer.word_embeddings.weight", {40, 64});
    const std::string prefix = "transformer.h.0.";
    if (form == TinyFalcon::grouped) {
        norm(prefix + "ln_attn");
        norm(prefix + "ln_mlp");
    } else {
        norm(prefix + "input_layernorm");
        if (rw) norm(prefix + "post_attention_layernorm");
    }
    linear(prefix + "self_attention.query_key_value", 64 + 2 * kvHeads * 16, 64);
    linear(prefix + "self_attention.dense", 64, 64);
    linear(prefix + "mlp.dense_h_to_4h", 256, 64);
    linear(prefix + "mlp.dense_4h_to_h", 64, 256);
    norm("transformer.ln_f");
    return folder;
}

/// Whether a tensor of these folders is the weight of a linear layer inside a decoder layer: what quantizers
/// take.
inline bool isLayerMatrix(const SafetensorsWriter::Tensor& tensor) {
    const bool inLayer =
        tensor.name.find("layers.") != std::string::npos || tensor.name.find(".h.") != std::string::npos;
    return inLayer && tensor.shape.size() == 2;
}

enum class Int4Form { gemm, gemv, gemvFast, gemvFastScaledZeros, compressed, compressedSymmetric };

inline void addInt4(SafetensorsWriter& writer, Int4Form form, const std::string& module,
                    const Int4Matrix& m) {
    switch (form) {
        case Int4Form::gemm:
            return addAwqGemm(writer, module, m);
        case Int4Form::gemv:
            return addAwqGemv(writer, module, m);
        case Int4Form::gemvFast:
            return addAwqGemvFast(writer, module, m);
        case Int4Form::gemvFastScaledZeros:
            return addAwqGemvFast(writer, module, m, ".scaled_zeros");
        case Int4Form::compressed:
            return addCompressedTensors(writer, module, m, true);
        case Int4Form::compressedSymmetric:
            return addCompressedTensors(writer, module, m, false);
    }
}

/// Replaces every linear layer of a decoder layer; returns the matrices by their modules.
inline std::map<std::string, Int4Matrix> quantizeFolder(HfFolder& folder, Int4Form form, int groupSize) {
    std::map<std::string, Int4Matrix> matrices;
    const std::vector<SafetensorsWriter::Tensor> plain = folder.weights.tensors;
    for (const SafetensorsWriter::Tensor& tensor : plain) {
        if (!isLayerMatrix(tensor)) continue;
        const std::string module = tensor.name.substr(0, tensor.name.size() - std::string(".weight").size());
        const int columns = static_cast<int>(tensor.shape[1]);
        const Int4Matrix matrix =
            randomInt4(static_cast<int>(tensor.shape[0]), columns, groupSize == -1 ? columns : groupSize,
                       static_cast<uint32_t>(matrices.size()), form == Int4Form::compressedSymmetric);
        folder.weights.remove(tensor.name);
        addInt4(folder.weights, form, module, matrix);
        matrices.emplace(module, matrix);
    }
    const bool compressed = form == Int4Form::compressed || form == Int4Form::compressedSymmetric;
    if (compressed) {
        folder.config["quantization_config"] = {
            {"quant_method", "compressed-tensors"},
            {"format", "pack-quantized"},
            {"ignore", {"lm_head"}},
            {"config_groups",
             {{"group_0",
               {{"targets", {"Linear"}},
                {"input_activations", nullptr},
                {"output_activations", nullptr},
                {"weights",
                 {{"num_bits", 4},
                  {"type", "int"},
                  {"symmetric", form == Int4Form::compressedSymmetric},
                  {"strategy", groupSize == -1 ? "channel" : "group"},
                  {"group_size", groupSize == -1 ? nlohmann::json() : nlohmann::json(groupSize)},
                  {"actorder", nullptr}}}}}}}};
    } else {
        folder.config["quantization_config"] = {{"quant_method", "awq"},
                                                {"bits", 4},
                                                {"group_size", groupSize},
                                                {"zero_point", true},
                                                {"version", form == Int4Form::gemm   ? "gemm"
                                                            : form == Int4Form::gemv ? "gemv"
                                                                                     : "gemv_fast"},
                                                {"modules_to_not_convert", nullptr}};
    }
    return matrices;
}

}  // namespace edgechat::testing
