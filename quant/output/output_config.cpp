#include "quant/output/output_config.h"

#include <algorithm>
#include <filesystem>

#include "inference/model/json_file.h"

namespace edgechat::quant {

using nlohmann::ordered_json;

namespace {

constexpr uint64_t kMostConfigBytes = 4u << 20;

Result<ordered_json> readConfig(const std::filesystem::path& file) {
    constexpr const char* kWhat = "cannot read the model";
    const Result<std::string> text =
        inference::readSmallFile(file, kMostConfigBytes, kWhat, "the model's configuration");
    if (!text) return text.error();
    // The strict parser checks; the other one keeps the order of the keys.
    const Result<nlohmann::json> checked = inference::parseJson(*text, file.string(), kWhat);
    if (!checked) return checked.error();
    ordered_json config = ordered_json::parse(*text, nullptr, false);
    if (config.is_object()) return config;
    return Error{
        ErrorCode::badInput, kWhat, file.string(), "", "no object", "an object that describes the model"};
}

// Modules that stay as they are, without their layer: they are the same in all.
std::vector<std::string> denseModules(const OutputNames& names) {
    std::vector<std::string> dense;
    for (const OutputModule& module : names.modules) {
        if (module.form.kind != LinearForm::Kind::dense) continue;
        // "self_attn." and "mlp." say nothing more, but "dense" alone is part of other modules' names too.
        const std::string last = module.name.substr(module.name.find('.') + 1);
        dense.push_back(last == "dense" ? module.name : last);
    }
    return dense;
}

// The tensors' own shapes tell the size of each matrix; this is the one that most weights have.
int commonGroupSize(const OutputNames& names) {
    std::vector<std::pair<int64_t, int>> bySize;  // weights, group size
    for (const OutputModule& module : names.modules) {
        if (module.form.kind != LinearForm::Kind::int4) continue;
        const auto same = std::find_if(bySize.begin(), bySize.end(), [&module](const auto& entry) {
            return entry.second == module.form.groupSize;
        });
        if (same == bySize.end()) {
            bySize.emplace_back(module.rows * module.columns, module.form.groupSize);
        } else {
            same->first += module.rows * module.columns;
        }
    }
    return std::max_element(bySize.begin(), bySize.end())->second;
}

ordered_json awqConfig(const OutputNames& names) {
    std::vector<std::string> skipped = denseModules(names);
    // transformers leaves the head alone by itself only where there is no list.
    if (!skipped.empty()) skipped.emplace_back("lm_head");
    return {{"quant_method", "awq"},
            {"bits", 4},
            {"group_size", commonGroupSize(names)},
            {"zero_point", true},
            {"version", "gemm"},
            {"modules_to_not_convert", skipped.empty() ? ordered_json() : ordered_json(skipped)}};
}

// W8A8 as llm-compressor describes it: activations are rounded while the model runs, token by token.
ordered_json int8Config(const OutputNames& names, bool falcon) {
    const auto numbers = [](const char* strategy, bool dynamic) {
        return ordered_json{{"num_bits", 8},
                            {"type", "int"},
                            {"symmetric", true},
                            {"strategy", strategy},
                            {"dynamic", dynamic}};
    };
    ordered_json ignored = ordered_json::array({"lm_head"});
    for (const std::string& module : denseModules(names)) {
        std::string pattern = "re:.*";
        for (const char character : module) pattern += character == '.' ? "[.]" : std::string(1, character);
        ignored.push_back(pattern + "$");
    }
    ordered_json targets = ordered_json::array({"Linear"});
    if (falcon) targets.push_back("FalconLinear");  // its class of linears, which are found by class
    return {{"quant_method", "compressed-tensors"},
            {"format", "int-quantized"},
            {"quantization_status", "compressed"},
            {"config_groups",
             {{"group_0",
               {{"targets", targets},
                {"weights", numbers("channel", false)},
                {"input_activations", numbers("token", true)},
                {"output_activations", nullptr}}}}},
            {"ignore", ignored},
            {"kv_cache_scheme", nullptr}};
}

}  // namespace

Result<ordered_json> outputConfig(const inference::Checkpoint& source, const OutputNames& names) {
    const bool folder = source.tokenizer() == nullptr;
    Result<ordered_json> read =
        folder ? readConfig(source.path() / "config.json") : configOfModel(source, names);
    if (!read) return read;
    ordered_json& config = *read;
    config["torch_dtype"] = "float16";
    if (config.contains("dtype")) config["dtype"] = "float16";  // transformers 5
    config.erase("quantization_config");
    config.erase("compression_config");
    if (hasKind(names, LinearForm::Kind::int4)) {
        config["quantization_config"] = awqConfig(names);
    } else if (hasKind(names, LinearForm::Kind::int8)) {
        config["quantization_config"] = int8Config(names, source.config().architecture == "falcon");
    }
    return read;
}

}  // namespace edgechat::quant
