// GGUF files: every block type, both architectures, parts, and small ones that reach the container's rules
// faster.
#include <fstream>

#include "tests/data/gguf_writer.h"
#include "tests/fuzz/gguf_input.h"
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

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

bool writeGgufSeeds(const std::filesystem::path& folder) {
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
        written = writeTinyModel(folder / name, options) && written;
    }
    options.tiedHead = true;
    const GgufWriter falcon = tinyFalcon(options, true);
    written = falcon.write(folder / "falcon") && written;
    const std::vector<GgufWriter> parts = splitModel(falcon, 2);
    std::ofstream(folder / "parts", std::ios::binary) << parts[0].bytes() << kNextPart << parts[1].bytes();
    GgufWriter yarn = tinyModel(options);
    yarn.text("llama.rope.scaling.type", "yarn");
    yarn.f32("llama.rope.scaling.factor", 4);
    yarn.tensors.push_back({"blk.0.attn_q.bias", 0, {32}, std::string(128, '\0'), {}});
    written = yarn.write(folder / "yarn") && written;
    GgufWriter factors = tinyModel(options);
    factors.tensors.push_back({"rope_freqs.weight", 0, {8}, std::string(32, '\x3f'), {}});
    written = factors.write(folder / "factors") && written;
    written = superBlocks().write(folder / "super_blocks") && written;
    // Small ones let the fuzzer reach the container's rules faster.
    GgufWriter head;
    head.text("general.architecture", "llama");
    head.u32("general.alignment", 64);
    head.i32s("a", {1, 2, 3});
    head.f32s("b", {1.0f});
    head.boolean("c", true);
    head.tensors.push_back({"t", 0, {4, 2}, std::string(32, 'x'), {}});
    head.alignment = 64;
    written = head.write(folder / "head") && written;
    GgufWriter vocabulary;
    vocabulary.text("tokenizer.ggml.model", "llama");
    vocabulary.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "b", "ab", "\u2581", "<0x0A>"});
    vocabulary.i32s("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 4, 6});
    vocabulary.f32s("tokenizer.ggml.scores", {0, 0, 0, -1, -2, -3, -4, 0});
    vocabulary.u32("tokenizer.ggml.eot_token_id", 2);
    written = vocabulary.write(folder / "sentencepiece") && written;
    return written;
}

}  // namespace edgechat::testing
