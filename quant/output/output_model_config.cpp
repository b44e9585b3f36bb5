#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "inference/model/rope.h"
#include "quant/output/output_config.h"

namespace edgechat::quant {

using inference::ModelConfig;
using inference::RopeScaling;
using inference::RopeScalingKind;
using nlohmann::ordered_json;

namespace {

Error refusal(const inference::Checkpoint& source, std::string field, std::string found,
              std::string expected) {
    return Error{ErrorCode::badInput,    "cannot write the model's config.json",
                 source.path().string(), std::move(field),
                 std::move(found),       std::move(expected)};
}

// The number with the fewest digits that is this float: 1e-05 and not 9.99999974737875e-06.
double shortest(float value) {
    char text[48];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    double number = 0;
    std::from_chars(text, end, number);
    return number;
}

// Llama 3.1's rule, if these divisors are what it gives: GGUF files hold its results and not its numbers. The
// lowest frequencies are divided by the factor itself, and all models have 1 and 4 as bounds.
std::optional<RopeScaling> llama3Rule(ModelConfig config) {
    const std::vector<float> wanted = inference::ropeInverseFrequencies(config, config.context);
    RopeScaling& scaling = config.ropeScaling;
    scaling.factor = *std::max_element(scaling.divisors.begin(), scaling.divisors.end());
    scaling.kind = RopeScalingKind::llama3;
    scaling.lowFrequencyFactor = 1;
    scaling.highFrequencyFactor = 4;
    if (scaling.factor <= 1) return {};
    constexpr int kLeast = 64, kMost = 1 << 20;  // tokens of the training's contexts
    for (scaling.originalContext = kLeast; scaling.originalContext <= kMost; scaling.originalContext *= 2) {
        const std::vector<float> given = inference::ropeInverseFrequencies(config, config.context);
        const bool same = std::equal(wanted.begin(), wanted.end(), given.begin(),
                                     [](float a, float b) { return std::abs(a - b) <= 1e-5f * std::abs(a); });
        if (same) return scaling;
    }
    return {};
}

// rope_scaling of transformers 4 and of vLLM.
Result<ordered_json> ropeScaling(const inference::Checkpoint& source) {
    const ModelConfig& config = source.config();
    const RopeScaling& scaling = config.ropeScaling;
    const double factor = shortest(scaling.factor);
    switch (scaling.kind) {
        case RopeScalingKind::none:
            return ordered_json();
        case RopeScalingKind::linear:
            return ordered_json{{"rope_type", "linear"}, {"factor", factor}};
        case RopeScalingKind::dynamic:
            return ordered_json{{"rope_type", "dynamic"}, {"factor", factor}};
        case RopeScalingKind::llama3:
            return ordered_json{{"rope_type", "llama3"},
                                {"factor", factor},
                                {"low_freq_factor", shortest(scaling.lowFrequencyFactor)},
                                {"high_freq_factor", shortest(scaling.highFrequencyFactor)},
                                {"original_max_position_embeddings", scaling.originalContext}};
        case RopeScalingKind::factors: {
            const std::optional<RopeScaling> rule = llama3Rule(config);
            if (!rule) {
                return refusal(source, "rope_freqs.weight", "a divisor for every frequency of RoPE",
                               "those of Llama 3.1's rule, the only ones that config.json can say");
            }
            return ordered_json{{"rope_type", "llama3"},
                                {"factor", shortest(rule->factor)},
                                {"low_freq_factor", shortest(rule->lowFrequencyFactor)},
                                {"high_freq_factor", shortest(rule->highFrequencyFactor)},
                                {"original_max_position_embeddings", rule->originalContext}};
        }
        case RopeScalingKind::yarn:
            break;
    }
    ordered_json yarn = {{"rope_type", "yarn"},
                         {"factor", factor},
                         {"beta_fast", shortest(scaling.betaFast)},
                         {"beta_slow", shortest(scaling.betaSlow)}};
    if (scaling.attentionFactor > 0) yarn["attention_factor"] = shortest(scaling.attentionFactor);
    // transformers takes the ratio of the two contexts for the factor where the shorter one is said.
    const double stretched = scaling.originalContext * factor;
    if (std::abs(stretched - config.context) <= 1e-6 * stretched) {
        yarn["original_max_position_embeddings"] = scaling.originalContext;
    } else if (scaling.originalContext != config.context) {
        return refusal(source, "rope.scaling.original_context_length",
                       std::to_string(scaling.originalContext) + " tokens, " + std::to_string(factor) +
                           " times which is not the context of " + std::to_string(config.context),
                       "contexts whose ratio is rope.scaling.factor, which transformers takes it for");
    }
    return yarn;
}

ordered_json id(int token) {
    return token < 0 ? ordered_json() : ordered_json(token);
}

// What all families have.
Result<ordered_json> commonKeys(const inference::Checkpoint& source, const char* architecture,
                                const char* type) {
    const ModelConfig& config = source.config();
    const inference::TokenizerData& tokenizer = *source.tokenizer();
    Result<ordered_json> scaling = ropeScaling(source);
    if (!scaling) return scaling;
    return ordered_json{{"architectures", {architecture}},
                        {"model_type", type},
                        {"attention_dropout", 0.0},
                        {"bos_token_id", id(tokenizer.bos)},
                        {"eos_token_id", id(tokenizer.eos)},
                        {"pad_token_id", id(tokenizer.padding)},
                        {"hidden_size", config.hidden},
                        {"max_position_embeddings", config.context},
                        {"num_attention_heads", config.heads},
                        {"num_hidden_layers", config.layers},
                        {"rope_scaling", *scaling},
                        {"rope_theta", shortest(config.ropeBase)},
                        {"tie_word_embeddings", config.tiedHead},
                        {"use_cache", true},
                        {"vocab_size", config.vocab}};
}

bool hasBias(const OutputNames& names, const char* prefix) {
    return std::any_of(names.modules.begin(), names.modules.end(), [prefix](const OutputModule& module) {
        return module.bias && module.name.starts_with(prefix);
    });
}

// A window is MistralConfig's, biases are LlamaConfig's; the two classes differ in nothing else.
Result<ordered_json> llamaConfig(const inference::Checkpoint& source, const OutputNames& names) {
    const ModelConfig& config = source.config();
    const bool mistral = config.slidingWindow > 0;
    const bool attentionBias = hasBias(names, "self_attn."), mlpBias = hasBias(names, "mlp.");
    if (mistral && (attentionBias || mlpBias)) {
        return refusal(source, "attention.sliding_window",
                       std::to_string(config.slidingWindow) + " in a model with biases",
                       "one of the two: no class of transformers has both");
    }
    Result<ordered_json> result = commonKeys(source, mistral ? "MistralForCausalLM" : "LlamaForCausalLM",
                                             mistral ? "mistral" : "llama");
    if (!result) return result;
    ordered_json& json = *result;
    json["head_dim"] = config.headSize;
    json["hidden_act"] = "silu";
    json["intermediate_size"] = config.ffn;
    json["num_key_value_heads"] = config.kvHeads;
    json["rms_norm_eps"] = shortest(config.normEps);
    if (mistral) {
        json["sliding_window"] = config.slidingWindow;
    } else {
        json["attention_bias"] = attentionBias;
        json["mlp_bias"] = mlpBias;
    }
    return result;
}

Result<ordered_json> falconConfig(const inference::Checkpoint& source, const OutputNames& names) {
    const ModelConfig& config = source.config();
    const bool alibi = config.positions == inference::PositionKind::alibi;
    if (config.hidden != config.queryWidth()) {
        return refusal(source, "attention.key_length", std::to_string(config.headSize),
                       "heads that are together as wide as the model, as FalconConfig implies");
    }
    if (config.slidingWindow > 0) {
        return refusal(source, "attention.sliding_window", std::to_string(config.slidingWindow),
                       "none: FalconConfig has no window");
    }
    // The old architecture has one KV head or as many as query heads, and one norm (hf_config.cpp).
    const bool two = names.attentionNorm == "ln_attn";
    const bool old = !two && (config.kvHeads == 1 || config.kvHeads == config.heads);
    Result<ordered_json> result = commonKeys(source, "FalconForCausalLM", "falcon");
    if (!result) return result;
    ordered_json& json = *result;
    json["activation"] = "gelu";
    json["alibi"] = alibi;
    json["bias"] = hasBias(names, "");
    json["ffn_hidden_size"] = config.ffn;
    json["hidden_dropout"] = 0.0;
    json["layer_norm_epsilon"] = shortest(config.normEps);
    json["multi_query"] = config.kvHeads == 1 || !old;
    json["new_decoder_architecture"] = !old;
    json["num_kv_heads"] = config.kvHeads;
    if (!old) json["num_ln_in_parallel_attn"] = two ? 2 : 1;
    json["parallel_attn"] = config.parallelResidual;
    return result;
}

}  // namespace

Result<ordered_json> configOfModel(const inference::Checkpoint& source, const OutputNames& names) {
    return source.config().architecture == "falcon" ? falconConfig(source, names)
                                                    : llamaConfig(source, names);
}

}  // namespace edgechat::quant
