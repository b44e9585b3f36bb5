#include "inference/model/int4_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

using int4::kCodesBegin;

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
    const RowRange rows{first, count};
    const std::unique_ptr<std::byte[]> bytes(new std::byte[fetchedBytes(rows)]);
    if (Result<void> fetched = fetch(rows, false, bytes.get()); !fetched) return fetched;
    const Result<const std::byte*> decoded = decode(rows, bytes.get(), rows, out);
    return decoded ? Result<void>() : decoded.error();
}

Int4Rows::Places Int4Rows::places(const int4::Slices& wanted) const {
    Places places;
    places.codes = int4::placeOf(m_parts.codes, wanted.codes, 0);
    places.scales = int4::placeOf(m_parts.scales, wanted.scales, places.codes.end);
    places.zeros = int4::placeOf(m_parts.zeros, wanted.zeros, places.scales.end);
    return places;
}

uint64_t Int4Rows::fetchedBytes(const RowRange& range) const {
    return places(slices(range)).zeros.end;
}

Result<void> Int4Rows::fetch(const RowRange& range, std::byte* out) const {
    return fetch(range, true, out);
}

Result<void> Int4Rows::fetch(const RowRange& range, bool once, std::byte* out) const {
    const int4::Slices wanted = slices(range);
    const Places to = places(wanted);
    if (Result<void> read = int4::readSlice(m_parts.codes, wanted.codes, to.codes, once, out); !read)
        return read;
    if (Result<void> read = int4::readSlice(m_parts.scales, wanted.scales, to.scales, once, out); !read)
        return read;
    return int4::readSlice(m_parts.zeros, wanted.zeros, to.zeros, once, out);
}

Result<const std::byte*> Int4Rows::decode(const RowRange& fetched, const std::byte* bytes,
                                          const RowRange& range, std::byte* out) const {
    const Places there = places(slices(fetched));
    const auto* from = reinterpret_cast<const uint8_t*>(bytes);
    const int4::Stored stored{fetched, from + there.codes.begin, from + there.scales.begin,
                              from + there.zeros.begin};
    auto* blocks = reinterpret_cast<uint8_t*>(out);
    const auto groups = static_cast<size_t>(m_shape.groups());
    const auto wanted = static_cast<size_t>(range.count) * groups;
    const auto stride = static_cast<size_t>(blockBytes(TensorType::int4, m_shape.groupSize));
    decodeCodes(stored, range, blocks);
    std::vector<float> scales(wanted);
    std::vector<float> zeros(wanted);
    if (Result<void> read = decodeGroups(stored, range, scales.data(), zeros.data()); !read)
        return read.error();
    for (size_t i = 0; i < wanted; ++i) {
        uint8_t* block = blocks + i * stride;
        const float scale = scales[i];
        // A group of one value may have been given no scale: it is worth zero.
        const bool unused = scale == 0.0f && allCodesEqual(block + kCodesBegin, m_shape.groupSize);
        if (!std::isfinite(scale) || (scale <= 0.0f && !unused)) {
            return int4::partError(m_parts.scales,
                                   std::to_string(scale) + " for output " +
                                       std::to_string(range.first + static_cast<int64_t>(i / groups)) +
                                       ", group " + std::to_string(i % groups),
                                   "scales above 0 (is the download damaged?)");
        }
        writeU32(block, std::bit_cast<uint32_t>(scale));
        writeU32(block + 4, std::bit_cast<uint32_t>(zeros[i]));
    }
    return static_cast<const std::byte*>(out);
}

void Int4Rows::decodeCodes(const int4::Stored& stored, const RowRange& rows, uint8_t* blocks) const {
    const uint8_t* codes = stored.codes + static_cast<uint64_t>(rows.first - stored.rows.first) * codeBytes();
    for (int64_t row = 0; row < rows.count; ++row, codes += codeBytes(), blocks += m_shape.rowBytes())
        placeCodes(codes, 0, m_shape.columns, blocks);
}

void Int4Rows::placeCodes(const uint8_t* codes, int64_t firstInput, int64_t count, uint8_t* row) const {
    const int64_t size = m_shape.groupSize, end = firstInput + count;
    const int stride = blockBytes(TensorType::int4, m_shape.groupSize);
    row += firstInput / size * stride + kCodesBegin;
    for (int64_t inGroup = firstInput % size; firstInput < end; inGroup = 0, row += stride) {
        const int64_t run = std::min(size - inGroup, end - firstInput);
        std::memcpy(row + inGroup / 2, codes, static_cast<size_t>(run / 2));
        codes += run / 2;
        firstInput += run;
    }
}

namespace int4 {

Error partError(const StoredTensor& part, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", part.file->path().string(),
                 part.label(),        std::move(found),        std::move(expected)};
}

namespace {

uint64_t widthOf(const StoredTensor& matrix) {
    return matrix.bytes / matrix.shape[0];
}

uint64_t positionOf(const StoredTensor& matrix, const Slice& slice) {
    return matrix.offset + static_cast<uint64_t>(slice.first) * widthOf(matrix) + slice.firstByte;
}

}  // namespace

Place placeOf(const StoredTensor& matrix, const Slice& slice, uint64_t from) {
    if (slice.size() == 0) return {from, from};
    const uint64_t position = positionOf(matrix, slice);
    return {from + position % DataFile::kPage, from + DataFile::pageBytes(position, slice.size())};
}

Result<void> readSlice(const StoredTensor& matrix, const Slice& slice, const Place& place, bool once,
                       std::byte* bytes) {
    if (slice.size() == 0) return {};
    const uint64_t width = widthOf(matrix), begin = positionOf(matrix, slice);
    const std::string label = matrix.label();
    std::byte* out = bytes + place.begin;
    if (slice.bytes == width && once)
        return matrix.file->readPages(begin, slice.size(), out - begin % DataFile::kPage, label);
    if (slice.bytes == width) return matrix.file->read(begin, slice.size(), out, label);
    for (uint64_t row = 0; row < static_cast<uint64_t>(slice.count); ++row, out += slice.bytes) {
        if (Result<void> read = matrix.file->read(begin + row * width, slice.bytes, out, label); !read)
            return read;
    }
    // Whoever needs a matrix in several slices takes them from the left to the right.
    if (once && slice.firstByte + slice.bytes == width) {
        matrix.file->dropPageCache(begin - slice.firstByte, static_cast<uint64_t>(slice.count) * width);
    }
    return {};
}

TensorType scaleType(const StoredTensor& matrix) {
    return matrix.dtype == "F32"    ? TensorType::f32
           : matrix.dtype == "BF16" ? TensorType::bf16
                                    : TensorType::f16;
}

uint64_t scaleBytes(const StoredTensor& matrix) {
    return static_cast<uint64_t>(blockBytes(scaleType(matrix)));
}

}  // namespace int4

}  // namespace edgechat::inference
