// Files of Hugging Face folders: weights in every form, and configurations.
#include "tests/data/int8_packing.h"
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

// The model of fuzz_safetensors.cpp, plain and in every quantized form.
bool writeSafetensorsSeeds(const std::filesystem::path& folder) {
    HfFolder plain;
    plain.addFloats("model.embed_tokens.weight", {8, 8});
    plain.addFloats("model.norm.weight", {8});
    plain.addFloats("lm_head.weight", {8, 8});
    const std::string prefix = "model.layers.0.";
    plain.addFloats(prefix + "input_layernorm.weight", {8});
    plain.addFloats(prefix + "post_attention_layernorm.weight", {8});
    for (const char* name : {"q", "k", "v", "o"})
        plain.addFloats(prefix + "self_attn." + name + "_proj.weight", {8, 8});
    for (const char* name : {"gate", "up"}) plain.addFloats(prefix + "mlp." + name + "_proj.weight", {16, 8});
    plain.addFloats(prefix + "mlp.down_proj.weight", {8, 16});
    bool written = writeSeed(folder / "plain", plain.weights.bytes());
    for (const Int4Form form : {Int4Form::gemm, Int4Form::compressed, Int4Form::compressedSymmetric}) {
        HfFolder quantized = plain;
        quantizeFolder(quantized, form, 8);
        written = written && writeSeed(folder / ("form" + std::to_string(static_cast<int>(form))),
                                       quantized.weights.bytes());
    }
    HfFolder int8 = plain;
    quantizeFolderToInt8(int8);
    written = written && writeSeed(folder / "int8", int8.weights.bytes());
    SafetensorsWriter head;
    head.add("t", "I32", {2, 2}, std::string(16, 'x'));
    head.add("u", "F16", {0, 7}, "");
    head.add("v", "BF16", {}, "xx");
    written = written && writeSeed(folder / "head", head.bytes());
    return written && writeSeed(folder / "empty", SafetensorsWriter().bytes());
}

bool writeConfigSeeds(const std::filesystem::path& folder) {
    HfFolder llama = tinyLlamaFolder(1);
    quantizeFolder(llama, Int4Form::gemm, 32);
    llama.config["rope_scaling"] = {{"rope_type", "llama3"},
                                    {"factor", 8.0},
                                    {"low_freq_factor", 1.0},
                                    {"high_freq_factor", 4.0},
                                    {"original_max_position_embeddings", 64}};
    HfFolder mistral = tinyLlamaFolder(1);
    quantizeFolder(mistral, Int4Form::compressed, 32);
    mistral.config["model_type"] = "mistral";
    mistral.config.erase("architectures");
    mistral.config["sliding_window"] = 32;
    mistral.config["rope_parameters"] = {{"rope_type", "yarn"}, {"factor", 4.0}, {"rope_theta", 5e5}};
    HfFolder int8 = tinyLlamaFolder(1);
    quantizeFolderToInt8(int8);
    HfFolder legacy = tinyFalconFolder(TinyFalcon::rw);
    legacy.config["model_type"] = "RefinedWebModel";
    legacy.config.erase("architectures");
    legacy.config["n_head"] = 4;
    bool written = writeSeed(folder / "llama", "c" + llama.config.dump()) &&
                   writeSeed(folder / "mistral", "c" + mistral.config.dump()) &&
                   writeSeed(folder / "int8", "c" + int8.config.dump()) &&
                   writeSeed(folder / "legacy", "c" + legacy.config.dump()) &&
                   writeSeed(folder / "falcon", "c" + tinyFalconFolder(TinyFalcon::grouped).config.dump());
    written = written && writeSeed(folder / "quant",
                                   R"(q{"zero_point":true,"q_group_size":128,"w_bit":4,"version":"GEMM"})");
    return written && writeSeed(folder / "index",
                                R"(i{"metadata":{"total_size":4},"weight_map":{"t":"model-1.safetensors"}})");
}

}  // namespace edgechat::testing
