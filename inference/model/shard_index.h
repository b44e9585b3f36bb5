// Which safetensors files of a folder hold the model's weights.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model/safetensors.h"

namespace edgechat::inference {

/// Which of a folder's shards have to be there.
enum class Shards {
    all,
    /// Some may be away. Beside each shard lies its header, <shard>.header, and there may be tensors that
    /// were taken out of it before it went, <shard>.rest, a safetensors file.
    onDemand
};

/// One file of a folder that was opened with Shards::onDemand.
struct Shard {
    std::string name;
    uint64_t bytes = 0;        ///< of the whole file
    uint64_t headerBytes = 0;  ///< of <shard>.header
    bool whole = false;        ///< the file itself is here
    std::vector<StoredTensor> tensors;
};

struct StoredWeights {
    std::vector<StoredTensor> tensors;                   ///< file by file, in the order of their data
    std::vector<std::shared_ptr<const DataFile>> files;  ///< in the order of their names
    std::vector<std::string> warnings;
    std::vector<Shard> shards;  ///< with Shards::onDemand, in the order of their names
};

/// Opens model.safetensors, else the shards that model.safetensors.index.json lists, and no other file. Where
/// there is neither, the error says what the folder holds instead and what to do. With Shards::onDemand files
/// of the headers stand for the shards in StoredWeights::files.
Result<StoredWeights> openWeights(const std::filesystem::path& folder, Shards which = Shards::all);

/// <shard>.header and <shard>.rest
std::filesystem::path shardHeaderPath(const std::filesystem::path& shard);
std::filesystem::path shardRestPath(const std::filesystem::path& shard);

/// Reads an index: which file holds which tensor. Files stand beside the index, by their bare names.
/// @param text      the index's content
/// @param fileName  for messages
/// @return tensor -> file
Result<std::map<std::string, std::string>> readShardIndex(std::string_view text, const std::string& fileName);

}  // namespace edgechat::inference
