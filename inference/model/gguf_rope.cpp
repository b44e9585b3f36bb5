#include <cmath>

#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

constexpr uint64_t kMaxContext = 1 << 30;  // tokens

// The factor has had two keys. 1: not stretched.
double readFactor(const GgufArchitecture& architecture, GgufFields& fields) {
    const double old = fields.positiveOr(architecture.key("rope.scale_linear"), 1.0);
    return fields.positiveOr(architecture.key("rope.scaling.factor"), old);
}

// Cosines and sines are multiplied by this beside what YaRN itself says.
double readAttentionFactor(const GgufArchitecture& architecture, GgufFields& fields) {
    return fields.positiveOr(architecture.key("rope.scaling.attn_factor"), 1.0) *
           fields.positiveOr(architecture.key("rope.scaling.yarn_attn_factor"), 1.0);
}

void readYarn(const GgufArchitecture& architecture, GgufFields& fields, RopeScaling& scaling, int context) {
    const std::string blend = architecture.key("rope.scaling.yarn_ext_factor");
    const double blended = fields.positiveOr(blend, 1.0);
    if (fields.ok() && blended != 1.0) fields.fail(blend, std::to_string(blended), "1");
    scaling.originalContext =
        static_cast<int>(fields.integerOr(architecture.key("rope.scaling.original_context_length"),
                                          static_cast<uint64_t>(context), 1, kMaxContext));
    scaling.betaFast =
        static_cast<float>(fields.positiveOr(architecture.key("rope.scaling.yarn_beta_fast"), 32));
    scaling.betaSlow =
        static_cast<float>(fields.positiveOr(architecture.key("rope.scaling.yarn_beta_slow"), 1));
    const double factor = readAttentionFactor(architecture, fields);
    if (factor != 1.0) {
        scaling.attentionFactor =
            static_cast<float>(factor * (0.1 * std::log(static_cast<double>(scaling.factor)) + 1.0));
    }
}

}  // namespace

void readRopeScaling(const GgufArchitecture& architecture, GgufFields& fields, ModelConfig& config) {
    const std::string typeKey = architecture.key("rope.scaling.type");
    const std::string type = fields.textOr(typeKey, "linear");
    const double factor = readFactor(architecture, fields);
    if (!fields.ok()) return;
    if (type != "none" && type != "linear" && type != "yarn") {
        return fields.fail(typeKey, "\"" + quotedForMessage(type) + "\"", "\"none\", \"linear\" or \"yarn\"");
    }
    RopeScaling& scaling = config.ropeScaling;
    if (type != "none" && factor != 1.0) {
        scaling.kind = type == "yarn" ? RopeScalingKind::yarn : RopeScalingKind::linear;
        scaling.factor = static_cast<float>(factor);
    }
    if (scaling.kind == RopeScalingKind::yarn) return readYarn(architecture, fields, scaling, config.context);
    if (const double attention = readAttentionFactor(architecture, fields); attention != 1.0) {
        fields.fail(architecture.key("rope.scaling.attn_factor"), std::to_string(attention),
                    "1 where the scaling is not \"yarn\"");
    }
}

}  // namespace edgechat::inference
