// Writes the corpora that fuzzing begins with: make_seeds FOLDER makes a folder in it for each subject.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/data/gguf_writer.h"
#include "tests/fuzz/gguf_input.h"

using namespace edgechat::testing;

namespace {

// A model with all types of super-blocks, which need rows of 256: those matrices have two rows.
GgufWriter superBlocks() {
    TinyModelOptions options;
    options.layers = options.heads = options.kvHeads = 1;
    options.hidden = 256;
    options.headSize = options.ffn = 2;
    options.weights = TensorType::f32;
    options.embedding = TensorType::q2_k;
    GgufWriter model = tinyModel(options);
    const std::pair<const char*, TensorType> types[] = {{"attn_q", TensorType::q2_k},
                                                        {"attn_k", TensorType::q3_k},
                                                        {"attn_v", TensorType::q4_k},
                                                        {"ffn_gate", TensorType::q5_k},
                                                        {"ffn_up", TensorType::q6_k}};
    for (const auto& [name, type] : types) {
        GgufWriter::Tensor* tensor = model.tensor(std::string("blk.0.") + name + ".weight");
        tensor->type = ggufTensorTypeId(type);
        tensor->data = encodeTensor(type, std::vector<float>(512, 0.5f));
    }
    return model;
}

}  // namespace

namespace {

// The small tokenizer.json, with one component or another.
bool writeTokenizerSeeds(const std::filesystem::path& folder) {
    const char* const kBase =
        R"("model": {"type": "BPE", "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "\u2581": 4, "\u2581a": 5, "1": 6,
           "\u0120": 7, "\u0120a": 8, "<0x0A>": 9}, "merges": ["a b", ["\u2581", "a"], "\u0120 a"],
           "byte_fallback": true, "fuse_unk": true, "ignore_merges": true, "unk_token": "<unk>"})";
    const char *const kParts[] =
        {
            R"("added_tokens": [{"id": 10, "content": "<s>", "special": true}, {"id": 11, "content": "<x>", "lstrip": true,
           "rstrip": true, "single_word": true, "normalized": true}])",
            R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
           {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
           {"type": "Strip", "strip_left": true, "strip_right": true},
           {"type": "Replace", "pattern": {"Regex": "[0-9]+(?=a)"},
                      "content" : "ab"
}]
},
           "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"},
           "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})",
        R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"},
           {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true},
           {"type": "Digits", "individual_digits": false},
           {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\d{1,3}"},
            "behavior": "MergedWithNext", "invert": true}]}, "decoder": {"type": "ByteLevel"})",
        R"("pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true},
           "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
           "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}],
           "special_tokens": {"<s>": {"ids": [10]}}})",
        R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "WhitespaceSplit"},
           {"type": "Split", "pattern": {"String": "ab"}, "behavior": "MergedWithPrevious"}]})"
}
;
bool written = true;
const auto write = [&written](const std::filesystem::path& path, const std::string& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    written = written && file.good();
};
std::error_code error;
std::filesystem::create_directories(folder / "tokenizer_json", error);
std::filesystem::create_directories(folder / "tiktoken", error);
for (size_t i = 0; i < std::size(kParts); ++i) {
    write(folder / "tokenizer_json" / std::to_string(i),
          "{" + std::string(kBase) + ", " + kParts[i] + ", " + kParts[0] + "}");
    write(folder / "tokenizer_json" / ("part" + std::to_string(i)),
          "{" + std::string(kBase) + ", " + kParts[i] + "}");
}
constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
std::string ranks;
for (int byte = 0; byte < 256; ++byte) {
    ranks += {kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='};
    ranks += " " + std::to_string(byte) + "\n";
}
write(folder / "tiktoken" / "bytes", ranks);
write(folder / "tiktoken" / "words", ranks + "YWI= 256\nYmM= 257\nYWJj 258\n");
write(folder / "tiktoken" / "short", "IQ== 0\nIg== 1\n");
return written;
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
    bool written = true;

    TinyModelOptions options;
    options.layers = 1;
    options.hidden = options.ffn = 32;
    options.heads = options.kvHeads = 2;
    for (TensorType type : {TensorType::f16, TensorType::bf16, TensorType::q4_0, TensorType::q4_1,
                            TensorType::q5_0, TensorType::q5_1, TensorType::q8_0}) {
        options.weights = options.embedding = type;
        options.tiedHead = type != TensorType::q4_0;
        const char* name = edgechat::inference::tensorTypeName(type);
        written = written && writeTinyModel(gguf / name, options);
    }
    options.tiedHead = true;
    const GgufWriter falcon = tinyFalcon(options, true);
    written = written && falcon.write(gguf / "falcon");
    const std::vector<GgufWriter> parts = splitModel(falcon, 2);
    std::ofstream(gguf / "parts", std::ios::binary) << parts[0].bytes() << kNextPart << parts[1].bytes();
    GgufWriter yarn = tinyModel(options);
    yarn.text("llama.rope.scaling.type", "yarn");
    yarn.f32("llama.rope.scaling.factor", 4);
    yarn.tensors.push_back({"blk.0.attn_q.bias", 0, {32}, std::string(128, '\0'), {}});
    written = written && yarn.write(gguf / "yarn");
    GgufWriter factors = tinyModel(options);
    factors.tensors.push_back({"rope_freqs.weight", 0, {8}, std::string(32, '\x3f'), {}});
    written = written && factors.write(gguf / "factors");
    written = written && superBlocks().write(gguf / "super_blocks");
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
    written = written && writeTokenizerSeeds(arguments[1]);
    if (!written) std::fprintf(stderr, "fuzz_seeds: cannot write below %s\n", arguments[1]);
    return written ? 0 : 1;
}
