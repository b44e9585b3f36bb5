#include "inference/model/gguf_parts.h"

#include <cstdio>
#include <string_view>
#include <unordered_set>

#include "inference/model/gguf_fields.h"

namespace edgechat::inference {

namespace {

constexpr const char* kNumber = "split.no";  // from 0, while the names count from 1
constexpr const char* kCount = "split.count";
constexpr const char* kTensors = "split.tensors.count";  // of all parts
constexpr uint64_t kMostParts = UINT16_MAX;

struct Split {
    uint64_t number = 0;
    uint64_t count = 1;
};

std::string partText(const Split& split) {
    return "part " + std::to_string(split.number + 1) + " of " + std::to_string(split.count);
}

// "-00002-of-00005.gguf"
std::string nameEnd(const Split& split) {
    char text[48];
    std::snprintf(text, sizeof text, "-%05u-of-%05u.gguf", static_cast<unsigned>(split.number + 1),
                  static_cast<unsigned>(split.count));
    return text;
}

Split readSplit(GgufFields& fields) {
    Split split;
    split.count = fields.integerOr(kCount, 1, 0, kMostParts);
    split.number = fields.integerOr(kNumber, 0, 0, kMostParts);
    return split;
}

// The file name up to "-00002-of-00005.gguf"; empty when it does not end so.
std::string prefixOf(const std::filesystem::path& path, const Split& split) {
    const std::string name = path.filename().string(), end = nameEnd(split);
    if (name.size() <= end.size() || !name.ends_with(end)) return {};
    return name.substr(0, name.size() - end.size());
}

Result<GgufContainer> readPart(const std::filesystem::path& path, const char* expected, GgufParts& parts) {
    Result<std::shared_ptr<const DataFile>> file = DataFile::open(path, expected);
    if (!file) return file.error();
    parts.files.push_back(*file);
    return readGguf((*file)->descriptor(), (*file)->bytes(), path.string());
}

// Appends the tensors of part `wanted`, which must say that it is this part of as many.
Result<void> addPart(const std::filesystem::path& path, const Split& wanted, uint64_t tensors,
                     GgufParts& parts) {
    Result<GgufContainer> part = readPart(path, (partText(wanted) + " of the model").c_str(), parts);
    if (!part) return part.error();
    GgufFields fields(*part, path.string());
    fields.integer(kCount, wanted.count, wanted.count);
    fields.integer(kNumber, wanted.number, wanted.number);
    fields.integerOr(kTensors, tensors, tensors, tensors);
    if (!fields.ok()) return fields.error();
    for (GgufTensor& tensor : part->tensors) {
        tensor.part = parts.files.size() - 1;
        parts.container.tensors.push_back(std::move(tensor));
    }
    return {};
}

void checkTensors(const GgufParts& parts, uint64_t expected, GgufFields& fields) {
    const std::vector<GgufTensor>& tensors = parts.container.tensors;
    if (tensors.size() != expected) {
        return fields.fail(kTensors, std::to_string(tensors.size()) + " tensors in all parts",
                           std::to_string(expected));
    }
    std::unordered_set<std::string_view> names;
    for (const GgufTensor& tensor : tensors) {
        if (names.insert(tensor.name).second) continue;
        return fields.fail("tensor " + quotedForMessage(tensor.name),
                           "the name twice, the second time in part " + std::to_string(tensor.part + 1),
                           "every tensor once");
    }
}

}  // namespace

Result<GgufParts> openFirstGgufPart(const std::filesystem::path& path) {
    GgufParts parts;
    Result<GgufContainer> container = readPart(path, "a GGUF file", parts);
    if (!container) return container.error();
    parts.container = std::move(*container);
    GgufFields fields(parts.container, path.string());
    const Split split = readSplit(fields);
    if (fields.ok() && split.number != 0) {
        const std::string prefix = prefixOf(path, split);
        fields.fail(
            kNumber, partText(split),
            "the first part: open " + (prefix.empty() ? "<name>" : prefix) + nameEnd({0, split.count}));
    }
    if (!fields.ok()) return fields.error();
    return parts;
}

Result<GgufParts> openGgufParts(const std::filesystem::path& path) {
    Result<GgufParts> parts = openFirstGgufPart(path);
    if (!parts) return parts;
    GgufFields fields(parts->container, path.string());
    Split split = readSplit(fields);
    if (split.count <= 1) return parts;
    const std::string prefix = prefixOf(path, split);
    if (prefix.empty()) {
        fields.fail(kCount, partText(split),
                    "the file name to end in " + nameEnd(split) + ", with the other parts beside it");
    }
    const uint64_t tensors = fields.integer(kTensors, 1, UINT32_MAX);
    if (!fields.ok()) return fields.error();
    for (split.number = 1; split.number < split.count; ++split.number) {
        const std::filesystem::path partPath = path.parent_path() / (prefix + nameEnd(split));
        if (Result<void> added = addPart(partPath, split, tensors, *parts); !added) return added.error();
    }
    checkTensors(*parts, tensors, fields);
    if (!fields.ok()) return fields.error();
    return parts;
}

}  // namespace edgechat::inference
