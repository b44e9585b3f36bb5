// The safetensors container: a JSON header that names tensors, then their bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model/data_file.h"
#include "inference/result.h"

namespace edgechat::inference {

/// One row of the header. Dimension 0 is the slowest; data is row-major, little-endian and may lie unaligned.
struct StoredTensor {
    std::string name;
    std::string dtype;  ///< as the file writes it: "F16", "I32", ...
    std::vector<uint64_t> shape;
    uint64_t offset = 0;  ///< from the file's begin
    uint64_t bytes = 0;
    std::shared_ptr<const DataFile> file;
    bool here = true;  ///< else `file` holds only the header, and the bytes are not on this disk

    std::string shapeText() const;  ///< "[4096, 512]"
    /// "tensor <name>", fit for a message
    std::string label() const;
};

/// Reads a file's header. Its length is compared with the file's size before memory is taken; the tensors
/// must tile the rest of the file without holes.
/// @return the tensors in the order of their data
Result<std::vector<StoredTensor>> readSafetensors(const std::shared_ptr<const DataFile>& file);

/// The same of a header that stands alone, without the bytes of the tensors, none of which are `here`.
/// bytes() of the tensors' file is the size that the whole file has.
Result<std::vector<StoredTensor>> readSafetensorsHeader(const std::filesystem::path& header);

/// Bytes of a file's header, with the eight that say its length.
/// @param beginning  at least eight bytes of the file
/// @return ErrorCode::badInput for a length that no header has
Result<uint64_t> safetensorsHeaderBytes(std::string_view beginning, const std::string& fileName);

}  // namespace edgechat::inference
