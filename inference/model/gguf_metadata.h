// The key-value pairs of a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "inference/model/gguf_stream.h"

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

using GgufMetadata = std::map<std::string, GgufValue, std::less<>>;

/// Reads `count` pairs. Lengths and counts are compared with the bytes that are left before memory is taken.
void readGgufMetadata(GgufStream& stream, uint64_t count, GgufMetadata& metadata);

/// Text from a file as it may stand in a message: cut short, and without control characters.
std::string quotedForMessage(std::string_view text);

}  // namespace edgechat::inference
