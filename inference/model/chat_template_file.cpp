#include "inference/model/chat_template_file.h"

#include "inference/model/json_file.h"

namespace edgechat::inference {

namespace {

constexpr uint64_t kMostTemplateFileBytes = 1u << 20;

Error wrongTemplate(const std::filesystem::path& path, const std::string& found) {
    return {ErrorCode::badInput,
            "cannot read the chat template",
            path.string(),
            "chat_template",
            found,
            "a string, or a list of objects with \"name\" and \"template\""};
}

// chat_template of a JSON file.
Result<std::string> templateOf(const std::filesystem::path& path) {
    const Result<nlohmann::json> json = readJsonFile(path, "cannot read the chat template");
    if (!json) return json.error();
    if (!json->is_object()) return wrongTemplate(path, "a file that holds no object");
    const auto value = json->find("chat_template");
    if (value == json->end() || value->is_null()) return std::string();
    if (value->is_string()) return value->get<std::string>();
    if (!value->is_array()) return wrongTemplate(path, value->type_name());
    for (const nlohmann::json& entry : *value) {
        if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
            !entry.contains("template") || !entry["template"].is_string())
            return wrongTemplate(path, "a list of something else");
        if (entry["name"] == "default") return entry["template"].get<std::string>();
    }
    return std::string();
}

}  // namespace

Result<std::string> readChatTemplate(const std::filesystem::path& folder) {
    std::error_code error;
    if (const auto path = folder / "chat_template.jinja"; std::filesystem::exists(path, error))
        return readSmallFile(path, kMostTemplateFileBytes, "cannot read the chat template",
                             "a Jinja template");
    for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
        const std::filesystem::path path = folder / name;
        if (!std::filesystem::exists(path, error)) continue;
        Result<std::string> source = templateOf(path);
        if (!source || !source->empty()) return source;
    }
    return std::string();
}

}  // namespace edgechat::inference
