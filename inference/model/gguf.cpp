#include "inference/model/gguf.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_set>

namespace edgechat::inference {

namespace {

// Bounds on what a file can make the reader do. Real metadata is at most about 20 MB.
constexpr uint64_t kMaxMetadataBytes = 256u << 20;
constexpr uint64_t kMaxArrayElements = 4u << 20;
constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxTensorNameBytes = 63;
constexpr uint64_t kMaxDimension = uint64_t{1} << 40;
constexpr uint32_t kMaxDimensions = 4;

// Smallest possible records: a key of one character with a one-byte value; a one-dimensional tensor.
constexpr uint64_t kMinPairBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

struct TypeId {
    uint32_t id;
    const char* name;
    std::optional<TensorType> type;  // absent: known by name only, so that a refusal can say it
};

const TypeId kTensorTypes[] = {
    {0, "F32", TensorType::f32},
    {1, "F16", TensorType::f16},
    {2, "Q4_0", TensorType::q4_0},
    {3, "Q4_1", TensorType::q4_1},
    {6, "Q5_0", {}},
    {7, "Q5_1", {}},
    {8, "Q8_0", TensorType::q8_0},
    {9, "Q8_1", {}},
    {10, "Q2_K", {}},
    {11, "Q3_K", {}},
    {12, "Q4_K", {}},
    {13, "Q5_K", {}},
    {14, "Q6_K", {}},
    {15, "Q8_K", {}},
    {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},
    {19, "IQ1_S", {}},
    {20, "IQ4_NL", {}},
    {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},
    {23, "IQ4_XS", {}},
    {24, "I8", {}},
    {25, "I16", {}},
    {26, "I32", {}},
    {27, "I64", {}},
    {28, "F64", {}},
    {29, "IQ1_M", {}},
    {30, "BF16", TensorType::bf16},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {39, "MXFP4", {}},
};
constexpr const char* kSupportedTypes = "F32, F16, BF16, Q4_0, Q4_1 or Q8_0";

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

// Sequential little-endian reading with pread. The first failure sticks: later reads give zeros and empty
// strings, so that callers check once per record.
class Reader {
  public:
    Reader(int file, uint64_t fileBytes, std::string fileName)
        : m_file(file), m_fileBytes(fileBytes), m_fileName(std::move(fileName)), m_buffer(64 * 1024) {}

    bool ok() const { return !m_error; }
    const Error& error() const { return *m_error; }
    uint64_t position() const { return m_position; }
    uint64_t remaining() const { return m_fileBytes - m_position; }

    void fail(std::string field, std::string found, std::string expected) {
        if (m_error) return;
        m_error = Error{ErrorCode::badInput, "cannot read the model", m_fileName,
                        std::move(field),    std::move(found),        std::move(expected)};
    }

    // `field` names what was being read, for the message when the file ends inside it.
    void bytes(void* out, uint64_t count, std::string_view field) {
        auto* target = static_cast<char*>(out);
        if (m_error || count > remaining()) {
            if (!m_error) failEnd(field, count);
            std::memset(out, 0, count);
            return;
        }
        if (m_position + count > kMaxMetadataBytes) {
            fail(std::string(field), "more than " + std::to_string(kMaxMetadataBytes) + " bytes of metadata",
                 "a header that fits into them");
            std::memset(out, 0, count);
            return;
        }
        while (count > 0) {
            if (m_begin == m_end && !refill(field)) {
                std::memset(target, 0, count);
                return;
            }
            const uint64_t step = std::min<uint64_t>(count, m_end - m_begin);
            std::memcpy(target, m_buffer.data() + m_begin, step);
            m_begin += step;
            m_position += step;
            target += step;
            count -= step;
        }
    }

    template <class T>
    T integer(std::string_view field) {
        uint8_t raw[sizeof(T)];
        bytes(raw, sizeof(T), field);
        uint64_t value = 0;
        for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(raw[i]) << (8 * i);
        return static_cast<T>(value);
    }

    std::string string(std::string_view field, uint64_t limit = kMaxMetadataBytes) {
        const auto length = integer<uint64_t>(field);
        if (!ok()) return {};
        if (length > limit) {
            fail(std::string(field), "a text of " + std::to_string(length) + " bytes",
                 "at most " + std::to_string(limit));
            return {};
        }
        if (length > remaining()) {
            failEnd(field, length);
            return {};
        }
        std::string text(length, '\0');
        bytes(text.data(), length, field);
        if (ok() && text.find('\0') != std::string::npos) {
            fail(std::string(field), "a text with a NUL character", "text without one");
        }
        return text;
    }

  private:
    void failEnd(std::string_view field, uint64_t wanted) {
        fail(std::string(field),
             std::to_string(remaining()) + " bytes to the end of the file at byte " +
                 std::to_string(m_position),
             "at least " + std::to_string(wanted));
    }

    bool refill(std::string_view field) {
        const uint64_t wanted = std::min<uint64_t>(m_buffer.size(), remaining());
        ssize_t got = 0;
        do {
            got = pread(m_file, m_buffer.data(), wanted, static_cast<off_t>(m_position));
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            fail(std::string(field), got < 0 ? std::strerror(errno) : "that the file became shorter",
                 "a file that can be read to its end");
            return false;
        }
        m_begin = 0;
        m_end = static_cast<uint64_t>(got);
        return true;
    }

    int m_file;
    uint64_t m_fileBytes;
    std::string m_fileName;
    std::vector<char> m_buffer;
    uint64_t m_begin = 0, m_end = 0;  // unread part of the buffer
    uint64_t m_position = 0;          // in the file, of the next byte to hand out
    std::optional<Error> m_error;
};

bool readBool(Reader& reader, const std::string& key) {
    const auto value = reader.integer<uint8_t>(key);
    if (reader.ok() && value > 1) reader.fail(key, "a bool of value " + std::to_string(value), "0 or 1");
    return value == 1;
}

bool isFloat(GgufType type) {
    return type == GgufType::f32 || type == GgufType::f64;
}
bool isSigned(GgufType type) {
    return type == GgufType::i8 || type == GgufType::i16 || type == GgufType::i32 || type == GgufType::i64;
}

double readFloat(Reader& reader, GgufType type, const std::string& key) {
    if (type == GgufType::f32) return std::bit_cast<float>(reader.integer<uint32_t>(key));
    return std::bit_cast<double>(reader.integer<uint64_t>(key));
}

int64_t readSigned(Reader& reader, GgufType type, const std::string& key) {
    switch (type) {
        case GgufType::i8:
            return reader.integer<int8_t>(key);
        case GgufType::i16:
            return reader.integer<int16_t>(key);
        case GgufType::i32:
            return reader.integer<int32_t>(key);
        default:
            return reader.integer<int64_t>(key);
    }
}

uint64_t readUnsigned(Reader& reader, GgufType type, const std::string& key) {
    switch (type) {
        case GgufType::u8:
            return reader.integer<uint8_t>(key);
        case GgufType::u16:
            return reader.integer<uint16_t>(key);
        case GgufType::u32:
            return reader.integer<uint32_t>(key);
        default:
            return reader.integer<uint64_t>(key);
    }
}

std::optional<GgufType> readType(Reader& reader, const std::string& key, const char* expected) {
    const auto id = reader.integer<uint32_t>(key);
    if (reader.ok() && id > static_cast<uint32_t>(GgufType::f64)) {
        reader.fail(key, "value type " + std::to_string(id), expected);
    }
    if (!reader.ok()) return {};
    return static_cast<GgufType>(id);
}

void readArray(Reader& reader, const std::string& key, GgufValue& value) {
    const auto elementType = readType(reader, key, "an element type from 0 to 12");
    const auto count = reader.integer<uint64_t>(key);
    if (!elementType || !reader.ok()) return;
    value.elementType = *elementType;
    if (*elementType == GgufType::array) {
        return reader.fail(key, "an array of arrays", "an array of numbers, bools or texts");
    }
    if (count > reader.remaining() / minValueBytes(*elementType)) {
        return reader.fail(key,
                           std::to_string(count) + " elements in the " + std::to_string(reader.remaining()) +
                               " bytes that are left",
                           "a count that fits into the file");
    }
    if (count > kMaxArrayElements) {
        return reader.fail(key, std::to_string(count) + " elements",
                           "at most " + std::to_string(kMaxArrayElements));
    }
    if (*elementType == GgufType::string) {
        std::vector<std::string> texts;
        texts.reserve(count);
        for (uint64_t i = 0; i < count && reader.ok(); ++i) texts.push_back(reader.string(key));
        value.value = std::move(texts);
    } else if (isFloat(*elementType)) {
        std::vector<double> numbers;
        numbers.reserve(count);
        for (uint64_t i = 0; i < count && reader.ok(); ++i)
            numbers.push_back(readFloat(reader, *elementType, key));
        value.value = std::move(numbers);
    } else {
        std::vector<int64_t> numbers;
        numbers.reserve(count);
        for (uint64_t i = 0; i < count && reader.ok(); ++i) {
            if (*elementType == GgufType::boolean) {
                numbers.push_back(readBool(reader, key) ? 1 : 0);
            } else if (isSigned(*elementType)) {
                numbers.push_back(readSigned(reader, *elementType, key));
            } else {
                const uint64_t number = readUnsigned(reader, *elementType, key);
                if (number > INT64_MAX) reader.fail(key, std::to_string(number), "at most 2^63 - 1");
                numbers.push_back(static_cast<int64_t>(number));
            }
        }
        value.value = std::move(numbers);
    }
}

GgufValue readValue(Reader& reader, const std::string& key) {
    GgufValue value;
    const auto type = readType(reader, key, "a value type from 0 to 12");
    if (!type) return value;
    value.type = *type;
    if (*type == GgufType::boolean) {
        value.value = readBool(reader, key);
    } else if (*type == GgufType::string) {
        value.value = reader.string(key);
    } else if (*type == GgufType::array) {
        readArray(reader, key, value);
    } else if (isFloat(*type)) {
        value.value = readFloat(reader, *type, key);
    } else if (isSigned(*type)) {
        value.value = readSigned(reader, *type, key);
    } else {
        value.value = readUnsigned(reader, *type, key);
    }
    return value;
}

void readMetadata(Reader& reader, uint64_t count, GgufContainer& container) {
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
        const std::string where = "metadata key " + std::to_string(i);
        std::string key = reader.string(where, kMaxKeyBytes);
        if (reader.ok() && key.empty()) reader.fail(where, "an empty key", "a name");
        if (!reader.ok()) return;
        const std::string shown = quotedForMessage(key);
        GgufValue value = readValue(reader, shown);
        if (!reader.ok()) return;
        if (!container.metadata.emplace(std::move(key), std::move(value)).second) {
            reader.fail(shown, "the key twice", "every key once");
        }
    }
}

void readTensorType(Reader& reader, const std::string& shown, GgufTensor& tensor) {
    const auto id = reader.integer<uint32_t>(shown);
    if (!reader.ok()) return;
    const auto* entry = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                     [id](const TypeId& known) { return known.id == id; });
    if (entry == std::end(kTensorTypes)) {
        return reader.fail(shown, "tensor type number " + std::to_string(id), kSupportedTypes);
    }
    if (!entry->type) return reader.fail(shown, std::string("tensor type ") + entry->name, kSupportedTypes);
    tensor.type = *entry->type;
}

void readDimensions(Reader& reader, const std::string& shown, GgufTensor& tensor) {
    const auto count = reader.integer<uint32_t>(shown);
    if (reader.ok() && (count == 0 || count > kMaxDimensions)) {
        reader.fail(shown, std::to_string(count) + " dimensions", "1 to 4");
    }
    tensor.elements = 1;
    for (uint32_t i = 0; i < count && reader.ok(); ++i) {
        const auto dimension = reader.integer<uint64_t>(shown);
        if (!reader.ok()) return;
        if (dimension == 0 || dimension > kMaxDimension) {
            return reader.fail(shown, "dimension " + std::to_string(i) + " of " + std::to_string(dimension),
                               "1 to 2^40");
        }
        if (__builtin_mul_overflow(tensor.elements, dimension, &tensor.elements)) {
            return reader.fail(shown, "more than 2^64 elements", "a tensor that fits into the file");
        }
        tensor.dimensions.push_back(dimension);
    }
}

// One row of the table; the offset that it leaves in the tensor is still relative to the data section.
void readTensor(Reader& reader, const std::string& where, GgufTensor& tensor) {
    tensor.name = reader.string(where, kMaxTensorNameBytes);
    if (reader.ok() && tensor.name.empty()) reader.fail(where, "an empty name", "a name");
    if (!reader.ok()) return;
    const std::string shown = "tensor " + quotedForMessage(tensor.name);
    readDimensions(reader, shown, tensor);
    readTensorType(reader, shown, tensor);
    tensor.offset = reader.integer<uint64_t>(shown);
    if (!reader.ok()) return;
    const auto block = static_cast<uint64_t>(blockElements(tensor.type));
    if (tensor.dimensions[0] % block != 0) {
        return reader.fail(shown, "rows of " + std::to_string(tensor.dimensions[0]) + " elements",
                           "a multiple of " + std::to_string(block) + " for " + tensorTypeName(tensor.type));
    }
    if (__builtin_mul_overflow(tensor.elements / block, static_cast<uint64_t>(blockBytes(tensor.type)),
                               &tensor.bytes)) {
        reader.fail(shown, "more than 2^64 bytes", "a tensor that fits into the file");
    }
}

uint64_t padTo(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

// Offsets must be the running sum of the padded sizes: no gap, no overlap, nothing behind the file's end.
void placeTensors(Reader& reader, uint64_t fileBytes, uint64_t alignment, GgufContainer& container) {
    const uint64_t dataStart = padTo(reader.position(), alignment);
    uint64_t expected = 0;
    for (GgufTensor& tensor : container.tensors) {
        const std::string shown = "tensor " + quotedForMessage(tensor.name);
        if (tensor.offset % alignment != 0) {
            return reader.fail(shown, "offset " + std::to_string(tensor.offset),
                               "a multiple of " + std::to_string(alignment));
        }
        if (tensor.offset != expected) {
            return reader.fail(shown, "offset " + std::to_string(tensor.offset), std::to_string(expected));
        }
        // Sums cannot overflow: every earlier tensor ended inside the file.
        if (dataStart > fileBytes || expected > fileBytes - dataStart ||
            tensor.bytes > fileBytes - dataStart - expected) {
            return reader.fail(shown, "a file of " + std::to_string(fileBytes) + " bytes",
                               "at least " + std::to_string(tensor.bytes) + " bytes of data from byte " +
                                   std::to_string(dataStart + expected) + " on (is the download complete?)");
        }
        tensor.offset = dataStart + expected;
        expected = padTo(expected + tensor.bytes, alignment);
    }
}

uint64_t readAlignment(Reader& reader, const GgufContainer& container) {
    const auto found = container.metadata.find("general.alignment");
    if (found == container.metadata.end()) return 32;
    const GgufValue& value = found->second;
    if (value.type != GgufType::u32) {
        reader.fail("general.alignment", value.typeName(), "u32");
        return 32;
    }
    const uint64_t alignment = std::get<uint64_t>(value.value);
    if (alignment < 8 || !std::has_single_bit(alignment)) {
        reader.fail("general.alignment", std::to_string(alignment), "a power of two from 8 on");
        return 32;
    }
    return alignment;
}

void readPrelude(Reader& reader, GgufContainer& container) {
    char magic[4] = {};
    reader.bytes(magic, sizeof(magic), "magic");
    if (reader.ok() && std::memcmp(magic, "GGUF", 4) != 0) {
        reader.fail("magic", "\"" + quotedForMessage({magic, 4}) + "\"", "\"GGUF\"");
    }
    container.version = reader.integer<uint32_t>("version");
    if (!reader.ok()) return;
    if (container.version != 0 && (container.version & 0xffff) == 0) {
        reader.fail("version", "a big-endian file", "a little-endian file");
    } else if (container.version != 2 && container.version != 3) {
        reader.fail("version", std::to_string(container.version), "2 or 3");
    }
}

}  // namespace

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

Result<GgufContainer> readGguf(int file, uint64_t fileBytes, const std::string& fileName) {
    Reader reader(file, fileBytes, fileName);
    GgufContainer container;
    readPrelude(reader, container);
    const auto tensorCount = reader.integer<uint64_t>("tensor count");
    const auto pairCount = reader.integer<uint64_t>("metadata count");
    if (reader.ok() && pairCount > reader.remaining() / kMinPairBytes) {
        reader.fail(
            "metadata count", std::to_string(pairCount),
            "at most " + std::to_string(reader.remaining() / kMinPairBytes) + " in a file of this size");
    }
    if (reader.ok() && tensorCount > reader.remaining() / kMinTensorBytes) {
        reader.fail(
            "tensor count", std::to_string(tensorCount),
            "at most " + std::to_string(reader.remaining() / kMinTensorBytes) + " in a file of this size");
    }
    if (reader.ok()) readMetadata(reader, pairCount, container);
    const uint64_t alignment = reader.ok() ? readAlignment(reader, container) : 32;

    // The metadata took bytes since the first check, and the bound on the header bounds the count as well.
    if (reader.ok() && tensorCount > std::min(reader.remaining(), kMaxMetadataBytes) / kMinTensorBytes) {
        reader.fail("tensor count", std::to_string(tensorCount), "a count that fits into the file");
    }
    std::unordered_set<std::string> names;
    for (uint64_t i = 0; i < tensorCount && reader.ok(); ++i) {
        GgufTensor tensor;
        readTensor(reader, "tensor " + std::to_string(i), tensor);
        if (reader.ok() && !names.insert(tensor.name).second) {
            reader.fail("tensor " + quotedForMessage(tensor.name), "the name twice", "every tensor once");
        }
        container.tensors.push_back(std::move(tensor));
    }
    if (reader.ok()) placeTensors(reader, fileBytes, alignment, container);
    if (!reader.ok()) return reader.error();
    return container;
}

}  // namespace edgechat::inference
