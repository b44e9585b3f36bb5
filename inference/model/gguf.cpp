#include "inference/model/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_set>

namespace edgechat::inference {

namespace {

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
    {6, "Q5_0", TensorType::q5_0},
    {7, "Q5_1", TensorType::q5_1},
    {8, "Q8_0", TensorType::q8_0},
    {10, "Q2_K", TensorType::q2_k},
    {11, "Q3_K", TensorType::q3_k},
    {12, "Q4_K", TensorType::q4_k},
    {13, "Q5_K", TensorType::q5_k},
    {14, "Q6_K", TensorType::q6_k},
    {30, "BF16", TensorType::bf16},
    {4, "Q4_2", {}},
    {5, "Q4_3", {}},
    {9, "Q8_1", {}},
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
    {31, "Q4_0_4_4", {}},
    {32, "Q4_0_4_8", {}},
    {33, "Q4_0_8_8", {}},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {36, "IQ4_NL_4_4", {}},
    {37, "IQ4_NL_4_8", {}},
    {38, "IQ4_NL_8_8", {}},
    {39, "MXFP4", {}},
    {40, "NVFP4", {}},
};
constexpr const char* kSupportedTypes =
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K (a file quantized as Q4_K_M, for example)";

void readTensorType(GgufStream& stream, const std::string& shown, GgufTensor& tensor) {
    const auto id = stream.integer<uint32_t>(shown);
    if (!stream.ok()) return;
    const auto* entry = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                     [id](const TypeId& known) { return known.id == id; });
    if (entry == std::end(kTensorTypes)) {
        return stream.fail(shown, "tensor type number " + std::to_string(id), kSupportedTypes);
    }
    if (!entry->type) return stream.fail(shown, std::string("tensor type ") + entry->name, kSupportedTypes);
    tensor.type = *entry->type;
}

void readDimensions(GgufStream& stream, const std::string& shown, GgufTensor& tensor) {
    const auto count = stream.integer<uint32_t>(shown);
    if (stream.ok() && (count == 0 || count > kMaxDimensions)) {
        stream.fail(shown, std::to_string(count) + " dimensions", "1 to 4");
    }
    tensor.elements = 1;
    for (uint32_t i = 0; i < count && stream.ok(); ++i) {
        const auto dimension = stream.integer<uint64_t>(shown);
        if (!stream.ok()) return;
        if (dimension == 0 || dimension > kMaxDimension) {
            return stream.fail(shown, "dimension " + std::to_string(i) + " of " + std::to_string(dimension),
                               "1 to 2^40");
        }
        if (__builtin_mul_overflow(tensor.elements, dimension, &tensor.elements)) {
            return stream.fail(shown, "more than 2^64 elements", "a tensor that fits into the file");
        }
        tensor.dimensions.push_back(dimension);
    }
}

// One row of the table; the offset that it leaves in the tensor is still relative to the data section.
void readTensor(GgufStream& stream, const std::string& where, GgufTensor& tensor) {
    tensor.name = stream.string(where, kMaxTensorNameBytes);
    if (stream.ok() && tensor.name.empty()) stream.fail(where, "an empty name", "a name");
    if (!stream.ok()) return;
    const std::string shown = "tensor " + quotedForMessage(tensor.name);
    readDimensions(stream, shown, tensor);
    readTensorType(stream, shown, tensor);
    tensor.offset = stream.integer<uint64_t>(shown);
    if (!stream.ok()) return;
    const auto block = static_cast<uint64_t>(blockElements(tensor.type));
    if (tensor.dimensions[0] % block != 0) {
        return stream.fail(shown, "rows of " + std::to_string(tensor.dimensions[0]) + " elements",
                           "a multiple of " + std::to_string(block) + " for " + tensorTypeName(tensor.type));
    }
    if (__builtin_mul_overflow(tensor.elements / block, static_cast<uint64_t>(blockBytes(tensor.type)),
                               &tensor.bytes)) {
        stream.fail(shown, "more than 2^64 bytes", "a tensor that fits into the file");
    }
}

uint64_t padTo(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

// Offsets must be the running sum of the padded sizes: no gap, no overlap, nothing behind the file's end.
void placeTensors(GgufStream& stream, uint64_t alignment, GgufContainer& container) {
    const uint64_t fileBytes = stream.fileBytes();
    const uint64_t dataStart = padTo(stream.position(), alignment);
    uint64_t expected = 0;
    for (GgufTensor& tensor : container.tensors) {
        const std::string shown = "tensor " + quotedForMessage(tensor.name);
        if (tensor.offset % alignment != 0) {
            return stream.fail(shown, "offset " + std::to_string(tensor.offset),
                               "a multiple of " + std::to_string(alignment));
        }
        if (tensor.offset != expected) {
            return stream.fail(shown, "offset " + std::to_string(tensor.offset), std::to_string(expected));
        }
        // Sums cannot overflow: every earlier tensor ended inside the file.
        if (dataStart > fileBytes || expected > fileBytes - dataStart ||
            tensor.bytes > fileBytes - dataStart - expected) {
            return stream.fail(shown, "a file of " + std::to_string(fileBytes) + " bytes",
                               "at least " + std::to_string(tensor.bytes) + " bytes of data from byte " +
                                   std::to_string(dataStart + expected) + " on (is the download complete?)");
        }
        tensor.offset = dataStart + expected;
        expected = padTo(expected + tensor.bytes, alignment);
    }
}

uint64_t readAlignment(GgufStream& stream, const GgufContainer& container) {
    const auto found = container.metadata.find("general.alignment");
    if (found == container.metadata.end()) return 32;
    const GgufValue& value = found->second;
    if (value.type != GgufType::u32) {
        stream.fail("general.alignment", value.typeName(), "u32");
        return 32;
    }
    const uint64_t alignment = std::get<uint64_t>(value.value);
    if (alignment < 8 || !std::has_single_bit(alignment)) {
        stream.fail("general.alignment", std::to_string(alignment), "a power of two from 8 on");
        return 32;
    }
    return alignment;
}

void readPrelude(GgufStream& stream, GgufContainer& container) {
    char magic[4] = {};
    stream.bytes(magic, sizeof(magic), "magic");
    if (stream.ok() && std::memcmp(magic, "GGUF", 4) != 0) {
        stream.fail("magic", "\"" + quotedForMessage({magic, 4}) + "\"", "\"GGUF\"");
    }
    container.version = stream.integer<uint32_t>("version");
    if (!stream.ok()) return;
    if (container.version != 0 && (container.version & 0xffff) == 0) {
        stream.fail("version", "a big-endian file", "a little-endian file");
    } else if (container.version != 2 && container.version != 3) {
        stream.fail("version", std::to_string(container.version), "2 or 3");
    }
}

// Both counts against the smallest records that they could count.
void checkCounts(GgufStream& stream, uint64_t tensorCount, uint64_t pairCount) {
    const auto check = [&stream](const char* field, uint64_t count, uint64_t recordBytes) {
        const uint64_t most = stream.remaining() / recordBytes;
        if (!stream.ok() || count <= most) return;
        stream.fail(field, std::to_string(count),
                    "at most " + std::to_string(most) + " in a file of this size");
    };
    check("metadata count", pairCount, kMinPairBytes);
    check("tensor count", tensorCount, kMinTensorBytes);
}

void readTensorTable(GgufStream& stream, uint64_t count, GgufContainer& container) {
    // The metadata took bytes since the first check, and the bound on the header bounds the count as well.
    if (stream.ok() && count > std::min(stream.remaining(), kMaxGgufHeaderBytes) / kMinTensorBytes) {
        stream.fail("tensor count", std::to_string(count), "a count that fits into the file");
    }
    std::unordered_set<std::string> names;
    for (uint64_t i = 0; i < count && stream.ok(); ++i) {
        GgufTensor tensor;
        readTensor(stream, "tensor " + std::to_string(i), tensor);
        if (stream.ok() && !names.insert(tensor.name).second) {
            stream.fail("tensor " + quotedForMessage(tensor.name), "the name twice", "every tensor once");
        }
        container.tensors.push_back(std::move(tensor));
    }
}

}  // namespace

Result<GgufContainer> readGguf(int file, uint64_t fileBytes, const std::string& fileName) {
    GgufStream stream(file, fileBytes, fileName);
    GgufContainer container;
    readPrelude(stream, container);
    const auto tensorCount = stream.integer<uint64_t>("tensor count");
    const auto pairCount = stream.integer<uint64_t>("metadata count");
    checkCounts(stream, tensorCount, pairCount);
    if (stream.ok()) readGgufMetadata(stream, pairCount, container.metadata);
    const uint64_t alignment = stream.ok() ? readAlignment(stream, container) : 32;
    readTensorTable(stream, tensorCount, container);
    if (stream.ok()) placeTensors(stream, alignment, container);
    if (!stream.ok()) return stream.error();
    return container;
}

}  // namespace edgechat::inference
