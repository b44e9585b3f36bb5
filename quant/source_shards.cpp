#include "quant/source_shards.h"

#include <algorithm>
#include <map>

#include "quant/layer_weights.h"
#include "quant/output/output_file.h"
#include "quant/result_folder.h"

namespace edgechat::quant {

using inference::Checkpoint;
using inference::LayerTensors;
using inference::LinearTensors;
using inference::NormTensors;
using inference::Shard;
using inference::StoredTensor;
using inference::TensorInfo;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t kCopyBytes = 4u << 20;

void add(SourcePart& part, const TensorInfo& tensor) {
    part.tensors.insert(storedName(tensor));
}

void add(SourcePart& part, const NormTensors& norm) {
    add(part, norm.weight);
    if (norm.bias) add(part, *norm.bias);
}

bool isRead(const SourcePart& part, const StoredTensor& tensor) {
    return part.tensors.count(tensor.name) > 0;
}

/// What a part reads of a shard.
std::vector<StoredTensor> tensorsOf(const Shard& shard, const SourcePart& part) {
    std::vector<StoredTensor> tensors;
    std::copy_if(shard.tensors.begin(), shard.tensors.end(), std::back_inserter(tensors),
                 [&part](const StoredTensor& tensor) { return isRead(part, tensor); });
    return tensors;
}

/// The header of a safetensors file of these tensors, one behind the other.
std::string headerOf(const std::vector<StoredTensor>& tensors) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    uint64_t offset = 0;
    for (const StoredTensor& tensor : tensors) {
        json[tensor.name] = {{"dtype", tensor.dtype},
                             {"shape", tensor.shape},
                             {"data_offsets", {offset, offset + tensor.bytes}}};
        offset += tensor.bytes;
    }
    std::string text = json.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::string header;
    for (int byte = 0; byte < 8; ++byte)
        header += static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * byte) & 255);
    return header + text;
}

uint64_t restBytes(const std::vector<StoredTensor>& tensors) {
    uint64_t bytes = headerOf(tensors).size();
    for (const StoredTensor& tensor : tensors) bytes += tensor.bytes;
    return bytes;
}

/// Writes tensors to a file of their own; it appears when it is on the disk.
Result<void> writeRest(const std::vector<StoredTensor>& tensors, const fs::path& path) {
    const fs::path part = path.string() + ".part";
    if (Result<void> removed = removeFile(part); !removed) return removed;
    const std::string header = headerOf(tensors);
    {
        const Result<std::unique_ptr<OutputFile>> file = OutputFile::open(part, header, restBytes(tensors));
        if (!file) return file.error();
        std::vector<std::byte> buffer;
        uint64_t position = header.size();
        for (const StoredTensor& tensor : tensors) {
            for (uint64_t done = 0; done < tensor.bytes; done += buffer.size()) {
                buffer.resize(std::min(kCopyBytes, tensor.bytes - done));
                if (Result<void> read =
                        tensor.file->read(tensor.offset + done, buffer.size(), buffer.data(), tensor.label());
                    !read)
                    return read;
                if (Result<void> put = (*file)->write(position, buffer.data(), buffer.size()); !put)
                    return put;
                position += buffer.size();
            }
        }
        if (Result<void> synced = (*file)->sync(); !synced) return synced;
    }
    std::error_code error;
    fs::rename(part, path, error);
    if (error) return writeError(path, error.value());
    return syncFolder(path.parent_path());
}

/// The folder as takeApart() and fetching change it, in memory: whole shards, and bytes taken out of others
/// with the names of the tensors.
struct Simulation {
    const std::vector<Shard>& shards;
    std::set<size_t> whole = {};
    std::map<size_t, std::vector<StoredTensor>> rests = {};
    uint64_t most = 0;

    bool isMissing(size_t shard, const SourcePart& part) const {
        if (whole.count(shard) > 0) return false;
        const auto rest = rests.find(shard);
        const std::vector<StoredTensor> wanted = tensorsOf(shards[shard], part);
        if (rest == rests.end()) return !wanted.empty();
        return std::any_of(wanted.begin(), wanted.end(), [&rest](const StoredTensor& tensor) {
            return std::none_of(rest->second.begin(), rest->second.end(),
                                [&tensor](const StoredTensor& one) { return one.name == tensor.name; });
        });
    }
    bool isHere(const SourcePart& part) const {
        for (size_t i = 0; i < shards.size(); ++i) {
            if (isMissing(i, part)) return false;
        }
        return true;
    }
    void measure() {
        uint64_t bytes = 0;
        for (const size_t i : whole) bytes += shards[i].bytes;
        for (const auto& [i, tensors] : rests) bytes += restBytes(tensors);
        most = std::max(most, bytes);
    }
    void fetch(size_t shard, const SourcePart& part) {
        rests.erase(shard);
        for (size_t i = 0; i < shards.size(); ++i) {
            const std::vector<StoredTensor> tensors = tensorsOf(shards[i], part);
            if (tensors.empty())
                rests.erase(i);
            else if (whole.count(i) > 0)
                rests[i] = tensors;
        }
        measure();  // the whole one and what was taken out of it
        whole = {shard};
        measure();
    }
};

}  // namespace

SourcePart restPart(const Checkpoint& source, RestPart part) {
    const inference::ModelTensors& tensors = source.tensors();
    SourcePart read{restPartName(part), {}, part == RestPart::embedding};
    if (part == RestPart::embedding) add(read, tensors.embedding);
    if (part == RestPart::norm) add(read, tensors.outputNorm);
    if (part == RestPart::head && tensors.head) add(read, tensors.head->weight);
    return read;
}

SourcePart layerPart(const Checkpoint& source, int layer) {
    const LayerTensors& tensors = source.tensors().layers[static_cast<size_t>(layer)];
    SourcePart part{"layer " + std::to_string(layer + 1), {}, true};
    add(part, tensors.attentionNorm);
    if (tensors.mlpNorm) add(part, *tensors.mlpNorm);
    for (const LinearRole role : kLinearRoles) {
        const LinearTensors* const linear = linearOf(tensors, role);
        if (!linear) continue;
        add(part, linear->weight);
        if (linear->bias) add(part, *linear->bias);
    }
    if (tensors.activationScale) add(part, *tensors.activationScale);
    return part;
}

std::vector<SourcePart> partsLeft(const Checkpoint& source, const Journal* journal) {
    const auto isWritten = [journal](RestPart part) {
        return journal && journal->written.count(restPartName(part)) > 0;
    };
    std::vector<SourcePart> parts;
    if (!isWritten(RestPart::embedding)) parts.push_back(restPart(source, RestPart::embedding));
    const int done = journal ? static_cast<int>(journal->layers.size()) : 0;
    for (int layer = done; layer < source.config().layers; ++layer) parts.push_back(layerPart(source, layer));
    for (const RestPart part : {RestPart::norm, RestPart::head}) {
        if (!isWritten(part)) parts.push_back(restPart(source, part));
    }
    parts.erase(std::remove_if(parts.begin(), parts.end(),
                               [](const SourcePart& part) { return part.tensors.empty(); }),
                parts.end());
    return parts;
}

std::vector<SourcePart> partsLeft(const Checkpoint& source, const fs::path& output) {
    if (readFinished(output) || readFinished(partialPath(output))) return {};
    const Result<Journal> journal = Journal::load(journalPath(output));
    return partsLeft(source, journal ? &*journal : nullptr);
}

std::vector<std::string> missingShards(const Checkpoint& source, const SourcePart& part) {
    std::vector<std::string> names;
    for (const Shard& shard : source.shards()) {
        const bool missing =
            std::any_of(shard.tensors.begin(), shard.tensors.end(),
                        [&part](const StoredTensor& tensor) { return isRead(part, tensor) && !tensor.here; });
        if (missing) names.push_back(shard.name);
    }
    return names;
}

Result<void> takeApart(const Checkpoint& source, const SourcePart& part, const std::string& shard) {
    for (const Shard& one : source.shards()) {
        const bool useless = one.whole || one.name == shard || tensorsOf(one, part).empty();
        if (!useless) continue;
        if (Result<void> removed = removeFile(inference::shardRestPath(source.path() / one.name)); !removed)
            return removed;
    }
    for (const Shard& one : source.shards()) {
        if (!one.whole || one.name == shard) continue;
        const fs::path path = source.path() / one.name;
        if (const std::vector<StoredTensor> tensors = tensorsOf(one, part); !tensors.empty()) {
            if (Result<void> written = writeRest(tensors, inference::shardRestPath(path)); !written)
                return written;
        }
        if (Result<void> removed = removeFile(path); !removed) return removed;
    }
    return syncFolder(source.path());
}

uint64_t mostShardBytes(const Checkpoint& source) {
    Simulation folder{source.shards()};
    std::vector<SourcePart> parts = partsLeft(source, nullptr);
    while (!parts.empty()) {
        const SourcePart part = parts.front();
        for (size_t i = 0; i < folder.shards.size(); ++i) {
            if (folder.isMissing(i, part)) folder.fetch(i, part);
        }
        bool inOrder = true;
        for (auto next = parts.begin(); next != parts.end();) {
            const bool done = folder.isHere(*next) && (inOrder || !next->waits);
            inOrder = inOrder && done;
            next = done ? parts.erase(next) : next + 1;
        }
    }
    uint64_t headers = 0;
    for (const Shard& shard : source.shards()) headers += shard.headerBytes;
    return folder.most + headers;
}

}  // namespace edgechat::quant
