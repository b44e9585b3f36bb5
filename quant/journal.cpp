#include "quant/journal.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "quant/output/output_file.h"
#include "quant/report.h"

namespace edgechat::quant {

using nlohmann::json;

namespace {

constexpr int kVersion = 2;
constexpr const char* kCalibrationText = "calibration text";
constexpr const char* kEvaluationText = "evaluation text";

/// FNV-1a: tells a changed text from the same one, nothing more is asked of it.
std::string hashOf(const void* data, size_t bytes) {
    uint64_t hash = 14695981039346656037u;
    const auto* p = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < bytes; ++i) hash = (hash ^ p[i]) * 1099511628211u;
    std::ostringstream text;
    text << std::hex << hash;
    return text.str();
}

std::string textOf(const NamedWindows& text) {
    const std::vector<int>& ids = text.windows.ids;
    return text.name + ", " + hashOf(ids.data(), ids.size() * sizeof(int));
}

std::string contentOf(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// What JSON keeps of a name, which may be any bytes.
std::string asJson(const std::string& name) {
    return json::parse(json(name).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

Error noJournal(const std::filesystem::path& file, std::string found) {
    return Error{ErrorCode::badInput, "cannot go on with the quantization in",
                 file.string(),       "",
                 std::move(found),    "the journal of an unfinished quantization; --restart begins anew"};
}

}  // namespace

Identity identityOf(const inference::Checkpoint& source, const Recipe& recipe,
                    const NamedWindows& calibration, const NamedWindows& evaluation) {
    Identity identity;
    const auto addFile = [&identity](const std::filesystem::path& path) {
        struct stat status = {};
        if (::stat(path.c_str(), &status) != 0) return;
        identity["source file " + path.filename().string()] =
            std::to_string(status.st_size) + " bytes, changed " + std::to_string(status.st_mtim.tv_sec) +
            "." + std::to_string(status.st_mtim.tv_nsec);
    };
    if (source.shards().empty()) {
        for (const auto& file : source.files()) addFile(file->path());
    }
    for (const inference::Shard& shard : source.shards()) {
        const std::string header = contentOf(inference::shardHeaderPath(source.path() / shard.name));
        identity["source file " + shard.name] =
            std::to_string(shard.bytes) + " bytes, header " + hashOf(header.data(), header.size());
    }
    if (std::filesystem::is_directory(source.path())) addFile(source.path() / "config.json");
    identity["method"] = methodName(recipe.method);
    identity["group size"] = recipe.groupSize == 0 ? "auto" : std::to_string(recipe.groupSize);
    const CalibrationWindows& windows = calibration.windows;
    identity["samples"] =
        std::to_string(windows.count()) + " of " + std::to_string(windows.window) + " tokens";
    identity["seed"] = std::to_string(recipe.seed);
    std::string left;
    for (const auto& [name, part] : kIngredientNames) {
        if (!(recipe.ingredients.*part)) left += std::string(left.empty() ? "" : ",") + name;
    }
    identity["left out"] = left.empty() ? "nothing" : left;
    identity[kCalibrationText] = textOf(calibration);
    if (evaluation.windows.count() > 0) identity[kEvaluationText] = textOf(evaluation);
    return identity;
}

Result<void> Journal::save(const std::filesystem::path& file) const {
    json layerList = json::array();
    for (const std::vector<LinearReport>& layer : layers) {
        json linears = json::array();
        for (const LinearReport& linear : layer) linears.push_back(toJson(linear));
        layerList.push_back(std::move(linears));
    }
    const json object = {{"version", kVersion},
                         {"identity", identity},
                         {"seconds", seconds},
                         {"written", written},
                         {"layers", std::move(layerList)}};
    if (Result<void> written =
            writeWholeFile(file, object.dump(1, ' ', false, json::error_handler_t::replace));
        !written)
        return written;
    return syncFolder(file.parent_path());
}

Result<Journal> Journal::load(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return noJournal(file, "no such file");
    const json object = json::parse(stream, nullptr, false);
    if (!object.is_object() || !object.contains("identity") || !object["identity"].is_object() ||
        !object.contains("layers") || !object["layers"].is_array())
        return noJournal(file, "something else");
    if (object.value("version", json(0)) != kVersion)
        return noJournal(file, "the journal of another version");
    Journal journal;
    for (const auto& [name, value] : object["identity"].items()) {
        if (!value.is_string()) return noJournal(file, "something else");
        journal.identity[name] = value.get<std::string>();
    }
    if (const auto seconds = object.find("seconds"); seconds != object.end() && seconds->is_number())
        journal.seconds = seconds->get<double>();
    for (const json& layer : object["layers"]) {
        if (!layer.is_array()) return noJournal(file, "something else");
        std::vector<LinearReport>& linears = journal.layers.emplace_back();
        for (const json& entry : layer) {
            LinearReport linear;
            if (!fromJson(entry, linear)) return noJournal(file, "something else");
            linears.push_back(std::move(linear));
        }
    }
    const auto written = object.find("written");
    if (written == object.end()) {
        // Before they were counted they had to be there in front of the first layer.
        if (!journal.layers.empty()) {
            for (const RestPart part : kRestParts) journal.written.insert(restPartName(part));
        }
        return journal;
    }
    if (!written->is_array()) return noJournal(file, "something else");
    for (const json& part : *written) {
        if (!part.is_string()) return noJournal(file, "something else");
        journal.written.insert(part.get<std::string>());
    }
    return journal;
}

Result<void> checkSame(const Identity& began, const Identity& now, const std::filesystem::path& file) {
    Identity current;
    for (const auto& [name, value] : now) current[asJson(name)] = asJson(value);
    const auto differs = [&file](const std::string& name, const std::string& found,
                                 const std::string& expected) {
        return Error{ErrorCode::badInput,
                     "cannot go on with the quantization in",
                     file.string(),
                     name,
                     found,
                     expected + " as when it began; --restart begins anew"};
    };
    // What the windows were cut from comes last: another seed, number or size gives other windows too.
    for (const bool text : {false, true}) {
        for (const auto& [name, value] : began) {
            if ((name == kCalibrationText || name == kEvaluationText) != text) continue;
            const auto found = current.find(name);
            if (found == current.end()) return differs(name, "none", value);
            if (found->second != value) return differs(name, found->second, value);
        }
    }
    for (const auto& [name, value] : current) {
        if (began.count(name) == 0) return differs(name, value, "none");
    }
    return {};
}

}  // namespace edgechat::quant
