#include <algorithm>
#include <iterator>

#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

constexpr uint64_t kMaxWidth = 1 << 20;    // hidden, ffn, head size; elements
constexpr uint64_t kMaxContext = 1 << 30;  // tokens
constexpr uint64_t kMaxVocabulary = 1 << 24;

constexpr GgufArchitecture kArchitectures[] = {
    {.name = "llama",
     .norm = NormKind::rms,
     .normEpsilonKey = "attention.layer_norm_rms_epsilon",
     .activation = Activation::silu,
     .gatedMlp = true,
     .parallelResidual = false,
     .fusedQkv = false,
     .ropePairs = RopePairs::adjacent,
     .tensorLayout = nullptr},
    {.name = "falcon",
     .norm = NormKind::layer,
     .normEpsilonKey = "attention.layer_norm_epsilon",
     .activation = Activation::gelu,
     .gatedMlp = false,
     .parallelResidual = true,
     .fusedQkv = true,
     .ropePairs = RopePairs::halves,
     .tensorLayout = "jploski"},
};

int number(uint64_t value) {
    return static_cast<int>(value);  // the callers' bounds are far below 2^31
}

void refuseExperts(const GgufArchitecture& architecture, GgufFields& fields) {
    const std::string key = architecture.key("expert_count");
    const uint64_t experts = fields.integerOr(key, 0, 0, UINT64_MAX);
    if (experts == 0) return;
    fields.fail(key, std::to_string(experts) + " experts",
                "a dense model; this version runs no mixture of experts");
}

void checkTensorLayout(const GgufArchitecture& architecture, GgufFields& fields) {
    if (!architecture.tensorLayout) return;
    const std::string key = architecture.key("tensor_data_layout");
    const std::string layout = fields.textOr(key, architecture.tensorLayout);
    if (fields.ok() && layout != architecture.tensorLayout) {
        fields.fail(key, "\"" + quotedForMessage(layout) + "\"",
                    std::string("\"") + architecture.tensorLayout + "\"");
    }
}

// The two head widths of a file must agree, and RoPE must turn all of a head. `config.hidden` is known.
void readHeadSize(const GgufArchitecture& architecture, GgufFields& fields, ModelConfig& config) {
    const auto hidden = static_cast<uint64_t>(config.hidden), heads = static_cast<uint64_t>(config.heads);
    const std::string key = architecture.key("attention.key_length");
    if (!fields.has(key) && hidden % heads != 0) {
        return fields.fail(architecture.key("embedding_length"), std::to_string(hidden),
                           "a multiple of the " + std::to_string(heads) + " heads");
    }
    const uint64_t size = fields.integerOr(key, hidden / heads, 1, kMaxWidth);
    fields.integerOr(architecture.key("attention.value_length"), size, size, size);
    fields.integerOr(architecture.key("rope.dimension_count"), size, size, size);
    if (fields.ok() && size % 2 != 0) fields.fail(key, std::to_string(size), "an even head size");
    if (fields.ok() && size * heads > kMaxWidth) {
        fields.fail(architecture.key("attention.head_count"), std::to_string(heads),
                    "at most " + std::to_string(kMaxWidth) + " elements in all heads");
    }
    config.headSize = number(size);
}

void readHeads(const GgufArchitecture& architecture, GgufFields& fields, ModelConfig& config) {
    config.heads = number(fields.sameInteger(architecture.key("attention.head_count"), 1, kMaxWidth));
    const std::string key = architecture.key("attention.head_count_kv");
    config.kvHeads = fields.has(key) ? number(fields.sameInteger(key, 1, kMaxWidth)) : config.heads;
    if (!fields.ok()) return;
    if (config.heads % config.kvHeads != 0) {
        return fields.fail(key, std::to_string(config.kvHeads),
                           "a divisor of the " + std::to_string(config.heads) + " heads");
    }
    readHeadSize(architecture, fields, config);
}

void readSizes(const GgufArchitecture& architecture, GgufFields& fields, size_t tensors,
               ModelConfig& config) {
    config.layers = number(
        fields.integer(architecture.key("block_count"), 1, std::clamp<uint64_t>(tensors, 1, INT32_MAX)));
    config.hidden = number(fields.integer(architecture.key("embedding_length"), 1, kMaxWidth));
    config.ffn = number(fields.sameInteger(architecture.key("feed_forward_length"), 1, kMaxWidth));
    config.context = number(fields.integer(architecture.key("context_length"), 1, kMaxContext));
    const uint64_t window = fields.integerOr(architecture.key("attention.sliding_window"), 0, 0, UINT64_MAX);
    if (window < kMaxContext) config.slidingWindow = number(window);  // no context fills a larger one
    if (fields.ok()) readHeads(architecture, fields, config);
}

void readVocabularySize(const GgufArchitecture& architecture, GgufFields& fields, ModelConfig& config) {
    constexpr const char* kTokens = "tokenizer.ggml.tokens";
    const auto* tokens = fields.texts(kTokens);
    if (!tokens) fields.fail(kTokens, "no such key", "an array of texts");
    if (!fields.ok()) return;
    fields.integerOr(architecture.key("vocab_size"), tokens->size(), tokens->size(), tokens->size());
    if (tokens->empty() || tokens->size() > kMaxVocabulary) {
        fields.fail(kTokens, std::to_string(tokens->size()) + " tokens",
                    "1 to " + std::to_string(kMaxVocabulary));
    }
    config.vocab = number(tokens->size());
}

}  // namespace

const GgufArchitecture* findArchitecture(GgufFields& fields) {
    constexpr const char* kKey = "general.architecture";
    const std::string name = fields.text(kKey);
    if (!fields.ok()) return nullptr;
    const auto* found =
        std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                     [&name](const GgufArchitecture& architecture) { return name == architecture.name; });
    if (found != std::end(kArchitectures)) return found;
    fields.fail(
        kKey, "\"" + quotedForMessage(name) + "\"",
        "\"llama\" (LLaMA, Mistral, TinyLlama, SmolLM2, Falcon3) or \"falcon\" (Falcon-7B, 11B, 40B), "
        "the architectures that this version runs");
    return nullptr;
}

void readGgufConfig(const GgufArchitecture& architecture, GgufFields& fields, size_t tensors,
                    ModelConfig& config) {
    refuseExperts(architecture, fields);
    checkTensorLayout(architecture, fields);
    if (!fields.ok()) return;
    config.architecture = architecture.name;
    config.name = fields.textOr("general.name", "");
    config.norm = architecture.norm;
    config.activation = architecture.activation;
    config.gatedMlp = architecture.gatedMlp;
    config.parallelResidual = architecture.parallelResidual;
    config.ropePairs = architecture.ropePairs;
    readSizes(architecture, fields, tensors, config);
    config.normEps = static_cast<float>(fields.positive(architecture.key(architecture.normEpsilonKey)));
    config.ropeBase = static_cast<float>(fields.positiveOr(architecture.key("rope.freq_base"), 10000.0));
    if (fields.ok()) readRopeScaling(architecture, fields, config);
    if (fields.ok()) readVocabularySize(architecture, fields, config);
}

}  // namespace edgechat::inference
