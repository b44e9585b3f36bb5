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

struct StoredWeights {
    std::vector<StoredTensor> tensors;                   ///< file by file, in the order of their data
    std::vector<std::shared_ptr<const DataFile>> files;  ///< in the order of their names
    std::vector<std::string> warnings;
};

/// Opens model.safetensors, else the shards that model.safetensors.index.json lists, and no other file. Where
/// there is neither, the error says what the folder holds instead and what to do.
Result<StoredWeights> openWeights(const std::filesystem::path& folder);

/// Reads an index: which file holds which tensor. Files stand beside the index, by their bare names.
/// @param text      the index's content
/// @param fileName  for messages
/// @return tensor -> file
Result<std::map<std::string, std::string>> readShardIndex(std::string_view text, const std::string& fileName);

}  // namespace edgechat::inference
