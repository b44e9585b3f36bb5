#include "inference/model/hf_quantization.h"

#include <algorithm>
#include <cctype>

#include "inference/model/gguf.h"
#include "inference/model/json_fields.h"

namespace edgechat::inference {

namespace {

constexpr int64_t kMaxGroup = 1 << 20;
constexpr const char* kWhatWorks =
    "AWQ (gemm, gemv or gemv_fast), compressed-tensors pack-quantized or int-quantized, or the model's "
    "F16 or BF16 weights, which EdgeChat quantizes itself";

std::string lowerCase(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

int64_t readGroupSize(JsonFields& fields, std::string_view key) {
    const int64_t size = fields.integer(key, -1, kMaxGroup);
    if (size == 0) fields.fail(key, "0", "the inputs of a group, or -1");
    return size;
}

// AWQ in its two spellings: {bits, group_size} of transformers, {w_bit, q_group_size} of AutoAWQ.
QuantizationScheme readAwq(JsonFields& fields) {
    QuantizationScheme scheme;
    scheme.method = QuantizationMethod::awq;
    const std::string_view bitsKey = fields.nameOf({"bits", "w_bit"});
    if (const int64_t bits = fields.integerOr(bitsKey, 4, 0, 1 << 20); bits != 4)
        fields.fail(bitsKey, std::to_string(bits), "4 bits");
    const std::string_view groupKey = fields.nameOf({"group_size", "q_group_size"});
    if (fields.has(groupKey)) scheme.groupSize = readGroupSize(fields, groupKey);
    scheme.version = lowerCase(fields.textOr("version", "gemm"));
    if (scheme.version == "marlin" || scheme.version.starts_with("exllama") || scheme.version == "ipex") {
        fields.fail("version", "\"" + quotedForMessage(scheme.version) + "\", a form for one kind of kernel",
                    kWhatWorks);
    } else if (scheme.version != "gemm" && scheme.version != "gemv" && scheme.version != "gemv_fast") {
        fields.fail("version", "\"" + quotedForMessage(scheme.version) + "\"",
                    "\"gemm\", \"gemv\" or \"gemv_fast\"");
    }
    // Which modules stay unquantized and whether there are zero points is read off the tensors.
    if (fields.has("modules_to_not_convert")) fields.texts("modules_to_not_convert");
    return scheme;
}

// The weights or the activations of W8A8, in the one scheme that has kernels: a scale for each output, and
// one for each token that is taken from the token while the model runs.
void readInt8(JsonFields& group, const char* key, const std::string& strategy, bool dynamic) {
    std::optional<JsonFields> values = group.object(key);
    if (!values) return group.fail(key, "no such key", "8 bits by " + strategy + " (W8A8)");
    const auto require = [&](const char* name, const std::string& found, const std::string& expected) {
        if (group.ok() && found != expected) values->fail(name, found, expected);
    };
    const auto quoted = [](const std::string& text) { return "\"" + quotedForMessage(text) + "\""; };
    const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
    const int64_t bits = values->integer("num_bits", 0, 64);
    require("num_bits", std::to_string(bits), "8");
    require("type", quoted(values->textOr("type", "int")), quoted("int"));
    require("strategy", quoted(values->textOr("strategy", "tensor")), quoted(strategy));
    require("symmetric", truth(values->booleanOr("symmetric", true)), "true");
    require("dynamic", truth(values->booleanOr("dynamic", false)), truth(dynamic));
}

// One entry of config_groups of "int-quantized".
void readInt8Group(JsonFields& group) {
    if (group.has("output_activations"))
        group.fail("output_activations", "quantized outputs", "null: weights and inputs alone (W8A8)");
    readInt8(group, "weights", "channel", false);
    if (group.ok()) readInt8(group, "input_activations", "token", true);
}

// One entry of config_groups of "pack-quantized".
void readInt4Group(JsonFields& group, QuantizationScheme& scheme) {
    for (const char* key : {"input_activations", "output_activations"}) {
        if (group.has(key)) group.fail(key, "quantized activations", "null: weights alone quantized (W4A16)");
    }
    std::optional<JsonFields> weights = group.object("weights");
    if (!weights) return group.fail("weights", "no such key", "an object");
    if (const int64_t bits = weights->integer("num_bits", 0, 64); group.ok() && bits != 4)
        weights->fail("num_bits", std::to_string(bits), "4 bits");
    if (const std::string type = weights->textOr("type", "int"); group.ok() && type != "int")
        weights->fail("type", "\"" + quotedForMessage(type) + "\"", "\"int\"");
    const std::string strategy =
        weights->textOr("strategy", weights->has("group_size") ? "group" : "channel");
    if (group.ok() && strategy != "group" && strategy != "channel")
        weights->fail("strategy", "\"" + quotedForMessage(strategy) + "\"", "\"group\" or \"channel\"");
    // "weight" and "static" sort columns while quantizing and leave them in place.
    const nlohmann::json* order = weights->find("actorder");
    const bool sorted = order && (order->is_string() ? order->get_ref<const std::string&>() == "group"
                                                     : order->is_boolean() && order->get<bool>());
    if (sorted) {
        weights->fail("actorder", describeJson(*order),
                      "null, \"weight\" or \"static\": groups of neighbouring inputs");
    }
    const int64_t size =
        strategy == "channel" || !weights->has("group_size") ? -1 : readGroupSize(*weights, "group_size");
    if (!scheme.groupSize) scheme.groupSize = size;
}

QuantizationScheme readCompressedTensors(JsonFields& fields) {
    QuantizationScheme scheme;
    scheme.method = QuantizationMethod::compressedTensors;
    scheme.version = fields.textOr("format", kPackQuantized);
    const bool int8 = scheme.version == kIntQuantized;
    if (fields.ok() && !int8 && scheme.version != kPackQuantized) {
        fields.fail("format", "\"" + quotedForMessage(scheme.version) + "\"",
                    "\"pack-quantized\" or \"int-quantized\"");
    }
    if (fields.has("kv_cache_scheme"))
        fields.fail("kv_cache_scheme", "a scheme for the KV cache",
                    int8 ? "null: weights and activations alone quantized" : "null: weights alone quantized");
    if (std::optional<JsonFields> sparsity = fields.object("sparsity_config")) {
        const std::string kind = sparsity->textOr("format", "dense");
        if (fields.ok() && kind != "dense")
            sparsity->fail("format", "\"" + quotedForMessage(kind) + "\"", "\"dense\"");
    }
    std::optional<JsonFields> groups = fields.object("config_groups");
    if (int8 && (!groups || groups->json().empty()))
        fields.fail("config_groups", "no scheme of the activations", "W8A8: 8 bits by token, dynamic");
    if (!groups) return scheme;
    for (auto entry = groups->json().begin(); entry != groups->json().end(); ++entry) {
        std::optional<JsonFields> group = groups->object(entry.key());
        if (!group) continue;
        if (const std::string own = group->textOr("format", scheme.version);
            fields.ok() && own != scheme.version)
            group->fail("format", "\"" + quotedForMessage(own) + "\"", "\"" + scheme.version + "\"");
        if (!fields.ok()) break;
        if (int8) {
            readInt8Group(*group);
        } else {
            readInt4Group(*group, scheme);
        }
    }
    return scheme;
}

QuantizationScheme readMethod(JsonFields& fields) {
    const std::string method = lowerCase(fields.textOr("quant_method", ""));
    if (!fields.ok()) return {};
    if (method == "awq") return readAwq(fields);
    if (method == "compressed-tensors" || method == "compressed_tensors")
        return readCompressedTensors(fields);
    if (method.empty() && fields.has("config_groups")) return readCompressedTensors(fields);
    if (method.empty()) {
        fields.fail("quant_method", "no such key", kWhatWorks);
    } else {
        fields.fail("quant_method", "\"" + quotedForMessage(method) + "\"", kWhatWorks);
    }
    return {};
}

std::string inWords(const QuantizationScheme& scheme) {
    return scheme.version + " with groups of " +
           (scheme.groupSize ? std::to_string(*scheme.groupSize) : "unsaid size");
}

}  // namespace

Result<QuantizationScheme> readQuantization(const nlohmann::json& config, const std::string& configName,
                                            const nlohmann::json* quantConfig,
                                            const std::string& quantConfigName) {
    std::optional<QuantizationScheme> first, second;
    JsonFields fields(config, configName);
    const std::string_view key = fields.nameOf({"quantization_config", "compression_config"});
    if (std::optional<JsonFields> inner = fields.object(key)) first = readMethod(*inner);
    if (!fields.ok()) return fields.error();
    if (quantConfig) {
        if (!quantConfig->is_object()) {
            return Error{ErrorCode::badInput,        "cannot read the model",       quantConfigName, "",
                         describeJson(*quantConfig), "an object that describes AWQ"};
        }
        JsonFields old(*quantConfig, quantConfigName);
        second = readAwq(old);
        if (!old.ok()) return old.error();
    }
    if (first && second &&
        (first->method != second->method || first->version != second->version ||
         (first->groupSize && second->groupSize && *first->groupSize != *second->groupSize))) {
        return Error{
            ErrorCode::badInput, "cannot read the model",
            quantConfigName,     "",
            inWords(*second),    "what config.json says (" + inWords(*first) + "), or one of the two alone"};
    }
    return first ? *first : second ? *second : QuantizationScheme{};
}

}  // namespace edgechat::inference
