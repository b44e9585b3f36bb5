#include "inference/cpu/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace edgechat::inference::cpu {
namespace {

PackedKind packedKind(TensorType kept) {
    switch (kept) {
        case TensorType::q4_0:
            return PackedKind::q4Centred;
        case TensorType::q4_1:
            return PackedKind::q4Offset;
        case TensorType::int4:
            return PackedKind::q4Zero;
        case TensorType::q8_0:
            return PackedKind::q8;
        case TensorType::int8:
            return PackedKind::q8Row;
        case TensorType::f16:
            return PackedKind::f16;
        case TensorType::bf16:
            return PackedKind::bf16;
        default:  // keptType() gives no other but f32
            return PackedKind::f32;
    }
}

size_t elementBytes(PackedKind kind) {
    return kind == PackedKind::f32 ? 4 : 2;
}

/// Bytes of one row's quants of kGroup inputs.
size_t quantBytes(PackedKind kind) {
    return kind == PackedKind::q8 || kind == PackedKind::q8Row ? kGroup : kGroup / 2;
}

/// Of every kind but q8Row, whose tile is one record.
size_t recordBytes(const PackedMatrix& matrix) {
    const auto runs = static_cast<size_t>(matrix.groupSize / kGroup);
    return (static_cast<size_t>(scaleBytes(matrix.kind)) + runs * quantBytes(matrix.kind)) *
           static_cast<size_t>(matrix.tileRows);
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
    const auto byte = static_cast<uint8_t>(quants[k % 16]);
    return k < 16 ? byte & 15 : byte >> 4;
}

/// Interleaves one row's 32 quants of a ggml block into the tile's.
void placeNibbles(const std::byte* quants, int tileRows, int row, std::byte* tileQuants) {
    for (int step = 0; step < 4; ++step) {
        std::byte* out = tileQuants + (static_cast<size_t>(step) * tileRows + row) * 4;
        for (int b = 0; b < 4; ++b)
            out[b] = std::byte(nibble(quants, 8 * step + b) | nibble(quants, 8 * step + 4 + b) << 4);
    }
}

/// The same for 32 codes of an int4 group, which lie in order: eight of them, four bytes, at once.
void placeCodes(const std::byte* codes, int tileRows, int row, std::byte* tileQuants) {
    for (int step = 0; step < 4; ++step, codes += 4) {
        uint8_t in[4];
        std::memcpy(in, codes, 4);
        const uint8_t out[4] = {static_cast<uint8_t>((in[0] & 15) | in[2] << 4),
                                static_cast<uint8_t>(in[0] >> 4 | (in[2] & 0xf0)),
                                static_cast<uint8_t>((in[1] & 15) | in[3] << 4),
                                static_cast<uint8_t>(in[1] >> 4 | (in[3] & 0xf0))};
        std::memcpy(tileQuants + (static_cast<size_t>(step) * tileRows + row) * 4, out, 4);
    }
}

/// A block of ggml's: {scale} or {scale, offset} and 32 quants.
bool packBlock(const PackedMatrix& matrix, int row, const std::byte* block, std::byte* record) {
    const int tileRows = matrix.tileRows;
    const int header = scaleBytes(matrix.kind);
    if (!finiteHalf(readHalf(block)) || (header == 4 && !finiteHalf(readHalf(block + 2)))) return false;
    const std::byte* quants = block + header;
    if (matrix.kind == PackedKind::q8) {
        for (int step = 0; step < 8; ++step) {
            std::memcpy(record + (static_cast<size_t>(step) * tileRows + row) * 4, quants + 4 * step, 4);
        }
    } else {
        placeNibbles(quants, tileRows, row, record);
    }
    std::byte* scales = record + quantBytes(matrix.kind) * tileRows;
    std::memcpy(scales + 2 * row, block, 2);
    if (header == 4) std::memcpy(scales + 2 * tileRows + 2 * row, block + 2, 2);
    return true;
}

/// A group of int4 (tensor.h), its zero as the whole number that it is or was made of.
bool packInt4Group(const PackedMatrix& matrix, int row, const std::byte* block, std::byte* record) {
    const int tileRows = matrix.tileRows;
    float scale, zero;
    std::memcpy(&scale, block, sizeof scale);
    std::memcpy(&zero, block + sizeof scale, sizeof zero);
    const uint16_t half = floatToHalf(scale);
    const float whole = std::nearbyint(zero);
    if (!finiteHalf(half) || !(whole >= 0 && whole <= 15)) return false;
    std::memcpy(record + 2 * row, &half, 2);
    record[2 * tileRows + row] = static_cast<std::byte>(static_cast<uint8_t>(whole));
    std::byte* quants = record + static_cast<size_t>(scaleBytes(matrix.kind)) * tileRows;
    for (int first = 0; first < matrix.groupSize;
         first += kGroup, quants += quantBytes(matrix.kind) * tileRows) {
        placeCodes(block + 8 + first / 2, tileRows, row, quants);
    }
    return true;
}

/// A row of int8 (tensor.h).
bool packInt8Row(const PackedMatrix& matrix, int row, const std::byte* in, std::byte* tile) {
    float scale;
    std::memcpy(&scale, in, sizeof scale);
    if (!std::isfinite(scale)) return false;
    std::memcpy(tile + sizeof scale * row, in, sizeof scale);
    in += sizeof scale;
    std::byte* quants = tile + sizeof scale * matrix.tileRows;
    for (int k = 0; k < paddedColumns(matrix.columns); k += 4) {
        std::byte* four = quants + (static_cast<size_t>(k / 4) * matrix.tileRows + row) * 4;
        const int valid = std::clamp(matrix.columns - k, 0, 4);
        std::memset(four, 0, 4);
        std::memcpy(four, in + k, static_cast<size_t>(valid));
    }
    return true;
}

void unpackInt8Row(const PackedMatrix& matrix, const std::byte* tile, int lane, float* out) {
    float scale;
    std::memcpy(&scale, tile + sizeof scale * lane, sizeof scale);
    const std::byte* quants = tile + sizeof scale * matrix.tileRows;
    for (int k = 0; k < matrix.columns; ++k) {
        const std::byte quant = quants[(static_cast<size_t>(k / 4) * matrix.tileRows + lane) * 4 + k % 4];
        out[k] = scale * static_cast<float>(static_cast<int8_t>(quant));
    }
}

bool packRecord(const PackedMatrix& matrix, int row, const std::byte* block, std::byte* record) {
    switch (matrix.kind) {
        case PackedKind::q4Zero:
            return packInt4Group(matrix, row, block, record);
        case PackedKind::q8Row:
            return packInt8Row(matrix, row, block, record);
        default:
            return packBlock(matrix, row, block, record);
    }
}

void packDenseRow(const PackedMatrix& matrix, int row, const std::byte* in, std::byte* tile) {
    const size_t size = elementBytes(matrix.kind);
    for (int k = 0; k < matrix.columns; ++k) {
        std::memcpy(tile + size * (static_cast<size_t>(k) * matrix.tileRows + row), in + size * k, size);
    }
}

/// Where the scales and the quants of input k's group are inside a tile.
struct Place {
    const std::byte* scales;
    const std::byte* quants;  // of the 32 inputs with k
};

Place placeOf(const PackedMatrix& matrix, const std::byte* tile, int k) {
    const std::byte* record = tile + recordBytes(matrix) * static_cast<size_t>(k / matrix.groupSize);
    const size_t quants = quantBytes(matrix.kind) * static_cast<size_t>(matrix.tileRows);
    if (matrix.kind != PackedKind::q4Zero) return {record + quants, record};
    const std::byte* first = record + static_cast<size_t>(scaleBytes(matrix.kind)) * matrix.tileRows;
    return {record, first + quants * static_cast<size_t>(k % matrix.groupSize / kGroup)};
}

float offsetOf(const PackedMatrix& matrix, const std::byte* scales, int lane, float scale) {
    switch (matrix.kind) {
        case PackedKind::q4Offset:
            return halfToFloat(readHalf(scales + 2 * matrix.tileRows + 2 * lane));
        case PackedKind::q4Zero:
            return -scale * static_cast<float>(scales[2 * matrix.tileRows + lane]);
        case PackedKind::q4Centred:
            return -8 * scale;
        default:
            return 0;
    }
}

void unpackDenseRow(const PackedMatrix& matrix, const std::byte* tile, int lane, float* out) {
    const size_t size = elementBytes(matrix.kind);
    for (int k = 0; k < matrix.columns; ++k) {
        const std::byte* element = tile + size * (static_cast<size_t>(k) * matrix.tileRows + lane);
        if (matrix.kind == PackedKind::f32) {
            std::memcpy(out + k, element, 4);
        } else if (matrix.kind == PackedKind::f16) {
            out[k] = halfToFloat(readHalf(element));
        } else {
            out[k] = std::bit_cast<float>(static_cast<uint32_t>(readHalf(element)) << 16);
        }
    }
}

}  // namespace

PackedMatrix packedShape(const TensorInfo& tensor, int tileRows) {
    PackedMatrix matrix;
    const TensorType kept = keptType(tensor);
    matrix.kind = packedKind(kept);
    matrix.rows = static_cast<int>(tensor.rows);
    matrix.columns = static_cast<int>(tensor.columns);
    matrix.tileRows = tileRows;
    matrix.groupSize = matrix.dense() ? 1 : blockElements(kept, tensor.groupSize);
    matrix.tileBytes = keptRowBytes(tensor) * static_cast<size_t>(tileRows);
    return matrix;
}

bool packTile(const PackedMatrix& matrix, const TensorInfo& tensor, const std::byte* source, int validRows,
              std::byte* tile) {
    if (validRows < matrix.tileRows) std::memset(tile, 0, matrix.tileBytes);
    const TensorType kept = keptType(tensor);
    const size_t blockSize = static_cast<size_t>(blockBytes(kept, tensor.groupSize));
    std::vector<std::byte> transcoded;
    if (kept != tensor.type) {
        transcoded.resize(blockSize * static_cast<size_t>(matrix.columns / matrix.groupSize));
    }
    for (int row = 0; row < validRows; ++row, source += tensor.rowBytes()) {
        const std::byte* in = source;
        if (kept != tensor.type) {
            transcodeRow(tensor, source, transcoded.data());
            in = transcoded.data();
        }
        if (matrix.dense()) {
            packDenseRow(matrix, row, in, tile);
            continue;
        }
        std::byte* record = tile;
        for (int k = 0; k < matrix.columns; k += matrix.groupSize) {
            if (!packRecord(matrix, row, in, record)) return false;
            in += blockSize;
            record += recordBytes(matrix);
        }
    }
    return true;
}

void unpackRow(const PackedMatrix& matrix, int row, float* out) {
    const std::byte* tile = matrix.tile(row / matrix.tileRows);
    const int lane = row % matrix.tileRows;
    if (matrix.dense()) return unpackDenseRow(matrix, tile, lane, out);
    if (matrix.kind == PackedKind::q8Row) return unpackInt8Row(matrix, tile, lane, out);
    for (int first = 0; first < matrix.columns; first += kGroup) {
        const Place place = placeOf(matrix, tile, first);
        const float scale = halfToFloat(readHalf(place.scales + 2 * lane));
        const float offset = offsetOf(matrix, place.scales, lane, scale);
        for (int k = 0; k < kGroup; ++k) {
            const int step = matrix.kind == PackedKind::q8 ? k / 4 : k / 8;
            const auto byte = static_cast<uint8_t>(
                place.quants[(static_cast<size_t>(step) * matrix.tileRows + lane) * 4 + k % 4]);
            int value = k % 8 < 4 ? byte & 15 : byte >> 4;
            if (matrix.kind == PackedKind::q8) value = static_cast<int8_t>(byte);
            out[first + k] = scale * static_cast<float>(value) + offset;
        }
    }
}

}  // namespace edgechat::inference::cpu
