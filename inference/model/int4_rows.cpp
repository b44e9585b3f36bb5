#include "inference/model/int4_rows.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

constexpr int kCodesBegin = 8;  // of a block, behind f32 scale and f32 zero

bool allCodesEqual(const uint8_t* codes, int groupSize) {
    const uint8_t twice = static_cast<uint8_t>((codes[0] & 15) * 17);
    for (int i = 0; i < groupSize / 2; ++i) {
        if (codes[i] != twice) return false;
    }
    return true;
}

}  // namespace

Result<void> Int4Rows::read(int64_t first, int64_t count, std::byte* out) const {
    if (count == 0) return {};
    auto* blocks = reinterpret_cast<uint8_t*>(out);
    const auto groups = static_cast<size_t>(m_shape.groups());
    const auto wanted = static_cast<size_t>(count) * groups;
    const auto stride = static_cast<size_t>(blockBytes(TensorType::int4, m_shape.groupSize));
    std::memset(blocks, 0, wanted * stride);
    if (Result<void> read = readCodes(first, count, blocks); !read) return read;
    std::vector<float> scales(wanted);
    std::vector<float> zeros(wanted);
    if (Result<void> read = readGroups(first, count, scales.data(), zeros.data()); !read) return read;
    for (size_t i = 0; i < wanted; ++i) {
        uint8_t* block = blocks + i * stride;
        const float scale = scales[i];
        // A group of one value may have been given no scale: it is worth zero.
        const bool unused = scale == 0.0f && allCodesEqual(block + kCodesBegin, m_shape.groupSize);
        if (!std::isfinite(scale) || (scale <= 0.0f && !unused)) {
            return int4::partError(m_parts.scales,
                                   std::to_string(scale) + " for output " +
                                       std::to_string(first + static_cast<int64_t>(i / groups)) + ", group " +
                                       std::to_string(i % groups),
                                   "scales above 0 (is the download damaged?)");
        }
        writeU32(block, std::bit_cast<uint32_t>(scale));
        writeU32(block + 4, std::bit_cast<uint32_t>(zeros[i]));
    }
    return {};
}

namespace int4 {

Error partError(const StoredTensor& part, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", part.file->path().string(),
                 part.label(),        std::move(found),        std::move(expected)};
}

Result<void> readSlices(const StoredTensor& matrix, int64_t first, int64_t count, uint64_t firstByte,
                        uint64_t bytes, void* out) {
    const uint64_t width = matrix.bytes / matrix.shape[0];
    const std::string label = matrix.label();
    const uint64_t begin = matrix.offset + static_cast<uint64_t>(first) * width + firstByte;
    auto* to = static_cast<std::byte*>(out);
    if (bytes == width) return matrix.file->read(begin, static_cast<uint64_t>(count) * width, to, label);
    for (uint64_t row = 0; row < static_cast<uint64_t>(count); ++row) {
        if (Result<void> read = matrix.file->read(begin + row * width, bytes, to + row * bytes, label); !read)
            return read;
    }
    return {};
}

Result<std::vector<float>> readScales(const StoredTensor& matrix, int64_t first, int64_t count,
                                      int64_t firstColumn, int64_t columns) {
    const TensorType type = matrix.dtype == "F32"    ? TensorType::f32
                            : matrix.dtype == "BF16" ? TensorType::bf16
                                                     : TensorType::f16;
    const auto size = static_cast<uint64_t>(blockBytes(type));
    std::vector<std::byte> stored(static_cast<size_t>(count * columns) * size);
    if (Result<void> read = readSlices(matrix, first, count, static_cast<uint64_t>(firstColumn) * size,
                                       static_cast<uint64_t>(columns) * size, stored.data());
        !read)
        return read.error();
    std::vector<float> scales(static_cast<size_t>(count * columns));
    dequantizeRow(type, stored.data(), count * columns, scales.data());
    return scales;
}

Result<std::vector<uint32_t>> readWords(const StoredTensor& matrix, int64_t first, int64_t count,
                                        int64_t firstColumn, int64_t columns) {
    std::vector<uint8_t> stored(static_cast<size_t>(count * columns) * 4);
    if (Result<void> read = readSlices(matrix, first, count, static_cast<uint64_t>(firstColumn) * 4,
                                       static_cast<uint64_t>(columns) * 4, stored.data());
        !read)
        return read.error();
    std::vector<uint32_t> words(static_cast<size_t>(count * columns));
    for (size_t i = 0; i < words.size(); ++i) {
        const uint8_t* bytes = stored.data() + 4 * i;
        words[i] = static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
                   static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
    }
    return words;
}

Result<void> readSequentialCodes(const StoredTensor& codes, const Int4Shape& shape, int64_t first,
                                 int64_t count, uint8_t* blocks) {
    const auto width = static_cast<size_t>(codes.shape[1]) * 4;
    const auto groupBytes = static_cast<size_t>(shape.groupSize / 2);
    std::vector<uint8_t> row(width);
    for (int64_t i = 0; i < count; ++i) {
        if (Result<void> read = readSlices(codes, first + i, 1, 0, width, row.data()); !read) return read;
        for (int64_t group = 0; group < shape.groups(); ++group) {
            std::memcpy(blocks + kCodesBegin, row.data() + static_cast<size_t>(group) * groupBytes,
                        groupBytes);
            blocks += kCodesBegin + groupBytes;
        }
    }
    return {};
}

}  // namespace int4

}  // namespace edgechat::inference
