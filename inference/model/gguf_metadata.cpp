#include "inference/model/gguf_metadata.h"

#include <bit>
#include <optional>

namespace edgechat::inference {

namespace {

constexpr uint64_t kMaxArrayElements = 4u << 20;
constexpr uint64_t kMaxKeyBytes = 65535;

// Bytes of one value; for a string the least it can take.
uint64_t minValueBytes(GgufType type) {
    switch (type) {
        case GgufType::u8:
        case GgufType::i8:
        case GgufType::boolean:
            return 1;
        case GgufType::u16:
        case GgufType::i16:
            return 2;
        case GgufType::u32:
        case GgufType::i32:
        case GgufType::f32:
            return 4;
        case GgufType::u64:
        case GgufType::i64:
        case GgufType::f64:
        case GgufType::string:
            return 8;
        case GgufType::array:
            return 4 + 8;
    }
    return 1;
}

bool readBool(GgufStream& stream, const std::string& key) {
    const auto value = stream.integer<uint8_t>(key);
    if (stream.ok() && value > 1) stream.fail(key, "a bool of value " + std::to_string(value), "0 or 1");
    return value == 1;
}

bool isFloat(GgufType type) {
    return type == GgufType::f32 || type == GgufType::f64;
}
bool isSigned(GgufType type) {
    return type == GgufType::i8 || type == GgufType::i16 || type == GgufType::i32 || type == GgufType::i64;
}

double readFloat(GgufStream& stream, GgufType type, const std::string& key) {
    if (type == GgufType::f32) return std::bit_cast<float>(stream.integer<uint32_t>(key));
    return std::bit_cast<double>(stream.integer<uint64_t>(key));
}

int64_t readSigned(GgufStream& stream, GgufType type, const std::string& key) {
    switch (type) {
        case GgufType::i8:
            return stream.integer<int8_t>(key);
        case GgufType::i16:
            return stream.integer<int16_t>(key);
        case GgufType::i32:
            return stream.integer<int32_t>(key);
        default:
            return stream.integer<int64_t>(key);
    }
}

uint64_t readUnsigned(GgufStream& stream, GgufType type, const std::string& key) {
    switch (type) {
        case GgufType::u8:
            return stream.integer<uint8_t>(key);
        case GgufType::u16:
            return stream.integer<uint16_t>(key);
        case GgufType::u32:
            return stream.integer<uint32_t>(key);
        default:
            return stream.integer<uint64_t>(key);
    }
}

std::optional<GgufType> readType(GgufStream& stream, const std::string& key, const char* expected) {
    const auto id = stream.integer<uint32_t>(key);
    if (stream.ok() && id > static_cast<uint32_t>(GgufType::f64)) {
        stream.fail(key, "value type " + std::to_string(id), expected);
    }
    if (!stream.ok()) return {};
    return static_cast<GgufType>(id);
}

void readArray(GgufStream& stream, const std::string& key, GgufValue& value) {
    const auto elementType = readType(stream, key, "an element type from 0 to 12");
    const auto count = stream.integer<uint64_t>(key);
    if (!elementType || !stream.ok()) return;
    value.elementType = *elementType;
    if (*elementType == GgufType::array) {
        return stream.fail(key, "an array of arrays", "an array of numbers, bools or texts");
    }
    if (count > stream.remaining() / minValueBytes(*elementType)) {
        return stream.fail(key,
                           std::to_string(count) + " elements in the " + std::to_string(stream.remaining()) +
                               " bytes that are left",
                           "a count that fits into the file");
    }
    if (count > kMaxArrayElements) {
        return stream.fail(key, std::to_string(count) + " elements",
                           "at most " + std::to_string(kMaxArrayElements));
    }
    if (*elementType == GgufType::string) {
        std::vector<std::string> texts;
        texts.reserve(count);
        for (uint64_t i = 0; i < count && stream.ok(); ++i) texts.push_back(stream.string(key));
        value.value = std::move(texts);
    } else if (isFloat(*elementType)) {
        std::vector<double> numbers;
        numbers.reserve(count);
        for (uint64_t i = 0; i < count && stream.ok(); ++i)
            numbers.push_back(readFloat(stream, *elementType, key));
        value.value = std::move(numbers);
    } else {
        std::vector<int64_t> numbers;
        numbers.reserve(count);
        for (uint64_t i = 0; i < count && stream.ok(); ++i) {
            if (*elementType == GgufType::boolean) {
                numbers.push_back(readBool(stream, key) ? 1 : 0);
            } else if (isSigned(*elementType)) {
                numbers.push_back(readSigned(stream, *elementType, key));
            } else {
                const uint64_t number = readUnsigned(stream, *elementType, key);
                if (number > INT64_MAX) stream.fail(key, std::to_string(number), "at most 2^63 - 1");
                numbers.push_back(static_cast<int64_t>(number));
            }
        }
        value.value = std::move(numbers);
    }
}

GgufValue readValue(GgufStream& stream, const std::string& key) {
    GgufValue value;
    const auto type = readType(stream, key, "a value type from 0 to 12");
    if (!type) return value;
    value.type = *type;
    if (*type == GgufType::boolean) {
        value.value = readBool(stream, key);
    } else if (*type == GgufType::string) {
        value.value = stream.string(key);
    } else if (*type == GgufType::array) {
        readArray(stream, key, value);
    } else if (isFloat(*type)) {
        value.value = readFloat(stream, *type, key);
    } else if (isSigned(*type)) {
        value.value = readSigned(stream, *type, key);
    } else {
        value.value = readUnsigned(stream, *type, key);
    }
    return value;
}

}  // namespace

void readGgufMetadata(GgufStream& stream, uint64_t count, GgufMetadata& metadata) {
    for (uint64_t i = 0; i < count && stream.ok(); ++i) {
        const std::string where = "metadata key " + std::to_string(i);
        std::string key = stream.string(where, kMaxKeyBytes);
        if (stream.ok() && key.empty()) stream.fail(where, "an empty key", "a name");
        if (!stream.ok()) return;
        const std::string shown = quotedForMessage(key);
        GgufValue value = readValue(stream, shown);
        if (!stream.ok()) return;
        if (!metadata.emplace(std::move(key), std::move(value)).second) {
            stream.fail(shown, "the key twice", "every key once");
        }
    }
}

const char* ggufTypeName(GgufType type) {
    static constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                             "bool", "string", "array", "u64", "i64", "f64"};
    return kNames[static_cast<uint32_t>(type)];
}

std::string GgufValue::typeName() const {
    if (type != GgufType::array) return ggufTypeName(type);
    return std::string("array of ") + ggufTypeName(elementType);
}

std::string quotedForMessage(std::string_view text) {
    constexpr size_t kShown = 80;
    std::string shown;
    for (const char character : text.substr(0, kShown)) {
        const auto byte = static_cast<unsigned char>(character);
        shown += byte < 0x20 || byte == 0x7f || byte >= 0x80 ? '?' : character;
    }
    if (text.size() > kShown) shown += "...";
    return shown;
}

}  // namespace edgechat::inference
