#include "inference/cuda/pack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "inference/model/little_endian.h"
#include "inference/model/packing.h"

namespace edgechat::inference::cuda {
namespace {

constexpr uint64_t kPartAlignment = 256;
/// Scales of whole rows are fp32 in the file, between 1e-7 and 1 or so. In these units fp16 holds all their
/// digits that count.
constexpr float kRowScaleUnit = 0x1p-12f;

uint64_t aligned(uint64_t bytes) {
    return (bytes + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
}

bool finiteHalf(uint16_t bits) {
    return (bits & 0x7c00) != 0x7c00;
}

template <class T>
T readAt(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

template <class T>
void writeAt(std::byte* bytes, T value) {
    std::memcpy(bytes, &value, sizeof value);
}

/// A number plus this is a whole number, the nearest one, and a half goes to the even one: below 2^22. As a
/// sum that becomes vectors, as a call it does not.
constexpr float kWholeShift = 0x1.8p23f;

bool isFloat(TensorType type) {
    return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16;
}

/// Blocks of 32 of ggml's: {fp16 scale [, fp16 offset]; codes}.
bool unpackBlocks(const PackedForm& form, TensorType type, const std::byte* block, UnpackedRow& row) {
    for (int g = 0; g < form.columns / kGroup; ++g, block += blockBytes(type)) {
        const auto scale = readAt<uint16_t>(block);
        const auto offset = type == TensorType::q4_1 ? readAt<uint16_t>(block + 2) : uint16_t{0};
        if (!finiteHalf(scale) || !finiteHalf(offset)) return false;
        row.scales[static_cast<size_t>(g)] = scale;
        const std::byte* codes = block + (type == TensorType::q4_1 ? 4 : 2);
        if (type == TensorType::q8_0) {
            uint8_t* out = row.codes.data() + g * kGroup;
            for (int i = 0; i < kGroup; ++i)
                out[i] = static_cast<uint8_t>(static_cast<uint8_t>(codes[i]) ^ 0x80);
            continue;
        }
        if (form.kind == WeightKind::int4Zero) {
            row.zeros[static_cast<size_t>(g)] = 8;
        } else {
            row.offsets[static_cast<size_t>(g)] = offset;
        }
        // Inputs 0 to 15 are the low halves of the 16 bytes, 16 to 31 the high ones.
        uint8_t* out = row.codes.data() + g * kGroup / 2;
        for (int i = 0; i < 8; ++i) {
            const auto first = static_cast<uint8_t>(codes[2 * i]),
                       second = static_cast<uint8_t>(codes[2 * i + 1]);
            out[i] = static_cast<uint8_t>((first & 15) | (second & 15) << 4);
            out[8 + i] = static_cast<uint8_t>(first >> 4 | (second & 0xf0));
        }
    }
    return true;
}

/// Groups of int4 (tensor.h), their zero as the whole number that it is or was made of.
bool unpackInt4(const PackedForm& form, const TensorInfo& tensor, const std::byte* block, UnpackedRow& row) {
    const int size = tensor.groupSize, parts = size / form.group;  // all the same in a group
    const int stride = blockBytes(tensor.type, size);
    row.values.resize(row.scales.size());
    uint8_t* codes = row.codes.data();
    bool whole = true;
    for (int i = 0; i < form.columns / form.group; i += parts, block += stride) {
        const auto scale = readAt<float>(block);
        const float shifted =
            readAt<float>(block + sizeof(float)) + kWholeShift;  // its last bits are the number
        const float zero = shifted - kWholeShift;
        whole &= zero >= 0 && zero <= 15;
        for (int part = i; part < i + parts; ++part) {
            row.values[static_cast<size_t>(part)] = scale;
            row.zeros[static_cast<size_t>(part)] =
                static_cast<uint8_t>(std::bit_cast<uint32_t>(shifted) & 15);
        }
        // Whole groups of kGroup codes: a copy of a known length is one instruction.
        for (int k = 0; k < size; k += kGroup, codes += kGroup / 2)
            std::memcpy(codes, block + 2 * sizeof(float) + k / 2, kGroup / 2);
    }
    auto* halves = reinterpret_cast<uint8_t*>(row.scales.data());
    const int groups = form.columns / form.group;
    floatsToHalves(row.values.data(), groups, halves);
    return whole && finiteBlocks(TensorType::f16, halves, groups);
}

/// A row of int8 with one scale.
bool unpackInt8(const PackedForm& form, const std::byte* stored, UnpackedRow& row) {
    const auto scale = readAt<float>(stored);
    row.scales[0] = floatToHalf(scale / form.factor);
    if (!finiteHalf(row.scales[0])) return false;
    for (int k = 0; k < form.columns; ++k) {
        row.codes[static_cast<size_t>(k)] =
            static_cast<uint8_t>(static_cast<uint8_t>(stored[sizeof scale + static_cast<size_t>(k)]) ^ 0x80);
    }
    return true;
}

/// Floats as int8 in groups of a chunk.
bool quantize(const PackedForm& form, UnpackedRow& row) {
    for (int first = 0; first < form.columns; first += form.group) {
        const int count = std::min(form.group, form.columns - first);
        const float* values = row.values.data() + first;
        int32_t magnitude =
            0;  // bits of numbers without a sign are in the numbers' order, and NaNs above all
        for (int i = 0; i < count; ++i)
            magnitude = std::max(magnitude, std::bit_cast<int32_t>(values[i]) & 0x7fffffff);
        const auto largest = std::bit_cast<float>(magnitude);
        if (!std::isfinite(largest)) return false;
        uint16_t scale = floatToHalf(largest / 127.0f);
        // Rounded down so far that the largest would not fit any more.
        if (127.5f * halfToFloat(scale) < largest) ++scale;
        if (!finiteHalf(scale)) return false;
        row.scales[static_cast<size_t>(first / form.group)] = scale;
        const float unit = scale > 0 ? halfToFloat(scale) : 1;  // a scale of 0 is that of zeros
        uint8_t* codes = row.codes.data() + first;
        for (int i = 0; i < count; ++i) {
            const float code = std::clamp(values[i] / unit + kWholeShift - kWholeShift, -127.0f, 127.0f);
            codes[i] = static_cast<uint8_t>(static_cast<int>(code) + 128);
        }
    }
    return true;
}

// Inputs k0 .. k0 + 3 of a lane in step s of a chunk, in bits 0..3, 16..19, 8..11, 24..27.
uint32_t spread(uint16_t fourCodes) {
    return (fourCodes & 0x0f0fu) | (fourCodes & 0xf0f0u) << 12;
}

int firstInput(int step, int lane) {
    return 32 * (step / 2) + 8 * (lane % 4) + 4 * (step % 2);
}

void packInt4Chunk(const UnpackedRow& upper, const UnpackedRow& lower, int chunk, int g, std::byte* out) {
    constexpr int kWords = kChunk / 4;  // of four inputs
    const int at = chunk * kChunk / 2;
    uint32_t words[kWords];
    for (int i = 0; i < kWords; ++i) {
        words[i] = spread(readU16(upper.codes.data() + at + 2 * i)) |
                   spread(readU16(lower.codes.data() + at + 2 * i)) << 4;
    }
    // Steps 0 and 1 of a lane are neighbours, and so are steps 2 and 3.
    for (int j = 0; j < 4; ++j) {
        std::memcpy(out + 16 * (4 * g + j), words + firstInput(0, j) / 4, 8);
        std::memcpy(out + 16 * (4 * g + j) + 8, words + firstInput(2, j) / 4, 8);
    }
}

void packInt8Chunk(const UnpackedRow& upper, const UnpackedRow& lower, int chunk, int g, std::byte* out) {
    for (int j = 0; j < 4; ++j) {
        for (int s = 0; s < 4; ++s) {
            const size_t at = static_cast<size_t>(chunk * kChunk + firstInput(s, j));
            std::byte* to = out + 512 * (s / 2) + 16 * (4 * g + j) + 8 * (s % 2);
            std::memcpy(to, upper.codes.data() + at, 2);
            std::memcpy(to + 2, lower.codes.data() + at, 2);
            std::memcpy(to + 4, upper.codes.data() + at + 2, 2);
            std::memcpy(to + 6, lower.codes.data() + at + 2, 2);
        }
    }
}

void packHalfChunk(const UnpackedRow& upper, const UnpackedRow& lower, int chunk, int g, std::byte* out) {
    for (int j = 0; j < 4; ++j) {
        for (int s = 0; s < 4; ++s) {
            const size_t at = 2 * static_cast<size_t>(chunk * kChunk + firstInput(s, j));
            std::byte* to = out + 512 * s + 16 * (4 * g + j);
            std::memcpy(to, upper.codes.data() + at, 4);
            std::memcpy(to + 4, lower.codes.data() + at, 4);
            std::memcpy(to + 8, upper.codes.data() + at + 4, 4);
            std::memcpy(to + 12, lower.codes.data() + at + 4, 4);
        }
    }
}

}  // namespace

PackedForm PackedForm::of(const TensorInfo& tensor, MatrixRole role) {
    PackedForm form;
    form.columns = static_cast<int>(tensor.columns);
    switch (tensor.type == TensorType::int4 && tensor.groupSize % kGroup != 0 ? TensorType::f32
                                                                              : keptType(tensor)) {
        case TensorType::q4_0:
            form.kind = WeightKind::int4Zero, form.group = kGroup;
            break;
        case TensorType::q4_1:
            form.kind = WeightKind::int4Offset, form.group = kGroup;
            break;
        case TensorType::q8_0:
            form.kind = WeightKind::int8, form.group = kGroup;
            break;
        case TensorType::int4:
            form.kind = WeightKind::int4Zero;
            form.group = tensor.groupSize % kChunk == 0 ? tensor.groupSize : kGroup;
            break;
        case TensorType::int8:
            form.kind = WeightKind::int8, form.group = paddedInputs(form.columns);
            form.factor = kRowScaleUnit;
            break;
        default:
            if (role == MatrixRole::quantizedVocabulary) form.kind = WeightKind::int8;
    }
    return form;
}

bool PackedForm::multipliesLike(const PackedForm& other) const {
    return kind == other.kind && (group < kChunk) == (other.group < kChunk);
}

PackedLayout::PackedLayout(const PackedForm& form, int rows) {
    shape.kind = form.kind;
    shape.rows = rows;
    shape.columns = form.columns;
    shape.group = form.group;
    shape.factor = form.factor;
    tileQuants = static_cast<uint64_t>(shape.chunks()) * static_cast<uint64_t>(chunkBytes(form.kind));
    if (form.kind != WeightKind::fp16) tileScales = static_cast<uint64_t>(shape.groups()) * 8 * 4;
    if (form.kind == WeightKind::int4Zero) tileZeros = static_cast<uint64_t>(shape.groups()) * 8;
    if (form.kind == WeightKind::int4Offset) tileZeros = tileScales;
    const auto tiles = static_cast<uint64_t>(shape.tiles());
    scales = aligned(tiles * tileQuants);
    zeros = scales + aligned(tiles * tileScales);
    bytes = zeros + aligned(tiles * tileZeros);
}

PackedMatrix PackedLayout::at(const std::byte* device) const {
    PackedMatrix matrix = shape;
    matrix.quants = device;
    matrix.scales = reinterpret_cast<const uint32_t*>(device + scales);
    matrix.zeros = device + zeros;
    return matrix;
}

UnpackedRow::UnpackedRow(const PackedForm& form) {
    const auto inputs = static_cast<size_t>(paddedInputs(form.columns));
    const size_t groups = (inputs + static_cast<size_t>(form.group) - 1) / static_cast<size_t>(form.group);
    switch (form.kind) {
        case WeightKind::int4Zero:
            codes.assign(inputs / 2, 0);
            zeros.assign(groups, 0);
            break;
        case WeightKind::int4Offset:
            codes.assign(inputs / 2, 0);
            offsets.assign(groups, 0);
            break;
        case WeightKind::int8:
            codes.assign(inputs, 128);
            break;
        case WeightKind::fp16:
            codes.assign(inputs * 2, 0);
            return;
    }
    scales.assign(groups, 0);
}

bool unpackRow(const PackedForm& form, const TensorInfo& tensor, const std::byte* stored, UnpackedRow& row) {
    if (form.kind == WeightKind::fp16 && tensor.type == TensorType::f16) {
        std::memcpy(row.codes.data(), stored, static_cast<size_t>(form.columns) * 2);
        return finiteBlocks(TensorType::f16, row.codes.data(), form.columns);
    }
    if (form.kind == WeightKind::fp16 || (isFloat(tensor.type) && form.kind == WeightKind::int8)) {
        row.values.resize(static_cast<size_t>(form.columns));
        dequantizeRow(tensor, stored, row.values.data());
        if (form.kind == WeightKind::int8) return quantize(form, row);
        floatsToHalves(row.values.data(), form.columns, row.codes.data());
        return finiteBlocks(TensorType::f16, row.codes.data(), form.columns);
    }
    if (tensor.type == TensorType::int4) return unpackInt4(form, tensor, stored, row);
    if (tensor.type == TensorType::int8) return unpackInt8(form, stored, row);
    const TensorType kept = keptType(tensor);
    if (kept == tensor.type) return unpackBlocks(form, kept, stored, row);
    std::vector<std::byte> blocks(static_cast<size_t>(form.columns / kGroup * blockBytes(kept)));
    transcodeRow(tensor, stored, blocks.data());
    return unpackBlocks(form, kept, blocks.data(), row);
}

void packTile(const PackedForm& form, const UnpackedRow* const (&rows)[kTileRows], std::byte* quants,
              std::byte* scales, std::byte* zeros) {
    const int chunks = paddedInputs(form.columns) / kChunk;
    const auto pack = form.kind == WeightKind::fp16   ? packHalfChunk
                      : form.kind == WeightKind::int8 ? packInt8Chunk
                                                      : packInt4Chunk;
    for (int chunk = 0; chunk < chunks; ++chunk, quants += chunkBytes(form.kind)) {
        for (int g = 0; g < 8; ++g) pack(*rows[g], *rows[g + 8], chunk, g, quants);
    }
    for (size_t group = 0; group < rows[0]->scales.size(); ++group) {
        for (int g = 0; g < 8; ++g) {
            const UnpackedRow &upper = *rows[g], &lower = *rows[g + 8];
            const size_t at = group * 8 + static_cast<size_t>(g);
            writeAt(scales + 4 * at, static_cast<uint32_t>(lower.scales[group]) << 16 | upper.scales[group]);
            if (form.kind == WeightKind::int4Zero) {
                zeros[at] = static_cast<std::byte>(upper.zeros[group] | lower.zeros[group] << 4);
            } else if (form.kind == WeightKind::int4Offset) {
                writeAt(zeros + 4 * at,
                        static_cast<uint32_t>(lower.offsets[group]) << 16 | upper.offsets[group]);
            }
        }
    }
}

std::vector<RowReference> plainRows(int tensor, int rows) {
    std::vector<RowReference> all(static_cast<size_t>((rows + kTileRows - 1) / kTileRows * kTileRows));
    for (int row = 0; row < rows; ++row) all[static_cast<size_t>(row)] = {tensor, row};
    return all;
}

std::vector<RowReference> headRows(int tensor, int heads, int headSize, bool pairs, bool adjacent) {
    const int tiles = (headSize + kTileRows - 1) / kTileRows;
    std::vector<RowReference> all(static_cast<size_t>(heads * tiles * kTileRows));
    for (size_t i = 0; i < all.size(); ++i) {
        const int row = static_cast<int>(i) % kTileRows;
        const int tile = static_cast<int>(i) / kTileRows % tiles;
        const int head = static_cast<int>(i) / (tiles * kTileRows);
        int element = tile * kTileRows + row;
        if (pairs) {
            const int pair = 8 * tile + row % 8;
            if (pair >= headSize / 2) continue;
            element = adjacent ? 2 * pair + row / 8 : pair + row / 8 * (headSize / 2);
        }
        if (element < headSize) all[i] = {tensor, head * headSize + element};
    }
    return all;
}

std::vector<RowReference> pairedRows(int first, int second, int rows) {
    std::vector<RowReference> all(static_cast<size_t>((rows + 7) / 8 * kTileRows));
    for (int row = 0; row < rows; ++row) {
        const auto at = static_cast<size_t>(row / 8 * kTileRows + row % 8);
        all[at] = {first, row};
        all[at + 8] = {second, row};
    }
    return all;
}

}  // namespace edgechat::inference::cuda
