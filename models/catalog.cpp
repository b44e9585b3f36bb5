#include "models/catalog.h"

#include <QRegularExpression>
#include <QUrl>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "inference/model/hf_config.h"
#include "inference/model/json_fields.h"
#include "inference/model/json_file.h"
#include "models/checkpoint_summary.h"
#include "models/repository_link.h"

namespace edgechat::models {
namespace {

using inference::describeJson;
using inference::JsonFields;
using nlohmann::json;

constexpr const char* kWhat = "cannot read the catalog";
constexpr int64_t kMostBytes = int64_t{1} << 50;
constexpr std::array kTemplates = {
    "llama2", "mistral-v1-original", "mistral-v1", "mistral-v3", "zephyr", "chatml",
    "llama3", "falcon-instruct",     "falcon3"};

QString qstring(const std::string& text) {
    return QString::fromStdString(text);
}

/// Refuses keys that nobody reads: a typing error would go unseen.
void knownKeys(JsonFields& fields, std::initializer_list<std::string_view> known) {
    for (auto member = fields.json().begin(); member != fields.json().end(); ++member) {
        if (std::find(known.begin(), known.end(), member.key()) == known.end())
            return fields.fail(member.key(), "a key that means nothing here", "one of those of a catalog");
    }
}

/// A text that is not empty.
QString sentence(JsonFields& fields, std::string_view key) {
    const std::string text = fields.text(key);
    if (fields.ok() && text.empty()) fields.fail(key, "\"\"", "a text");
    return qstring(text);
}

QString oneOf(JsonFields& fields, std::string_view key, const std::vector<std::string>& allowed) {
    const std::string text = fields.text(key);
    if (fields.ok() && std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
        std::string expected;
        for (const std::string& value : allowed) expected += (expected.empty() ? "" : ", ") + value;
        fields.fail(key, '"' + text + '"', "one of " + expected);
    }
    return qstring(text);
}

QString matching(JsonFields& fields, std::string_view key, const char* pattern, const char* expected) {
    const QString text = qstring(fields.text(key));
    const QRegularExpression allowed(QRegularExpression::anchoredPattern(QLatin1String(pattern)));
    if (fields.ok() && !allowed.match(text).hasMatch())
        fields.fail(key, '"' + text.toStdString() + '"', expected);
    return text;
}

QString repositoryName(JsonFields& fields, std::string_view key) {
    const QString name = qstring(fields.text(key));
    if (fields.ok() && !isRepositoryName(name))
        fields.fail(key, '"' + name.toStdString() + '"', "a repository as org/name");
    return name;
}

/// The elements of an array, each an object; empty after a failure.
std::vector<const json*> objects(JsonFields& fields, const char* key) {
    std::vector<const json*> found;
    const json* array = fields.find(key);
    if (!array || !array->is_array() || array->empty()) {
        fields.fail(key, array ? describeJson(*array) : "no such key", "an array of objects, not empty");
        return found;
    }
    for (const json& element : *array) {
        if (!element.is_object()) {
            fields.fail(key, describeJson(element), "objects alone");
            return {};
        }
        found.push_back(&element);
    }
    return found;
}

/// An error in an element of an array becomes one of the object around it.
bool adopt(JsonFields& fields, const JsonFields& element, const char* key, size_t index) {
    if (element.ok()) return true;
    fields.fail(std::string(key) + '[' + std::to_string(index) + "]." + element.error().field,
                element.error().found, element.error().expected);
    return false;
}

CatalogFile readFile(JsonFields& fields) {
    knownKeys(fields, {"name", "bytes", "about_bytes", "sha256"});
    CatalogFile file;
    file.file.path = matching(fields, "name", "[A-Za-z0-9_][A-Za-z0-9_.-]*", "the name of a file");
    if (fields.has("bytes") && fields.has("about_bytes"))
        fields.fail("about_bytes", "bytes as well", "one of the two");
    file.approximate = !fields.has("bytes");
    const char* key = file.approximate ? "about_bytes" : "bytes";
    file.file.bytes = static_cast<uint64_t>(fields.integerOr(key, 0, 1, kMostBytes));
    if (!fields.has("sha256")) return file;
    file.file.sha256 = matching(fields, "sha256", "[0-9a-f]{64}", "64 hexadecimal digits");
    if (file.approximate) fields.fail("sha256", "no bytes beside it", "the exact size as well");
    return file;
}

std::vector<CatalogFile> readFiles(JsonFields& fields) {
    std::vector<CatalogFile> files;
    const std::vector<const json*> elements = objects(fields, "files");
    std::set<QString> names;
    for (size_t i = 0; i < elements.size(); ++i) {
        JsonFields element(*elements[i], fields.fileName());
        files.push_back(readFile(element));
        if (!adopt(fields, element, "files", i)) return files;
        if (!names.insert(files.back().file.path).second)
            fields.fail("files", "\"" + files.back().file.path.toStdString() + "\" twice", "each file once");
    }
    const bool weights = std::any_of(files.begin(), files.end(), [](const CatalogFile& file) {
        return file.file.path.endsWith(QLatin1String(".safetensors"));
    });
    if (fields.ok() && !weights) fields.fail("files", "no .safetensors file", "the weights");
    return files;
}

Licence readLicence(JsonFields& fields) {
    Licence licence;
    std::optional<JsonFields> inner = fields.object("licence");
    if (!inner) {
        fields.fail("licence", "no such key", "an object with id, name and url");
        return licence;
    }
    knownKeys(*inner, {"id", "name", "url"});
    licence.id = matching(*inner, "id", "[a-z0-9][a-z0-9.-]*", "an identifier as the Hub's");
    licence.name = sentence(*inner, "name");
    licence.url = qstring(inner->text("url"));
    const QUrl url(licence.url, QUrl::StrictMode);
    if (inner->ok() && (!url.isValid() || url.scheme() != QLatin1String("https") || url.host().isEmpty()))
        inner->fail("url", '"' + licence.url.toStdString() + '"', "an address that begins with https://");
    return licence;
}

void readStops(JsonFields& fields, CatalogEntry& entry) {
    std::optional<JsonFields> stops = fields.object("stops");
    if (!stops) return fields.fail("stops", "no such key", "an object with ids and texts");
    knownKeys(*stops, {"ids", "texts"});
    for (const std::string& text : stops->texts("texts")) entry.stopTexts << qstring(text);
    const json* ids = stops->find("ids");
    if (!ids || !ids->is_array() || ids->empty())
        return stops->fail("ids", ids ? describeJson(*ids) : "no such key", "the ids that end an answer");
    for (const json& id : *ids) {
        if (!id.is_number_integer() || id < 0 || id > (1 << 24))
            return stops->fail("ids", describeJson(id), "ids of tokens");
        entry.stopIds.push_back(id.get<int>());
    }
}

/// The shape must be one that the engine runs, and be the model's that the entry speaks of.
void readConfig(JsonFields& fields, CatalogEntry& entry) {
    const std::optional<JsonFields> config = fields.object("config");
    if (!config) return fields.fail("config", "no such key", "the model's shape, as config.json has it");
    const Result<inference::HfConfig> read = inference::readHfConfig(config->json(), fields.fileName());
    if (!read) return fields.fail("config." + read.error().field, read.error().found, read.error().expected);
    entry.config = QByteArray::fromStdString(config->json().dump());
    if (entry.context > read->model.context)
        fields.fail("context", std::to_string(entry.context),
                    "at most the " + std::to_string(read->model.context) + " tokens of its training");
    if (entry.family.toStdString() != read->model.architecture)
        fields.fail("family", '"' + entry.family.toStdString() + '"', '"' + read->model.architecture + '"');
    for (const int id : entry.stopIds) {
        if (id >= read->model.vocab)
            fields.fail("stops.ids", std::to_string(id),
                        "below the " + std::to_string(read->model.vocab) + " tokens of the vocabulary");
    }
}

CatalogEntry readEntry(JsonFields& fields) {
    knownKeys(fields, {"id", "name", "family", "repository", "revision", "gated", "licence", "parameters",
                       "about_download_bytes", "files", "group_size", "context", "template", "stops",
                       "good_at", "badge", "awq", "config"});
    CatalogEntry entry;
    entry.id = matching(fields, "id", "[a-z0-9][a-z0-9.-]*", "small letters, digits, '.' and '-'");
    entry.name = sentence(fields, "name");
    entry.family = oneOf(fields, "family", {"llama", "mistral", "falcon"});
    entry.repository = repositoryName(fields, "repository");
    if (fields.has("revision"))
        entry.revision = matching(fields, "revision", "[0-9a-f]{40}", "a commit, 40 hexadecimal digits");
    const QString gate = oneOf(fields, "gated", {"no", "auto", "manual"});
    entry.gate = gate == QLatin1String("no")     ? Gate::none
                 : gate == QLatin1String("auto") ? Gate::automatic
                                                 : Gate::manual;
    entry.licence = readLicence(fields);
    entry.parameters = static_cast<uint64_t>(fields.integer("parameters", 1, kMostBytes));
    entry.downloadBytes = static_cast<uint64_t>(fields.integer("about_download_bytes", 1, kMostBytes));
    entry.files = readFiles(fields);
    entry.groupSize = static_cast<int>(fields.integer("group_size", 32, 128));
    if (fields.ok() && entry.groupSize != 32 && entry.groupSize != 64 && entry.groupSize != 128)
        fields.fail("group_size", std::to_string(entry.groupSize), "32, 64 or 128");
    entry.context = static_cast<int>(fields.integer("context", 256, 1 << 20));
    entry.chatTemplate = oneOf(fields, "template", {kTemplates.begin(), kTemplates.end()});
    readStops(fields, entry);
    entry.goodAt = sentence(fields, "good_at");
    if (fields.has("badge")) entry.badge = oneOf(fields, "badge", {"tight", "advanced"});
    if (std::optional<JsonFields> awq = fields.object("awq")) {
        knownKeys(*awq, {"repository", "about_download_bytes"});
        entry.awq =
            CatalogAwq{repositoryName(*awq, "repository"),
                       static_cast<uint64_t>(awq->integerOr("about_download_bytes", 0, 1, kMostBytes))};
    }
    if (fields.ok()) readConfig(fields, entry);
    return entry;
}

}  // namespace

ModelFiles CatalogEntry::modelFiles() const {
    ModelFiles model;
    for (const CatalogFile& entry : files) {
        const bool weights = entry.file.path.endsWith(QLatin1String(".safetensors"));
        (weights ? model.weights : model.companions).push_back(entry.file);
    }
    return model;
}

Result<std::vector<CatalogEntry>> builtInCatalog() {
    return readCatalog(builtInCatalogText(), "the built-in catalog");
}

Result<std::vector<CatalogEntry>> readCatalog(std::string_view text, const std::string& fileName) {
    const Result<json> parsed = inference::parseJson(text, fileName, kWhat);
    if (!parsed) return parsed.error();
    if (!parsed->is_object())
        return Error{ErrorCode::badInput, kWhat, fileName, "", describeJson(*parsed), "an object"};
    JsonFields fields(*parsed, fileName);
    const auto failure = [&fields] {
        Error error = fields.error();
        error.what = kWhat;
        return error;
    };
    knownKeys(fields, {"version", "models"});
    fields.integer("version", 1, 1);
    const std::vector<const json*> elements = objects(fields, "models");
    std::vector<CatalogEntry> entries;
    std::set<QString> ids;
    for (size_t i = 0; fields.ok() && i < elements.size(); ++i) {
        JsonFields element(*elements[i], fileName);
        entries.push_back(readEntry(element));
        if (!adopt(fields, element, "models", i)) break;
        if (!ids.insert(entries.back().id).second)
            fields.fail("models[" + std::to_string(i) + "].id", '"' + entries.back().id.toStdString() + '"',
                        "an id that no other entry has");
    }
    if (!fields.ok()) return failure();
    return entries;
}

}  // namespace edgechat::models
