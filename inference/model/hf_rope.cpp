#include "inference/model/hf_rope.h"

#include <cmath>

#include "inference/model/gguf.h"

namespace edgechat::inference {

namespace {

constexpr int64_t kMostContext = int64_t{1} << 30;  // tokens

// A number that may be absent or zero, both of which transformers takes as "the default".
float positiveUnlessZero(JsonFields& fields, const char* key, double fallback) {
    const nlohmann::json* value = fields.find(key);
    if (value && value->is_number() && value->get<double>() == 0.0) return static_cast<float>(fallback);
    return static_cast<float>(fields.positiveOr(key, fallback));
}

// Peng et al. 2023 (YaRN), section 3.4: attention is sharpened as the context grows.
double yarnSharpening(double factor, double slope) {
    return factor <= 1.0 ? 1.0 : 0.1 * slope * std::log(factor) + 1.0;
}

void readYarn(JsonFields& scaling, ModelConfig& config, std::vector<std::string>& warnings) {
    RopeScaling& rope = config.ropeScaling;
    rope.kind = RopeScalingKind::yarn;
    double factor = scaling.positive("factor");
    rope.originalContext = static_cast<int>(
        scaling.integerOr("original_max_position_embeddings", config.context, 1, kMostContext));
    if (scaling.has("original_max_position_embeddings") && scaling.ok()) {
        // transformers takes the ratio of the two contexts here, whatever `factor` says.
        const double ratio = static_cast<double>(config.context) / rope.originalContext;
        if (std::abs(ratio - factor) > 1e-6 * factor) {
            warnings.push_back("config.json stretches RoPE by a factor of " + std::to_string(factor) +
                               ", but its contexts by " + std::to_string(ratio) +
                               "; the latter is used, as transformers does");
        }
        factor = ratio;
    }
    rope.factor = static_cast<float>(factor);
    rope.betaFast = positiveUnlessZero(scaling, "beta_fast", 32);
    rope.betaSlow = positiveUnlessZero(scaling, "beta_slow", 1);
    if (scaling.ok() && rope.betaFast < rope.betaSlow)
        scaling.fail("beta_fast", std::to_string(rope.betaFast), "at least beta_slow");
    const double slope = positiveUnlessZero(scaling, "mscale", 0);
    const double slopeOfAll = positiveUnlessZero(scaling, "mscale_all_dim", 0);
    const double fromSlopes = slope > 0 && slopeOfAll > 0
                                  ? yarnSharpening(factor, slope) / yarnSharpening(factor, slopeOfAll)
                                  : yarnSharpening(factor, 1);
    rope.attentionFactor = static_cast<float>(scaling.positiveOr("attention_factor", fromSlopes));
    if (!scaling.booleanOr("truncate", true))
        scaling.fail("truncate", "false", "true, the bounds of YaRN's ramp as whole dimensions");
}

void readScaling(JsonFields& scaling, ModelConfig& config, std::vector<std::string>& warnings) {
    const std::string_view key = scaling.nameOf({"rope_type", "type"});
    const std::string kind = scaling.textOr(key, "default");
    RopeScaling& rope = config.ropeScaling;
    if (!scaling.ok() || kind == "default" || kind == "none") return;
    if (kind == "linear") {
        rope.kind = RopeScalingKind::linear;
        rope.factor = static_cast<float>(scaling.positive("factor"));
    } else if (kind == "dynamic") {
        rope.kind = RopeScalingKind::dynamic;
        rope.factor = static_cast<float>(scaling.positive("factor"));
        rope.originalContext = config.context;
        if (config.headSize == 2) scaling.fail(key, "\"dynamic\" for heads of 2", "heads of 4 or more");
    } else if (kind == "yarn") {
        readYarn(scaling, config, warnings);
    } else if (kind == "llama3") {
        rope.kind = RopeScalingKind::llama3;
        rope.factor = static_cast<float>(scaling.positive("factor"));
        rope.lowFrequencyFactor = static_cast<float>(scaling.positive("low_freq_factor"));
        rope.highFrequencyFactor = static_cast<float>(scaling.positive("high_freq_factor"));
        rope.originalContext =
            static_cast<int>(scaling.integer("original_max_position_embeddings", 1, kMostContext));
        if (scaling.ok() && rope.highFrequencyFactor <= rope.lowFrequencyFactor) {
            scaling.fail("high_freq_factor", std::to_string(rope.highFrequencyFactor),
                         "more than low_freq_factor");
        }
    } else {
        scaling.fail(key, "\"" + quotedForMessage(kind) + "\"",
                     "\"default\", \"linear\", \"dynamic\", \"yarn\" or \"llama3\"");
    }
}

void refusePartOfHead(JsonFields& fields) {
    if (fields.has("partial_rotary_factor") && fields.positive("partial_rotary_factor") != 1.0) {
        fields.fail("partial_rotary_factor", describeJson(*fields.find("partial_rotary_factor")),
                    "1: this version turns all of a head");
    }
}

}  // namespace

void readHfRope(JsonFields& fields, ModelConfig& config, std::vector<std::string>& warnings) {
    config.positions = PositionKind::rope;
    config.ropePairs = RopePairs::halves;
    refusePartOfHead(fields);
    std::optional<JsonFields> five = fields.object("rope_parameters");
    std::optional<JsonFields> four = fields.object("rope_scaling");
    const double base = fields.positiveOr("rope_theta", 10000.0);
    config.ropeBase = static_cast<float>(five ? five->positiveOr("rope_theta", base) : base);
    if (fields.ok() && config.ropeBase <= 1.0f)
        fields.fail("rope_theta", std::to_string(config.ropeBase), "more than 1");
    if (five) refusePartOfHead(*five);
    if (std::optional<JsonFields>& scaling = five ? five : four; scaling && fields.ok())
        readScaling(*scaling, config, warnings);
}

}  // namespace edgechat::inference
