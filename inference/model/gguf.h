// The GGUF container: its key-value metadata and its table of tensors, with nothing said about what they
// mean.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "inference/model/tensor.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Type numbers of metadata values, as the file writes them.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

const char* ggufTypeName(GgufType type);

/// One metadata value. Integers keep their sign, floats are widened; an array holds one kind of element.
struct GgufValue {
    GgufType type = GgufType::u8;
    GgufType elementType = GgufType::u8;  ///< of an array
    std::variant<bool, uint64_t, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                 std::vector<std::string>>
        value;

    std::string typeName() const;  ///< "u32", "array of string"
};

/// One row of the tensor table. Dimension 0 is the contiguous one.
struct GgufTensor {
    std::string name;
    TensorType type = TensorType::f32;
    std::vector<uint64_t> dimensions;  ///< 1 to 4, none of them zero
    uint64_t elements = 0;
    uint64_t offset = 0;  ///< absolute
    uint64_t bytes = 0;
};

struct GgufContainer {
    uint32_t version = 0;
    std::map<std::string, GgufValue, std::less<>> metadata;
    std::vector<GgufTensor> tensors;  ///< in file order; their data lies without gaps inside the file
};

/// Reads metadata and tensor table through a small buffer. Every count and length is compared with the bytes
/// that are left before memory is taken for it.
/// @param file      descriptor of a regular file, read with pread
/// @param fileName  for messages
Result<GgufContainer> readGguf(int file, uint64_t fileBytes, const std::string& fileName);

/// Text from a file as it may stand in a message: cut short, and without control characters.
std::string quotedForMessage(std::string_view text);

}  // namespace edgechat::inference
