#include "models/hub/answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "inference/model/json_fields.h"
#include "inference/model/json_file.h"

namespace edgechat::models::hub {
namespace {

using inference::JsonFields;

constexpr const char* kWhat = "cannot read the Hub's answer about";
constexpr size_t kMostPathBytes = 512;
constexpr size_t kMostPartBytes = 255;
constexpr size_t kMostTextBytes = 500;

bool isHexadecimal(std::string_view text, size_t digits) {
    return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool isControl(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Error badAnswer(const std::string& name, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, kWhat, name, std::move(field), std::move(found), std::move(expected)};
}

/// A short text without control characters, or nothing: what authors write about their model may be of any
/// kind, and none of it is worth failing for.
std::string shownText(const nlohmann::json& object, const char* key) {
    const auto value = object.find(key);
    if (value == object.end()) return {};
    const nlohmann::json& text = value->is_array() && !value->empty() ? value->front() : *value;
    if (!text.is_string()) return {};
    const auto& string = text.get_ref<const std::string&>();
    if (string.size() > kMostTextBytes || std::any_of(string.begin(), string.end(), isControl)) return {};
    return string;
}

void readCard(const nlohmann::json& json, RepositoryInfo& info) {
    if (const auto card = json.find("cardData"); card != json.end() && card->is_object()) {
        info.licence = shownText(*card, "license");
        // "other" stands for a licence that the next key names.
        if (const std::string name = shownText(*card, "license_name"); !name.empty()) info.licence = name;
        info.licenceLink = shownText(*card, "license_link");
    }
    if (const auto tensors = json.find("safetensors"); tensors != json.end() && tensors->is_object()) {
        const auto total = tensors->find("total");
        if (total == tensors->end() || !total->is_number_unsigned()) return;
        const uint64_t count = total->get<uint64_t>();
        if (count <= static_cast<uint64_t>(kMostFileBytes)) info.parameters = static_cast<int64_t>(count);
    }
}

/// `gated` is false, "auto" or "manual".
Result<Gate> readGate(const nlohmann::json& json, const std::string& name) {
    const auto gated = json.find("gated");
    if (gated == json.end() || gated->is_null() || *gated == false) return Gate::none;
    if (*gated == "auto") return Gate::automatic;
    if (*gated == "manual" || *gated == true) return Gate::manual;
    return badAnswer(name, "gated", inference::describeJson(*gated), "false, \"auto\" or \"manual\"");
}

Result<RepositoryFile> readFile(const nlohmann::json& entry, const std::string& name) {
    JsonFields fields(entry, name);
    RepositoryFile file;
    file.path = fields.text("path");
    file.bytes = fields.integer("size", 0, kMostFileBytes);
    file.gitBlob = fields.text("oid");
    const std::optional<JsonFields> lfs = fields.object("lfs");
    if (lfs) {
        JsonFields pointer = *lfs;
        file.sha256 = pointer.text("oid");
        file.bytes = pointer.integer("size", 0, kMostFileBytes);
    }
    if (!fields.ok()) {
        Error error = fields.error();
        error.what = kWhat;
        return error;
    }
    if (!isSafePath(file.path)) {
        return badAnswer(name, "path", inference::describeJson(nlohmann::json(file.path)),
                         "a path inside the repository");
    }
    if (!isHexadecimal(file.gitBlob, 40))
        return badAnswer(name, "oid of " + file.path, file.gitBlob.substr(0, 80), "40 hexadecimal digits");
    if (lfs && !isHexadecimal(file.sha256, 64)) {
        return badAnswer(name, "lfs.oid of " + file.path, file.sha256.substr(0, 80),
                         "a sha256, 64 hexadecimal digits");
    }
    return file;
}

}  // namespace

bool isSafePath(std::string_view path) {
    if (path.empty() || path.size() > kMostPathBytes) return false;
    for (const char c : path) {
        if (c == '\\' || isControl(c)) return false;
    }
    for (size_t begin = 0; begin <= path.size();) {
        const size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == ".." || part.size() > kMostPartBytes) return false;
        begin = end + 1;
    }
    return true;
}

Result<RepositoryInfo> readRepositoryInfo(std::string_view text, const std::string& name) {
    const Result<nlohmann::json> json = inference::parseJson(text, name, kWhat);
    if (!json) return json.error();
    if (!json->is_object()) return badAnswer(name, "", inference::describeJson(*json), "an object");
    JsonFields fields(*json, name);
    RepositoryInfo info;
    info.id = fields.text("id");
    info.commit = fields.text("sha");
    info.isPrivate = fields.booleanOr("private", false);
    info.disabled = fields.booleanOr("disabled", false);
    if (!fields.ok()) {
        Error error = fields.error();
        error.what = kWhat;
        return error;
    }
    if (!isSafePath(info.id)) {
        return badAnswer(name, "id", inference::describeJson(nlohmann::json(info.id)), "\"org/name\"");
    }
    if (!isHexadecimal(info.commit, 40))
        return badAnswer(name, "sha", info.commit.substr(0, 80), "a commit, 40 hexadecimal digits");
    const Result<Gate> gate = readGate(*json, name);
    if (!gate) return gate.error();
    info.gate = *gate;
    readCard(*json, info);
    return info;
}

Result<std::vector<RepositoryFile>> readTree(std::string_view text, const std::string& name) {
    const Result<nlohmann::json> json = inference::parseJson(text, name, kWhat);
    if (!json) return json.error();
    if (!json->is_array()) return badAnswer(name, "", inference::describeJson(*json), "an array of files");
    if (json->size() > kMostFiles) {
        return badAnswer(name, "", std::to_string(json->size()) + " files",
                         "at most " + std::to_string(kMostFiles));
    }
    std::vector<RepositoryFile> files;
    for (const nlohmann::json& entry : *json) {
        if (!entry.is_object())
            return badAnswer(name, "", inference::describeJson(entry), "an object for every file");
        const auto type = entry.find("type");
        if (type == entry.end() || *type != "file") continue;
        Result<RepositoryFile> file = readFile(entry, name);
        if (!file) return file.error();
        files.push_back(std::move(*file));
    }
    return files;
}

}  // namespace edgechat::models::hub
