// The GGUF container: its key-value metadata and its table of tensors, with nothing said about what they
// mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inference/model/gguf_metadata.h"
#include "inference/model/tensor.h"
#include "inference/result.h"

namespace edgechat::inference {

/// One row of the tensor table. Dimension 0 is the contiguous one.
struct GgufTensor {
    std::string name;
    TensorType type = TensorType::f32;
    std::vector<uint64_t> dimensions;  ///< 1 to 4, none of them zero
    uint64_t elements = 0;
    uint64_t offset = 0;  ///< absolute, in the file of its part
    uint64_t bytes = 0;
    size_t part = 0;  ///< of a split model, from 0
};

struct GgufContainer {
    uint32_t version = 0;
    GgufMetadata metadata;
    std::vector<GgufTensor> tensors;  ///< in file order; their data lies without gaps inside the file
};

/// Reads metadata and tensor table through a small buffer. Every count and length is compared with the bytes
/// that are left before memory is taken for it.
/// @param file      descriptor of a regular file, read with pread
/// @param fileName  for messages
Result<GgufContainer> readGguf(int file, uint64_t fileBytes, const std::string& fileName);

}  // namespace edgechat::inference
