#include "inference/model/shard_index.h"

#include <algorithm>
#include <set>

#include "inference/model/gguf.h"
#include "inference/model/json_fields.h"
#include "inference/model/json_file.h"

namespace edgechat::inference {

namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr uint64_t kMostIndexBytes = 8u << 20;
constexpr size_t kMostShards = 256;  // each is an open file

Error failure(const std::filesystem::path& file, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", file.string(),
                 std::move(field),    std::move(found),        std::move(expected)};
}

// Names of the folder's files, sorted.
std::vector<std::string> fileNames(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        names.push_back(entry->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

// A folder without weights in the form that we read: what it holds instead decides what to say.
Error noWeights(const std::filesystem::path& folder) {
    std::vector<std::string> loose, pickled, gguf;
    for (const std::string& name : fileNames(folder)) {
        const std::string extension = std::filesystem::path(name).extension().string();
        if (extension == ".safetensors") loose.push_back(name);
        if (extension == ".bin" || extension == ".pt" || extension == ".pth") pickled.push_back(name);
        if (extension == ".gguf") gguf.push_back(name);
    }
    if (!gguf.empty()) {
        return failure(folder, "", "a folder with " + quotedForMessage(gguf[0]) + " and no model.safetensors",
                       "the GGUF file itself: open " + (folder / gguf[0]).string());
    }
    if (loose.size() > 1) {
        return failure(folder, "",
                       std::to_string(loose.size()) + " safetensors files (" + quotedForMessage(loose[0]) +
                           ", ...) and no " + kIndex,
                       std::string(kIndex) +
                           ", which says what each holds: download it from where the files "
                           "come from");
    }
    if (loose.size() == 1 && loose[0] == "consolidated.safetensors") {
        return failure(folder, "", "consolidated.safetensors, Mistral's own form of the weights",
                       std::string(kSingle) + " or the shards of " + kIndex + " from the same repository");
    }
    if (loose.size() == 1) {
        return failure(folder, "", quotedForMessage(loose[0]) + " alone",
                       std::string(kSingle) + " (rename the file if it holds the whole model)");
    }
    if (!pickled.empty()) {
        return failure(
            folder, "",
            quotedForMessage(pickled[0]) + ", weights as a Python pickle, which can run any program",
            "safetensors: look for a repository that has them, or convert these with transformers "
            "(from_pretrained, then save_pretrained with safe_serialization=True)");
    }
    return failure(folder, "", "a folder without weights", std::string(kSingle) + " or " + kIndex);
}

Result<std::shared_ptr<const DataFile>> openShard(const std::filesystem::path& path) {
    return DataFile::open(path, "a safetensors file (is the download complete?)");
}

/// Whether two headers describe the same tensor.
bool isSame(const StoredTensor& a, const StoredTensor& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

/// A shard as far as it is here.
Result<Shard> openOnDemand(const std::filesystem::path& path) {
    Shard shard;
    shard.name = path.filename().string();
    Result<std::vector<StoredTensor>> tensors = readSafetensorsHeader(shardHeaderPath(path));
    if (!tensors) return tensors.error();
    if (tensors->empty()) return failure(path, "", "a shard without tensors", "at least one");
    const StoredTensor& last = tensors->back();
    shard.bytes = last.offset + last.bytes;
    shard.headerBytes = tensors->front().offset;
    shard.tensors = std::move(*tensors);
    std::error_code error;
    shard.whole = std::filesystem::exists(path, error);
    const std::filesystem::path place = shard.whole ? path : shardRestPath(path);
    if (!shard.whole && !std::filesystem::exists(place, error)) return shard;
    const Result<std::shared_ptr<const DataFile>> file = openShard(place);
    if (!file) return file.error();
    const Result<std::vector<StoredTensor>> here = readSafetensors(*file);
    if (!here) return here.error();
    std::map<std::string, const StoredTensor*> byName;
    for (const StoredTensor& tensor : *here) byName.emplace(tensor.name, &tensor);
    size_t found = 0;
    for (StoredTensor& tensor : shard.tensors) {
        const auto place = byName.find(tensor.name);
        if (place == byName.end()) continue;
        const StoredTensor& stored = *place->second;
        if (!isSame(stored, tensor) || (shard.whole && stored.offset != tensor.offset)) break;
        tensor = stored;
        ++found;
    }
    if (found != here->size() || (shard.whole && found != shard.tensors.size())) {
        return failure((*file)->path(), "header", "other tensors than in " + shard.name + ".header",
                       "the same; fetch both again");
    }
    return shard;
}

Result<StoredWeights> openShards(const std::filesystem::path& folder, Shards which) {
    const std::filesystem::path indexPath = folder / kIndex;
    Result<std::string> text =
        readSmallFile(indexPath, kMostIndexBytes, "cannot read the model", "a JSON file");
    if (!text) return text.error();
    Result<std::map<std::string, std::string>> places = readShardIndex(*text, indexPath.string());
    if (!places) return places.error();

    std::set<std::string> shards;
    for (const auto& [tensor, shard] : *places) shards.insert(shard);
    StoredWeights weights;
    std::set<std::string> found;
    for (const std::string& shard : shards) {
        Result<std::vector<StoredTensor>> tensors = std::vector<StoredTensor>();
        if (which == Shards::onDemand) {
            Result<Shard> opened = openOnDemand(folder / shard);
            if (!opened) return opened.error();
            tensors = opened->tensors;
            const auto header = DataFile::openBeginning(shardHeaderPath(folder / shard),
                                                        "the header of a safetensors file", opened->bytes);
            if (!header) return header.error();
            weights.files.push_back(*header);
            weights.shards.push_back(std::move(*opened));
        } else {
            Result<std::shared_ptr<const DataFile>> file = openShard(folder / shard);
            if (!file) return file.error();
            tensors = readSafetensors(*file);
            if (!tensors) return tensors.error();
            weights.files.push_back(*file);
        }
        size_t unlisted = 0;
        std::string example;
        for (StoredTensor& tensor : *tensors) {
            const auto place = places->find(tensor.name);
            if (place == places->end()) {
                if (unlisted++ == 0) example = quotedForMessage(tensor.name);
                continue;
            }
            if (place->second != shard) {
                return failure(folder / shard, tensor.label(), "in this shard too",
                               "in " + place->second + " alone, as the index says");
            }
            found.insert(tensor.name);
            weights.tensors.push_back(std::move(tensor));
        }
        if (unlisted > 0) {
            weights.warnings.push_back(shard + " holds " + std::to_string(unlisted) +
                                       " tensors that the index does not list (" + example +
                                       ", ...); they are left out");
        }
    }
    for (const auto& [tensor, shard] : *places) {
        if (!found.contains(tensor)) {
            return failure(folder / shard, "tensor " + quotedForMessage(tensor), "no such tensor",
                           "the tensor, which the index places here");
        }
    }
    return weights;
}

}  // namespace

Result<std::map<std::string, std::string>> readShardIndex(std::string_view text,
                                                          const std::string& fileName) {
    Result<nlohmann::json> json = parseJson(text, fileName, "cannot read the model");
    if (!json) return json.error();
    if (!json->is_object()) return failure(fileName, "", describeJson(*json), "an object with weight_map");
    JsonFields fields(*json, fileName);
    const std::optional<JsonFields> map = fields.object("weight_map");
    if (!fields.ok()) return fields.error();
    if (!map) return failure(fileName, "weight_map", "no such key", "an object: tensor to file");
    std::map<std::string, std::string> places;
    std::set<std::string> shards;
    for (const auto& [tensor, value] : map->json().items()) {
        const std::string field = "weight_map." + quotedForMessage(tensor);
        if (tensor.empty())
            return failure(fileName, "weight_map", "an empty name", "a name for every tensor");
        if (!value.is_string()) return failure(fileName, field, describeJson(value), "a file's name");
        const auto& shard = value.get_ref<const std::string&>();
        if (shard.empty() || shard.find_first_of(std::string("/\\\0", 3)) != std::string::npos ||
            shard.find("..") != std::string::npos || !shard.ends_with(".safetensors")) {
            return failure(fileName, field, describeJson(value),
                           "the bare name of a .safetensors file beside the index");
        }
        shards.insert(shard);
        if (shards.size() > kMostShards)
            return failure(fileName, "weight_map", "more files", "at most " + std::to_string(kMostShards));
        places.emplace(tensor, shard);
    }
    if (places.empty()) return failure(fileName, "weight_map", "no tensors", "an object: tensor to file");
    return places;
}

std::filesystem::path shardHeaderPath(const std::filesystem::path& shard) {
    return shard.string() + ".header";
}

std::filesystem::path shardRestPath(const std::filesystem::path& shard) {
    return shard.string() + ".rest";
}

Result<StoredWeights> openWeights(const std::filesystem::path& folder, Shards which) {
    std::error_code error;
    if (!std::filesystem::exists(folder / kSingle, error)) {
        if (std::filesystem::exists(folder / kIndex, error)) return openShards(folder, which);
        return noWeights(folder);
    }
    Result<std::shared_ptr<const DataFile>> file = openShard(folder / kSingle);
    if (!file) return file.error();
    Result<std::vector<StoredTensor>> tensors = readSafetensors(*file);
    if (!tensors) return tensors.error();
    StoredWeights weights;
    weights.tensors = std::move(*tensors);
    weights.files.push_back(*file);
    return weights;
}

}  // namespace edgechat::inference
