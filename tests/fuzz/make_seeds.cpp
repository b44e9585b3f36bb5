// Writes the corpora that fuzzing begins with: make_seeds FOLDER makes FOLDER/gguf, FOLDER/text,
// FOLDER/safetensors and FOLDER/config.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/data/gguf_writer.h"
#include "tests/data/hf_folder.h"

namespace {

using namespace edgechat::testing;

bool writeSeed(const std::filesystem::path& path, const std::string& content) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(path, std::ios::binary);
    file << content;
    return file.good();
}

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
    HfFolder legacy = tinyFalconFolder(TinyFalcon::rw);
    legacy.config["model_type"] = "RefinedWebModel";
    legacy.config.erase("architectures");
    legacy.config["n_head"] = 4;
    bool written = writeSeed(folder / "llama", "c" + llama.config.dump()) &&
                   writeSeed(folder / "mistral", "c" + mistral.config.dump()) &&
                   writeSeed(folder / "legacy", "c" + legacy.config.dump()) &&
                   writeSeed(folder / "falcon", "c" + tinyFalconFolder(TinyFalcon::grouped).config.dump());
    written = written && writeSeed(folder / "quant",
                                   R"(q{"zero_point":true,"q_group_size":128,"w_bit":4,"version":"GEMM"})");
    return written && writeSeed(folder / "index",
                                R"(i{"metadata":{"total_size":4},"weight_map":{"t":"model-1.safetensors"}})");
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
        return 2;
    }
    const std::filesystem::path gguf = std::filesystem::path(arguments[1]) / "gguf";
    const std::filesystem::path text = std::filesystem::path(arguments[1]) / "text";
    std::error_code error;
    std::filesystem::create_directories(gguf, error);
    std::filesystem::create_directories(text, error);
    bool written = writeSafetensorsSeeds(std::filesystem::path(arguments[1]) / "safetensors") &&
                   writeConfigSeeds(std::filesystem::path(arguments[1]) / "config");

    TinyModelOptions options;
    options.layers = 1;
    options.hidden = options.ffn = 32;
    options.heads = options.kvHeads = 2;
    for (TensorType type :
         {TensorType::f16, TensorType::bf16, TensorType::q4_0, TensorType::q4_1, TensorType::q8_0}) {
        options.weights = options.embedding = type;
        options.tiedHead = type != TensorType::q4_0;
        const char* name = edgechat::inference::tensorTypeName(type);
        written = written && writeTinyModel(gguf / name, options);
    }
    // Small ones let the fuzzer reach the container's rules faster.
    GgufWriter head;
    head.text("general.architecture", "llama");
    head.u32("general.alignment", 64);
    head.i32s("a", {1, 2, 3});
    head.f32s("b", {1.0f});
    head.boolean("c", true);
    head.tensors.push_back({"t", 0, {4, 2}, std::string(32, 'x'), {}});
    head.alignment = 64;
    written = written && head.write(gguf / "head");
    GgufWriter vocabulary;
    vocabulary.text("tokenizer.ggml.model", "llama");
    vocabulary.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "b", "ab", "\u2581", "<0x0A>"});
    vocabulary.i32s("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 4, 6});
    vocabulary.f32s("tokenizer.ggml.scores", {0, 0, 0, -1, -2, -3, -4, 0});
    vocabulary.u32("tokenizer.ggml.eot_token_id", 2);
    written = written && vocabulary.write(gguf / "sentencepiece");

    const char* texts[] = {"abcHello the world 123, it's fine <|im_end|>\n",
                           "xyz\nUser: \u00e9\u20ac\U0001f600 \xff\xfe\xed\xa0\x80",
                           "\x03\x80\x40   aaaaaaab  \t\r\n \u3000\u00a0x",
                           "012</s><s><0x0A> hellohello \xf0\x9f"};
    for (size_t i = 0; i < std::size(texts); ++i) {
        std::ofstream file(text / std::to_string(i), std::ios::binary);
        file << texts[i];
        written = written && file.good();
    }
    if (!written) std::fprintf(stderr, "fuzz_seeds: cannot write below %s\n", arguments[1]);
    return written ? 0 : 1;
}
