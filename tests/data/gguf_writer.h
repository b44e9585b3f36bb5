// Writes GGUF files for tests: right ones, and wrong ones on purpose. writeTinyModel() makes a complete llama
// model with random weights, a byte-level vocabulary and a ChatML template that the engine can run.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/data/block_encoder.h"

namespace edgechat::testing {

inline std::string ggufString(const std::string& text) {
    return littleEndian<uint64_t>(text.size()) + text;
}

/// The container. Everything is public so that a test can break any part of it; bytes() only lays it out.
struct GgufWriter {
    struct Pair {
        std::string key;
        uint32_t type = 0;
        std::string payload;
    };
    struct Tensor {
        std::string name;
        uint32_t type = 0;
        std::vector<uint64_t> dimensions;  // dimension 0 is the contiguous one
        std::string data;
        std::optional<uint64_t> offset;  // absent: the running sum
    };

    std::string magic = "GGUF";
    uint32_t version = 3;
    uint64_t alignment = 32;  // of the layout; the key general.alignment is written only when a test sets it
    std::optional<uint64_t> tensorCount, pairCount;
    std::vector<Pair> pairs;
    std::vector<Tensor> tensors;

    // Replaces a key or appends it.
    void raw(const std::string& key, uint32_t type, std::string payload) {
        for (Pair& pair : pairs) {
            if (pair.key == key) return void(pair = {key, type, std::move(payload)});
        }
        pairs.push_back({key, type, std::move(payload)});
    }
    void u32(const std::string& key, uint32_t value) { raw(key, 4, littleEndian(value)); }
    void i32(const std::string& key, int32_t value) { raw(key, 5, littleEndian(value)); }
    void f32(const std::string& key, float value) {
        raw(key, 6, littleEndian(std::bit_cast<uint32_t>(value)));
    }
    void boolean(const std::string& key, bool value) { raw(key, 7, littleEndian<uint8_t>(value ? 1 : 0)); }
    void text(const std::string& key, const std::string& value) { raw(key, 8, ggufString(value)); }
    void u64(const std::string& key, uint64_t value) { raw(key, 10, littleEndian(value)); }
    void texts(const std::string& key, const std::vector<std::string>& values) {
        std::string payload = littleEndian<uint32_t>(8) + littleEndian<uint64_t>(values.size());
        for (const std::string& value : values) payload += ggufString(value);
        raw(key, 9, std::move(payload));
    }
    void i32s(const std::string& key, const std::vector<int32_t>& values) {
        std::string payload = littleEndian<uint32_t>(5) + littleEndian<uint64_t>(values.size());
        for (int32_t value : values) payload += littleEndian(value);
        raw(key, 9, std::move(payload));
    }
    void f32s(const std::string& key, const std::vector<float>& values) {
        std::string payload = littleEndian<uint32_t>(6) + littleEndian<uint64_t>(values.size());
        for (float value : values) payload += littleEndian(std::bit_cast<uint32_t>(value));
        raw(key, 9, std::move(payload));
    }
    void remove(const std::string& key) {
        std::erase_if(pairs, [&key](const Pair& pair) { return pair.key == key; });
    }
    Tensor* tensor(const std::string& name) {
        for (Tensor& tensor : tensors) {
            if (tensor.name == name) return &tensor;
        }
        return nullptr;
    }
    void removeTensor(const std::string& name) {
        std::erase_if(tensors, [&name](const Tensor& tensor) { return tensor.name == name; });
    }

    std::string bytes() const {
        std::string file = magic + littleEndian(version) +
                           littleEndian(tensorCount.value_or(tensors.size())) +
                           littleEndian(pairCount.value_or(pairs.size()));
        for (const Pair& pair : pairs) file += ggufString(pair.key) + littleEndian(pair.type) + pair.payload;
        uint64_t offset = 0;
        for (const Tensor& tensor : tensors) {
            file += ggufString(tensor.name) + littleEndian(static_cast<uint32_t>(tensor.dimensions.size()));
            for (uint64_t dimension : tensor.dimensions) file += littleEndian(dimension);
            file += littleEndian(tensor.type) + littleEndian(tensor.offset.value_or(offset));
            offset = padded(offset + tensor.data.size());
        }
        for (const Tensor& tensor : tensors) {
            file.resize(padded(file.size()), '\0');
            file += tensor.data;
        }
        return file;
    }

    bool write(const std::filesystem::path& path) const {
        std::ofstream file(path, std::ios::binary);
        const std::string content = bytes();
        file.write(content.data(), static_cast<std::streamsize>(content.size()));
        return file.good();
    }

  private:
    uint64_t padded(uint64_t size) const { return (size + alignment - 1) / alignment * alignment; }
};

inline uint32_t ggufTensorTypeId(TensorType type) {
    switch (type) {
        case TensorType::f32:
            return 0;
        case TensorType::f16:
            return 1;
        case TensorType::q4_0:
            return 2;
        case TensorType::q4_1:
            return 3;
        case TensorType::q5_0:
            return 6;
        case TensorType::q5_1:
            return 7;
        case TensorType::q8_0:
            return 8;
        case TensorType::q2_k:
            return 10;
        case TensorType::q3_k:
            return 11;
        case TensorType::q4_k:
            return 12;
        case TensorType::q5_k:
            return 13;
        case TensorType::q6_k:
            return 14;
        case TensorType::bf16:
            return 30;
        case TensorType::int4:  // no GGUF types
        case TensorType::int8:
            break;
    }
    return 0;
}

/// The GPT-2 spelling of a byte in a byte-level vocabulary, as UTF-8.
inline std::string byteSpelling(int byte) {
    const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
    int code = byte;
    if (!printable(byte)) {
        code = 256;
        for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
    }
    if (code < 128) return std::string(1, static_cast<char>(code));
    return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
}

inline const char* kChatMlTemplate =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' "
    "+ '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

struct TinyModelOptions {
    uint64_t seed = 1;
    int layers = 2;
    int hidden = 64;  // multiples of 32 for block types
    int heads = 4;
    int kvHeads = 2;
    int headSize = 16;
    int ffn = 96;
    int context = 256;
    float ropeBase = 10000.0f;
    TensorType weights = TensorType::q4_1;    // the layers' matrices
    TensorType embedding = TensorType::q8_0;  // the embedding, and the head if there is one
    bool tiedHead = true;
    std::string name = "Tiny";
    std::string chatTemplate = kChatMlTemplate;  // empty: none
};

/// Tokens of the tiny model: 0 <|endoftext|>, 1 <|im_start|>, 2 <|im_end|>, 3 + b the byte b, then merged
/// ones.
inline std::vector<std::string> tinyTokens() {
    std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(byteSpelling(byte));
    for (const char* merged : {"\u0120t", "he", "in", "\u0120the", "er", "\u0120a", "ll", "hell", "hello"}) {
        tokens.emplace_back(merged);
    }
    return tokens;
}

inline std::vector<std::string> tinyMerges() {
    return {"\u0120 t", "h e", "i n", "\u0120t he", "e r", "\u0120 a", "l l", "he ll", "hell o"};
}

inline void addTinyVocabulary(GgufWriter& writer, const TinyModelOptions& options) {
    const std::vector<std::string> tokens = tinyTokens();
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", "smollm");
    writer.texts("tokenizer.ggml.tokens", tokens);
    std::vector<int32_t> types(tokens.size(), 1);
    std::fill_n(types.begin(), 3, 3);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.texts("tokenizer.ggml.merges", tinyMerges());
    writer.u32("tokenizer.ggml.bos_token_id", 1);
    writer.u32("tokenizer.ggml.eos_token_id", 2);
    writer.boolean("tokenizer.ggml.add_bos_token", false);
    if (!options.chatTemplate.empty()) writer.text("tokenizer.chat_template", options.chatTemplate);
}

/// Adds tensors with random values; a seed gives the same ones with every standard library.
class RandomTensors {
  public:
    RandomTensors(GgufWriter& writer, uint64_t seed) : m_writer(writer), m_state(seed) {}

    void matrix(const std::string& name, TensorType type, int rows, int columns) {
        const float spread = std::sqrt(3.0f / static_cast<float>(columns));
        const auto values = uniform(static_cast<size_t>(rows) * static_cast<size_t>(columns), 0.0f, spread);
        add(name, type, {static_cast<uint64_t>(columns), static_cast<uint64_t>(rows)}, values);
    }
    void vector(const std::string& name, int size, float centre) {
        add(name, TensorType::f32, {static_cast<uint64_t>(size)},
            uniform(static_cast<size_t>(size), centre, 0.1f));
    }

  private:
    void add(const std::string& name, TensorType type, std::vector<uint64_t> dimensions,
             const std::vector<float>& values) {
        m_writer.tensors.push_back(
            {name, ggufTensorTypeId(type), std::move(dimensions), encodeTensor(type, values), {}});
    }

    // In [centre - spread, centre + spread), by splitmix64.
    std::vector<float> uniform(size_t count, float centre, float spread) {
        std::vector<float> values(count);
        for (float& value : values) {
            uint64_t z = (m_state += 0x9e3779b97f4a7c15u);
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            value = centre + spread * (static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-23f - 1.0f);
        }
        return values;
    }

    GgufWriter& m_writer;
    uint64_t m_state;
};

/// The keys that both architectures have, below `architecture`.
inline void addTinySizes(GgufWriter& writer, const std::string& architecture,
                         const TinyModelOptions& options) {
    const auto size = [&](const char* key, int value) {
        writer.u32(architecture + "." + key, static_cast<uint32_t>(value));
    };
    writer.text("general.architecture", architecture);
    writer.text("general.name", options.name);
    writer.u32("general.quantization_version", 2);
    size("block_count", options.layers);
    size("context_length", options.context);
    size("embedding_length", options.hidden);
    size("feed_forward_length", options.ffn);
    size("attention.head_count", options.heads);
    size("attention.head_count_kv", options.kvHeads);
    if (options.headSize * options.heads != options.hidden) {
        size("attention.key_length", options.headSize);
        size("attention.value_length", options.headSize);
    }
}

/// The tiny model as a writer, so that a test can change it before it is written.
inline GgufWriter tinyModel(const TinyModelOptions& options = {}) {
    GgufWriter writer;
    const int vocabulary = static_cast<int>(tinyTokens().size());
    addTinySizes(writer, "llama", options);
    writer.u32("llama.rope.dimension_count", static_cast<uint32_t>(options.headSize));
    writer.f32("llama.rope.freq_base", options.ropeBase);
    writer.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    writer.u32("llama.vocab_size", static_cast<uint32_t>(vocabulary));
    addTinyVocabulary(writer, options);

    RandomTensors random(writer, options.seed);
    const int queryWidth = options.heads * options.headSize, kvWidth = options.kvHeads * options.headSize;
    random.matrix("token_embd.weight", options.embedding, vocabulary, options.hidden);
    for (int layer = 0; layer < options.layers; ++layer) {
        const std::string prefix = "blk." + std::to_string(layer) + ".";
        random.vector(prefix + "attn_norm.weight", options.hidden, 1.0f);
        random.matrix(prefix + "attn_q.weight", options.weights, queryWidth, options.hidden);
        random.matrix(prefix + "attn_k.weight", options.weights, kvWidth, options.hidden);
        random.matrix(prefix + "attn_v.weight", options.weights, kvWidth, options.hidden);
        random.matrix(prefix + "attn_output.weight", options.weights, options.hidden, queryWidth);
        random.vector(prefix + "ffn_norm.weight", options.hidden, 1.0f);
        random.matrix(prefix + "ffn_gate.weight", options.weights, options.ffn, options.hidden);
        random.matrix(prefix + "ffn_up.weight", options.weights, options.ffn, options.hidden);
        random.matrix(prefix + "ffn_down.weight", options.weights, options.hidden, options.ffn);
    }
    random.vector("output_norm.weight", options.hidden, 1.0f);
    if (!options.tiedHead) random.matrix("output.weight", options.embedding, vocabulary, options.hidden);
    return writer;
}

/// A Falcon model: LayerNorm with biases, attention and MLP beside each other, Q, K and V in one matrix.
/// @param twoNorms  each branch has a norm of its own, as in Falcon-40B
inline GgufWriter tinyFalcon(const TinyModelOptions& options = {}, bool twoNorms = false) {
    GgufWriter writer;
    const int vocabulary = static_cast<int>(tinyTokens().size());
    addTinySizes(writer, "falcon", options);
    writer.text("falcon.tensor_data_layout", "jploski");
    writer.f32("falcon.attention.layer_norm_epsilon", 1e-5f);
    addTinyVocabulary(writer, options);

    RandomTensors random(writer, options.seed);
    const auto norm = [&](const std::string& name) {
        random.vector(name + ".weight", options.hidden, 1.0f);
        random.vector(name + ".bias", options.hidden, 0.0f);
    };
    const int queryWidth = options.heads * options.headSize, kvWidth = options.kvHeads * options.headSize;
    random.matrix("token_embd.weight", options.embedding, vocabulary, options.hidden);
    for (int layer = 0; layer < options.layers; ++layer) {
        const std::string prefix = "blk." + std::to_string(layer) + ".";
        norm(prefix + "attn_norm");
        if (twoNorms) norm(prefix + "attn_norm_2");
        random.matrix(prefix + "attn_qkv.weight", options.weights, queryWidth + 2 * kvWidth, options.hidden);
        random.matrix(prefix + "attn_output.weight", options.weights, options.hidden, queryWidth);
        random.matrix(prefix + "ffn_up.weight", options.weights, options.ffn, options.hidden);
        random.matrix(prefix + "ffn_down.weight", options.weights, options.hidden, options.ffn);
    }
    norm("output_norm");
    if (!options.tiedHead) random.matrix("output.weight", options.embedding, vocabulary, options.hidden);
    return writer;
}

/// `model` in `count` parts as ggml's gguf-split writes them: the metadata in the first, tensors in all.
inline std::vector<GgufWriter> splitModel(const GgufWriter& model, size_t count) {
    std::vector<GgufWriter> parts(count);
    parts[0].pairs = model.pairs;
    for (size_t i = 0; i < count; ++i) {
        parts[i].raw("split.no", 2, littleEndian(static_cast<uint16_t>(i)));
        parts[i].raw("split.count", 2, littleEndian(static_cast<uint16_t>(count)));
        parts[i].i32("split.tensors.count", static_cast<int32_t>(model.tensors.size()));
        const size_t first = model.tensors.size() * i / count, end = model.tensors.size() * (i + 1) / count;
        for (size_t t = first; t < end; ++t) parts[i].tensors.push_back(model.tensors[t]);
    }
    return parts;
}

/// "<prefix>-00002-of-00003.gguf" for part 1 of 3.
inline std::string partName(const std::string& prefix, size_t part, size_t count) {
    const auto five = [](size_t number) {
        const std::string digits = std::to_string(number);
        return std::string(5 - std::min<size_t>(digits.size(), 5), '0') + digits;
    };
    return prefix + "-" + five(part + 1) + "-of-" + five(count) + ".gguf";
}

/// Writes a complete model; false when the file could not be written.
inline bool writeTinyModel(const std::filesystem::path& path, const TinyModelOptions& options = {}) {
    return tinyModel(options).write(path);
}

}  // namespace edgechat::testing
