// A GGUF model that is one file, or several: <prefix>-00001-of-0000N.gguf and so on beside each other.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "inference/model/data_file.h"
#include "inference/model/gguf.h"

namespace edgechat::inference {

struct GgufParts {
    GgufContainer container;                             ///< the first part's metadata, all parts' tensors
    std::vector<std::shared_ptr<const DataFile>> files;  ///< by GgufTensor::part
};

/// Opens a model by its only file or by its first part. Fails when a part is missing or belongs to another
/// model, and for a later part with the name of the first.
Result<GgufParts> openGgufParts(const std::filesystem::path& path);
/// The only file or first part alone, which has all of the metadata; the other parts may be missing.
Result<GgufParts> openFirstGgufPart(const std::filesystem::path& path);

}  // namespace edgechat::inference
