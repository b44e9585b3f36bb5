#include "inference/cpu/packed_matrix.h"

#include <cmath>
#include <cstring>

namespace edgechat::inference::cpu {
namespace {

PackedKind packedKind(TensorType type) {
    switch (type) {
        case TensorType::q4_0:
            return PackedKind::q4Centred;
        case TensorType::q4_1:
            return PackedKind::q4Offset;
        case TensorType::q8_0:
            return PackedKind::q8;
        case TensorType::q5_0:  // not packed yet, and so on
        case TensorType::q5_1:
        case TensorType::q2_k:
        case TensorType::q3_k:
        case TensorType::q4_k:
        case TensorType::q5_k:
        case TensorType::q6_k:
        case TensorType::int4:
        case TensorType::f16:
            return PackedKind::f16;
        case TensorType::bf16:
            return PackedKind::bf16;
        case TensorType::f32:
            return PackedKind::f32;
    }
    return PackedKind::f32;
}

size_t elementBytes(PackedKind kind) {
    return kind == PackedKind::f32 ? 4 : 2;
}

size_t quantBytes(PackedKind kind) {
    return kind == PackedKind::q8 ? kGroup : kGroup / 2;
}

// Bytes of {scale} or {scale, offset} in front of a block's quants, in the file.
size_t headerBytes(PackedKind kind) {
    return kind == PackedKind::q4Offset ? 4 : 2;
}

uint16_t readHalf(const std::byte* bytes) {
    uint16_t half;
    std::memcpy(&half, bytes, sizeof half);
    return half;
}

bool finiteHalf(uint16_t bits) {
    return (bits & 0x7c00) != 0x7c00;
}

// Value 0..15 of input k in a Q4 block's 16 bytes.
uint8_t nibble(const std::byte* quants, int k) {
    const uint8_t byte = static_cast<uint8_t>(quants[k % 16]);
    return k < 16 ? byte & 15 : byte >> 4;
}

void packGroup(PackedKind kind, int tileRows, int row, const std::byte* block, std::byte* record) {
    const std::byte* quants = block + headerBytes(kind);
    for (int step = 0; step < (kind == PackedKind::q8 ? 8 : 4); ++step) {
        std::byte* out = record + (static_cast<size_t>(step) * tileRows + row) * 4;
        for (int b = 0; b < 4; ++b) {
            out[b] = kind == PackedKind::q8
                         ? quants[4 * step + b]
                         : std::byte(nibble(quants, 8 * step + b) | nibble(quants, 8 * step + 4 + b) << 4);
        }
    }
    std::byte* scales = record + quantBytes(kind) * tileRows;
    std::memcpy(scales + 2 * row, block, 2);
    if (kind == PackedKind::q4Offset) std::memcpy(scales + 2 * tileRows + 2 * row, block + 2, 2);
}

}  // namespace

size_t packedGroupBytes(PackedKind kind, int tileRows) {
    return (quantBytes(kind) + headerBytes(kind)) * static_cast<size_t>(tileRows);
}

PackedMatrix packedShape(const TensorInfo& tensor, int tileRows) {
    PackedMatrix matrix;
    matrix.kind = packedKind(tensor.type);
    matrix.rows = static_cast<int>(tensor.rows);
    matrix.columns = static_cast<int>(tensor.columns);
    matrix.tileRows = tileRows;
    matrix.tileBytes = matrix.dense() ? elementBytes(matrix.kind) * matrix.columns * tileRows
                                      : packedGroupBytes(matrix.kind, tileRows) * matrix.groups();
    return matrix;
}

bool packTile(const PackedMatrix& matrix, const std::byte* source, int validRows, std::byte* tile) {
    if (validRows < matrix.tileRows) std::memset(tile, 0, matrix.tileBytes);
    if (matrix.dense()) {
        const size_t size = elementBytes(matrix.kind);
        for (int row = 0; row < validRows; ++row) {
            const std::byte* in = source + size * matrix.columns * row;
            for (int k = 0; k < matrix.columns; ++k) {
                std::memcpy(tile + size * (static_cast<size_t>(k) * matrix.tileRows + row), in + size * k,
                            size);
            }
        }
        return true;
    }
    const size_t blockBytes = headerBytes(matrix.kind) + quantBytes(matrix.kind);
    const size_t recordBytes = packedGroupBytes(matrix.kind, matrix.tileRows);
    for (int row = 0; row < validRows; ++row) {
        const std::byte* in = source + blockBytes * matrix.groups() * row;
        for (int group = 0; group < matrix.groups(); ++group) {
            const std::byte* block = in + blockBytes * group;
            if (!finiteHalf(readHalf(block))) return false;
            if (matrix.kind == PackedKind::q4Offset && !finiteHalf(readHalf(block + 2))) return false;
            packGroup(matrix.kind, matrix.tileRows, row, block, tile + recordBytes * group);
        }
    }
    return true;
}

void unpackRow(const PackedMatrix& matrix, int row, float* out) {
    const std::byte* tile = matrix.tile(row / matrix.tileRows);
    const int lane = row % matrix.tileRows;
    if (matrix.dense()) {
        const size_t size = elementBytes(matrix.kind);
        for (int k = 0; k < matrix.columns; ++k) {
            const std::byte* element = tile + size * (static_cast<size_t>(k) * matrix.tileRows + lane);
            if (matrix.kind == PackedKind::f32) {
                std::memcpy(out + k, element, 4);
            } else if (matrix.kind == PackedKind::f16) {
                out[k] = halfToFloat(readHalf(element));
            } else {
                const uint32_t bits = static_cast<uint32_t>(readHalf(element)) << 16;
                std::memcpy(out + k, &bits, 4);
            }
        }
        return;
    }
    const size_t recordBytes = packedGroupBytes(matrix.kind, matrix.tileRows);
    for (int group = 0; group < matrix.groups(); ++group) {
        const std::byte* record = tile + recordBytes * group;
        const std::byte* scales = record + quantBytes(matrix.kind) * matrix.tileRows;
        const float scale = halfToFloat(readHalf(scales + 2 * lane));
        const float offset = matrix.kind == PackedKind::q4Offset
                                 ? halfToFloat(readHalf(scales + 2 * matrix.tileRows + 2 * lane))
                                 : (matrix.kind == PackedKind::q4Centred ? -8 * scale : 0.0f);
        for (int k = 0; k < kGroup; ++k) {
            int value;
            if (matrix.kind == PackedKind::q8) {
                value = static_cast<int8_t>(
                    record[(static_cast<size_t>(k / 4) * matrix.tileRows + lane) * 4 + k % 4]);
            } else {
                const uint8_t byte = static_cast<uint8_t>(
                    record[(static_cast<size_t>(k / 8) * matrix.tileRows + lane) * 4 + k % 4]);
                value = k % 8 < 4 ? byte & 15 : byte >> 4;
            }
            out[group * kGroup + k] = scale * static_cast<float>(value) + offset;
        }
    }
}

}  // namespace edgechat::inference::cpu
