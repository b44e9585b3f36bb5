#include "inference/model/folder_checkpoint.h"

#include "inference/model/chat_template_file.h"
#include "inference/model/gguf.h"
#include "inference/model/hf_config.h"
#include "inference/model/hf_quantization.h"
#include "inference/model/hf_tensors.h"
#include "inference/model/json_fields.h"
#include "inference/model/json_file.h"
#include "inference/model/shard_index.h"

namespace edgechat::inference {

namespace {

constexpr const char* kWhat = "cannot read the model";

bool isThere(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

Error failure(const std::filesystem::path& folder, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, kWhat, folder.string(), "", std::move(found), std::move(expected)};
}

// A folder that is no model's: what lies in it decides what to say.
Error noConfiguration(const std::filesystem::path& folder) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".gguf") {
            return failure(folder,
                           "a folder with " + quotedForMessage(entry->path().filename().string()) +
                               " and no config.json",
                           "the GGUF file itself: open " + entry->path().string());
        }
    }
    if (isThere(folder / "adapter_config.json")) {
        return failure(folder, "an adapter (LoRA), which changes another model",
                       "a whole model: merge the adapter into its base model first");
    }
    if (isThere(folder / "params.json")) {
        return failure(folder, "params.json and no config.json, the authors' own form of a model",
                       "the model's repository in Hugging Face's form");
    }
    return failure(folder, "a folder without config.json",
                   "a GGUF file, or a folder with config.json and model.safetensors");
}

// The folder's own name; "models/x/" too.
std::string nameOf(const std::filesystem::path& folder) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(folder, error).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Result<QuantizationScheme> readScheme(const std::filesystem::path& folder, const nlohmann::json& config) {
    const std::filesystem::path second = folder / "quant_config.json";
    nlohmann::json quantConfig;
    const bool both = isThere(second);
    if (both) {
        Result<nlohmann::json> read = readJsonFile(second, kWhat);
        if (!read) return read.error();
        quantConfig = std::move(*read);
    }
    return readQuantization(config, (folder / "config.json").string(), both ? &quantConfig : nullptr,
                            second.string());
}

// What a folder says beside its weights.
Result<CheckpointContent> readBesideWeights(const std::filesystem::path& folder) {
    CheckpointContent content;
    content.config.name = nameOf(folder);
    Result<std::string> chatTemplate = readChatTemplate(folder);
    if (!chatTemplate) return chatTemplate.error();
    content.chatTemplate = std::move(*chatTemplate);
    return content;
}

}  // namespace

Result<CheckpointContent> readFolderCheckpoint(const std::filesystem::path& folder, Shards shards) {
    const std::filesystem::path configFile = folder / "config.json";
    if (!isThere(configFile)) return noConfiguration(folder);
    Result<nlohmann::json> json = readJsonFile(configFile, kWhat);
    if (!json) return json.error();
    Result<QuantizationScheme> scheme = readScheme(folder, *json);
    if (!scheme) return scheme.error();
    Result<HfConfig> config = readHfConfig(*json, configFile.string());
    if (!config) return config.error();
    Result<StoredWeights> weights = openWeights(folder, shards);
    if (!weights) return weights.error();

    Result<CheckpointContent> content = readBesideWeights(folder);
    if (!content) return content.error();
    config->model.name = content->config.name;
    content->config = config->model;
    content->warnings = config->warnings;
    content->warnings.insert(content->warnings.end(), weights->warnings.begin(), weights->warnings.end());
    content->files = weights->files;
    content->shards = weights->shards;
    if (Result<void> mapped = mapHfTensors(*config, *weights, *scheme, folder.string(), *content); !mapped)
        return mapped.error();
    return content;
}

Result<CheckpointContent> readFolderVocabulary(const std::filesystem::path& folder) {
    Result<CheckpointContent> content = readBesideWeights(folder);
    if (!content) return content.error();
    const std::filesystem::path configFile = folder / "config.json";
    if (!isThere(configFile)) return content;
    Result<nlohmann::json> json = readJsonFile(configFile, kWhat);
    if (!json) return json.error();
    if (!json->is_object())
        return failure(configFile, describeJson(*json), "an object that describes a model");
    JsonFields fields(*json, configFile.string());
    content->config.architecture = fields.textOr("model_type", "");
    if (!fields.ok()) return fields.error();
    return content;
}

}  // namespace edgechat::inference
