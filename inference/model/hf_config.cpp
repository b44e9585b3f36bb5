#include "inference/model/hf_config.h"

#include <algorithm>

#include "inference/model/gguf.h"
#include "inference/model/hf_rope.h"
#include "inference/model/json_fields.h"

namespace edgechat::inference {

namespace {

constexpr int64_t kMaxWidth = 1 << 20;    // hidden, ffn, all heads; elements
constexpr int64_t kMaxContext = 1 << 30;  // tokens
constexpr int64_t kMaxVocabulary = 1 << 24;
constexpr int64_t kMaxLayers = 4096;

enum class Family { llama, mistral, falcon };

struct FamilyName {
    const char* name;
    Family family;
};
constexpr FamilyName kModelTypes[] = {{"llama", Family::llama},
                                      {"mistral", Family::mistral},
                                      {"falcon", Family::falcon},
                                      {"RefinedWebModel", Family::falcon},
                                      {"RefinedWeb", Family::falcon}};
constexpr FamilyName kArchitectures[] = {{"LlamaForCausalLM", Family::llama},
                                         {"LLaMAForCausalLM", Family::llama},
                                         {"MistralForCausalLM", Family::mistral},
                                         {"FalconForCausalLM", Family::falcon},
                                         {"RWForCausalLM", Family::falcon}};
constexpr const char* kWhatRuns =
    "llama (LLaMA, Llama 3, TinyLlama, SmolLM2, OpenLLaMA, Falcon3), mistral or falcon";

template <size_t N>
const FamilyName* findFamily(const FamilyName (&names)[N], const std::string& name) {
    const FamilyName* found =
        std::find_if(names, names + N, [&](const FamilyName& known) { return name == known.name; });
    return found == names + N ? nullptr : found;
}

Family readFamily(JsonFields& fields) {
    const std::vector<std::string> architectures = fields.texts("architectures");
    const std::string architecture = architectures.empty() ? "" : architectures[0];
    const FamilyName* byArchitecture = findFamily(kArchitectures, architecture);
    if (fields.has("model_type")) {
        const std::string type = fields.text("model_type");
        const FamilyName* byType = findFamily(kModelTypes, type);
        if (!byType) {
            fields.fail("model_type", "\"" + quotedForMessage(type) + "\"", kWhatRuns);
        } else if (!architecture.empty() && (!byArchitecture || byArchitecture->family != byType->family)) {
            fields.fail("architectures", "\"" + quotedForMessage(architecture) + "\"",
                        "the language model of " + type + ", as LlamaForCausalLM is of llama");
        }
        return byType ? byType->family : Family::llama;
    }
    if (architecture.empty()) {
        fields.fail("model_type", "no such key", kWhatRuns);
    } else if (!byArchitecture) {
        fields.fail("architectures", "\"" + quotedForMessage(architecture) + "\"",
                    "LlamaForCausalLM, MistralForCausalLM or FalconForCausalLM");
    }
    return byArchitecture ? byArchitecture->family : Family::llama;
}

Activation readActivation(JsonFields& fields, std::string_view key, const char* fallback) {
    const std::string name = fields.textOr(key, fallback);
    if (name == "silu" || name == "swish") return Activation::silu;
    if (name != "gelu" && fields.ok()) {
        fields.fail(key, "\"" + quotedForMessage(name) + "\"", "\"silu\" or \"gelu\" (the exact form)");
    }
    return Activation::gelu;
}

// Heads, and their size where it follows from hidden.
void readHeads(JsonFields& fields, ModelConfig& config, std::string_view key) {
    config.heads = static_cast<int>(fields.integer(key, 1, kMaxWidth));
    if (!fields.ok() || fields.has("head_dim")) return;
    if (config.hidden % config.heads != 0) {
        fields.fail("hidden_size", std::to_string(config.hidden),
                    "a multiple of the " + std::to_string(config.heads) + " heads");
    }
    config.headSize = config.hidden / config.heads;
}

void checkHeads(JsonFields& fields, const ModelConfig& config, std::string_view kvKey) {
    if (!fields.ok()) return;
    if (config.heads % config.kvHeads != 0) {
        return fields.fail(kvKey, std::to_string(config.kvHeads),
                           "a divisor of the " + std::to_string(config.heads) + " heads");
    }
    if (config.headSize % 2 != 0 || config.headSize == 0)
        return fields.fail("head_dim", std::to_string(config.headSize), "an even head size");
    if (int64_t{config.headSize} * config.heads > kMaxWidth) {
        fields.fail("num_attention_heads", std::to_string(config.heads),
                    "at most " + std::to_string(kMaxWidth) + " elements in all heads");
    }
}

// LlamaConfig and MistralConfig of transformers: the defaults differ in context and window.
void readLlama(JsonFields& fields, Family family, HfConfig& result) {
    ModelConfig& config = result.model;
    const bool mistral = family == Family::mistral;
    config.architecture = mistral ? "mistral" : "llama";
    config.layers = static_cast<int>(fields.integer("num_hidden_layers", 1, kMaxLayers));
    config.hidden = static_cast<int>(fields.integer("hidden_size", 1, kMaxWidth));
    config.ffn = static_cast<int>(fields.integer("intermediate_size", 1, kMaxWidth));
    config.vocab = static_cast<int>(fields.integer("vocab_size", 1, kMaxVocabulary));
    config.context = static_cast<int>(
        fields.integerOr("max_position_embeddings", mistral ? 131072 : 2048, 1, kMaxContext));
    readHeads(fields, config, "num_attention_heads");
    if (fields.has("head_dim")) config.headSize = static_cast<int>(fields.integer("head_dim", 1, kMaxWidth));
    // Absent and null differ in two keys of MistralConfig: absent is v0.1's value, null says "all heads" and
    // "no window".
    const auto absent = [&](const char* key) { return mistral && !fields.json().contains(key); };
    config.kvHeads = static_cast<int>(fields.integerOr(
        "num_key_value_heads", absent("num_key_value_heads") ? 8 : config.heads, 1, kMaxWidth));
    checkHeads(fields, config, "num_key_value_heads");
    config.norm = NormKind::rms;
    config.normEps = static_cast<float>(fields.positiveOr("rms_norm_eps", 1e-6));
    config.activation = readActivation(fields, "hidden_act", "silu");
    config.gatedMlp = true;
    config.tiedHead = fields.booleanOr("tie_word_embeddings", false);
    result.attentionBias = fields.booleanOr("attention_bias", false);
    result.mlpBias = fields.booleanOr("mlp_bias", false);
    if (mistral && fields.booleanOr("use_sliding_window", true)) {
        if (fields.has("sliding_window") || absent("sliding_window"))
            config.slidingWindow = static_cast<int>(fields.integerOr("sliding_window", 4096, 1, kMaxContext));
    }
    readHfRope(fields, config, result.warnings);
}

// FalconConfig of transformers, and the two configurations that the first revisions on the Hub brought along:
// RefinedWebModel (7B, RW-1B) and RefinedWeb (40B).
void readFalcon(JsonFields& fields, HfConfig& result) {
    ModelConfig& config = result.model;
    const std::string type = fields.textOr("model_type", "");
    const bool legacy = type != "falcon" && (fields.has("n_head") || type.starts_with("RefinedWeb"));
    const std::string_view kvKey = fields.nameOf({"num_kv_heads", "n_head_kv"});
    const bool legacyGroups = legacy && (type == "RefinedWeb" || fields.has("n_head_kv"));

    config.architecture = "falcon";
    config.layers =
        static_cast<int>(fields.integer(fields.nameOf({"num_hidden_layers", "n_layer"}), 1, kMaxLayers));
    config.hidden = static_cast<int>(fields.integer(fields.nameOf({"hidden_size", "n_embed"}), 1, kMaxWidth));
    config.vocab = static_cast<int>(fields.integer("vocab_size", 1, kMaxVocabulary));
    config.context = static_cast<int>(fields.integerOr("max_position_embeddings", 2048, 1, kMaxContext));
    config.heads =
        static_cast<int>(fields.integer(fields.nameOf({"num_attention_heads", "n_head"}), 1, kMaxWidth));
    if (!fields.ok()) return;
    if (config.hidden % config.heads != 0) {
        return fields.fail("hidden_size", std::to_string(config.hidden),
                           "a multiple of the " + std::to_string(config.heads) + " heads");
    }
    config.headSize = config.hidden / config.heads;
    const bool grouped = fields.booleanOr("new_decoder_architecture", legacyGroups);
    const bool multiQuery = fields.booleanOr("multi_query", !legacy);
    // The old architecture has one KV head or as many as query heads, whatever num_kv_heads says: Falcon-7B's
    // config.json says 71 and means 1.
    config.kvHeads = grouped      ? static_cast<int>(fields.integerOr(kvKey, config.heads, 1, kMaxWidth))
                     : multiQuery ? 1
                                  : config.heads;
    checkHeads(fields, config, kvKey);
    const int64_t factor = fields.integerOr("ff_factor", 4, 1, 64);
    config.ffn = static_cast<int>(
        fields.integerOr("ffn_hidden_size", std::min(kMaxWidth, factor * config.hidden), 1, kMaxWidth));

    config.norm = NormKind::layer;
    config.normEps = static_cast<float>(fields.positiveOr("layer_norm_epsilon", 1e-5));
    config.activation = readActivation(fields, fields.nameOf({"activation", "hidden_act"}), "gelu");
    config.gatedMlp = false;
    config.tiedHead = fields.booleanOr("tie_word_embeddings", true);
    result.attentionBias = result.mlpBias = fields.booleanOr("bias", false);
    config.parallelResidual = fields.booleanOr("parallel_attn", !legacy || legacyGroups);
    const int64_t norms = fields.integerOr("num_ln_in_parallel_attn", grouped ? 2 : 1, 1, 2);
    if (grouped && !config.parallelResidual)
        return fields.fail("parallel_attn", "false", "true with new_decoder_architecture");
    if (!grouped && config.parallelResidual && norms == 2)
        return fields.fail("num_ln_in_parallel_attn", "2", "1 without new_decoder_architecture");
    result.falconNorms = !config.parallelResidual ? FalconNorms::sequential
                         : norms == 2             ? FalconNorms::two
                                                  : FalconNorms::shared;
    if (fields.booleanOr("alibi", false)) {
        config.positions = PositionKind::alibi;
        config.ropePairs = RopePairs::halves;
    } else {
        readHfRope(fields, config, result.warnings);
    }
}

}  // namespace

Result<HfConfig> readHfConfig(const nlohmann::json& config, const std::string& fileName) {
    if (!config.is_object()) {
        return Error{ErrorCode::badInput,  "cannot read the model",           fileName, "",
                     describeJson(config), "an object that describes a model"};
    }
    JsonFields fields(config, fileName);
    HfConfig result;
    const Family family = readFamily(fields);
    if (!fields.ok()) return fields.error();
    if (family == Family::falcon) {
        readFalcon(fields, result);
    } else {
        readLlama(fields, family, result);
    }
    if (!fields.ok()) return fields.error();
    return result;
}

}  // namespace edgechat::inference
