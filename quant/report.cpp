#include "quant/report.h"

#include <limits>
#include <type_traits>

namespace edgechat::quant {

using nlohmann::json;

namespace {

template <class T>
bool take(const json& object, const char* key, T& out) {
    const auto found = object.find(key);
    if (found == object.end()) return false;
    if constexpr (std::is_same_v<T, std::string>) {
        if (!found->is_string()) return false;
    } else if constexpr (std::is_integral_v<T>) {
        // No conversion of a number that T cannot hold, and none is negative.
        if (!found->is_number_unsigned() ||
            found->template get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<T>::max()))
            return false;
    } else if (!found->is_number()) {
        return false;
    }
    out = found->template get<T>();
    return true;
}

}  // namespace

json toJson(const LinearReport& linear) {
    return {{"name", linear.name},
            {"group_size", linear.groupSize},
            {"rtn_error", linear.rtnError},
            {"error", linear.error},
            {"method", linear.method},
            {"scale", linear.scale},
            {"fallback", linear.fallback.empty() ? json(nullptr) : json(linear.fallback)}};
}

bool fromJson(const json& object, LinearReport& linear) {
    if (!object.is_object() || !object.contains("fallback")) return false;
    const json& fallback = object["fallback"];
    if (!fallback.is_null() && !fallback.is_string()) return false;
    linear.fallback = fallback.is_string() ? fallback.get<std::string>() : "";
    return take(object, "name", linear.name) && take(object, "group_size", linear.groupSize) &&
           take(object, "rtn_error", linear.rtnError) && take(object, "error", linear.error) &&
           take(object, "method", linear.method) && take(object, "scale", linear.scale);
}

json toJson(const QuantizationReport& report) {
    json layers = json::array();
    for (const std::vector<LinearReport>& layer : report.layers) {
        for (const LinearReport& linear : layer) layers.push_back(toJson(linear));
    }
    json object = {
        {"method", report.method},
        {"source", report.sourceName},
        {"source_bytes", report.sourceBytes},
        {"output_bytes", report.outputBytes},
        {"seconds", report.seconds},
        {"calibration", report.calibration},
        {"calibration_tokens", report.calibrationTokens},
        {"computed_with", report.computedWith},
        {"kept_in_fp16", "embedding and output head, which the engine may hold in 8 bits; norms and biases"},
        {"layers", std::move(layers)}};
    if (report.evaluation) {
        object["evaluation"] = {{"perplexity", report.evaluation->perplexity},
                                {"source_perplexity", report.evaluation->sourcePerplexity},
                                {"mean_kld", report.evaluation->meanKld},
                                {"same_top", report.evaluation->sameTop},
                                {"tokens", report.evaluation->tokens},
                                {"text", report.evaluation->text}};
    }
    return object;
}

bool fromJson(const json& object, QuantizationReport& report) {
    if (!object.is_object() || !take(object, "method", report.method) ||
        !take(object, "source", report.sourceName) || !take(object, "source_bytes", report.sourceBytes) ||
        !take(object, "output_bytes", report.outputBytes) || !take(object, "seconds", report.seconds) ||
        !take(object, "calibration", report.calibration) ||
        !take(object, "calibration_tokens", report.calibrationTokens) ||
        !take(object, "computed_with", report.computedWith))
        return false;
    const auto layers = object.find("layers");
    if (layers == object.end() || !layers->is_array()) return false;
    std::vector<LinearReport> all;
    for (const json& entry : *layers) {
        LinearReport linear;
        if (!fromJson(entry, linear)) return false;
        all.push_back(std::move(linear));
    }
    report.layers = {std::move(all)};
    const auto evaluation = object.find("evaluation");
    if (evaluation == object.end()) return true;
    Evaluation e;
    if (!evaluation->is_object() || !take(*evaluation, "perplexity", e.perplexity) ||
        !take(*evaluation, "source_perplexity", e.sourcePerplexity) ||
        !take(*evaluation, "mean_kld", e.meanKld) || !take(*evaluation, "same_top", e.sameTop) ||
        !take(*evaluation, "tokens", e.tokens) || !take(*evaluation, "text", e.text))
        return false;
    report.evaluation = std::move(e);
    return true;
}

}  // namespace edgechat::quant
