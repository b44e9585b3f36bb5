#include "inference/model/packing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace edgechat::inference {
namespace {

float storeHalf(std::byte* out, uint16_t half) {
    std::memcpy(out, &half, sizeof half);
    return halfToFloat(half);
}

float readHalf(const std::byte* in) {
    uint16_t half;
    std::memcpy(&half, in, sizeof half);
    return halfToFloat(half);
}

}  // namespace

bool packsNatively(TensorType type) {
    switch (type) {
        case TensorType::f32:
        case TensorType::f16:
        case TensorType::bf16:
        case TensorType::q4_0:
        case TensorType::q4_1:
        case TensorType::q8_0:
        case TensorType::int4:
        case TensorType::int8:
            return true;
        default:
            return false;
    }
}

TensorType keptType(const TensorInfo& tensor) {
    if (tensor.type == TensorType::int8) {
        const bool byRow = tensor.groupSize == tensor.columns && tensor.columns <= kMaxInt8Columns;
        return byRow ? TensorType::int8 : TensorType::f32;
    }
    const bool floats = blockElements(tensor.type, tensor.groupSize) == 1 && tensor.type != TensorType::int4;
    if (floats) return tensor.type;
    if (tensor.columns % kGroup != 0) return TensorType::f32;
    if (tensor.type == TensorType::int4 && tensor.groupSize % kGroup != 0) return TensorType::f32;
    if (packsNatively(tensor.type)) return tensor.type;
    return tensor.type == TensorType::q4_k ? TensorType::q4_1 : TensorType::q8_0;
}

uint64_t keptRowBytes(const TensorInfo& tensor) {
    const TensorType kept = keptType(tensor);
    const auto columns = static_cast<uint64_t>(tensor.columns);
    if (kept == TensorType::int4) {
        const auto group = static_cast<uint64_t>(tensor.groupSize);
        return columns / group * (2 + 1 + group / 2);
    }
    if (kept == TensorType::int8) return sizeof(float) + static_cast<uint64_t>(paddedColumns(tensor.columns));
    return columns / static_cast<uint64_t>(blockElements(kept)) * static_cast<uint64_t>(blockBytes(kept));
}

uint64_t keptBytes(const TensorInfo& tensor) {
    const auto aligned = [](uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
    if (tensor.rows == 1) return aligned(static_cast<uint64_t>(tensor.columns) * sizeof(float));
    const uint64_t rows = (static_cast<uint64_t>(tensor.rows) + kTileRows - 1) / kTileRows * kTileRows;
    return aligned(rows * keptRowBytes(tensor));
}

std::string keptTypeLoss(const TensorInfo& tensor) {
    const TensorType kept = keptType(tensor);
    if (kept == tensor.type) return {};
    const std::string from = tensorTypeName(tensor.type);
    if (kept == TensorType::q8_0) return from + " -> INT8 g32, at most 0.4 % of a block's largest value";
    if (kept == TensorType::q4_1) return from + " -> INT4 g32, about 0.1 % of a block's largest value";
    return from + " -> " + tensorTypeName(kept) + ", nothing lost";
}

void transcodeRow(const TensorInfo& tensor, const std::byte* stored, std::byte* out) {
    if (keptType(tensor) == TensorType::q4_1) {
        const int64_t blocks = tensor.columns / blockElements(tensor.type);
        for (int64_t i = 0; i < blocks; ++i) {
            q4kToQ4_1(stored + i * blockBytes(tensor.type),
                      out + i * (blockElements(tensor.type) / kGroup) * blockBytes(TensorType::q4_1));
        }
        return;
    }
    std::vector<float> values(static_cast<size_t>(tensor.columns));
    dequantizeRow(tensor, stored, values.data());
    if (keptType(tensor) == TensorType::q8_0) {
        quantizeToQ8_0(values.data(), tensor.columns, out);
    } else {
        std::memcpy(out, values.data(), values.size() * sizeof(float));
    }
}

void quantizeToQ8_0(const float* values, int64_t count, std::byte* out) {
    for (int64_t first = 0; first < count; first += kGroup, out += 2 + kGroup) {
        const float* block = values + first;
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < kGroup; ++i) {
            largest = std::max(largest, std::fabs(block[i]));
            finite = finite && std::isfinite(block[i]);
        }
        if (!finite) largest = std::numeric_limits<float>::infinity();
        float scale = storeHalf(out, floatToHalf(largest / 127.0f));
        // A small scale may have been rounded down so far that the largest value would not fit any more.
        if (127.5f * scale < largest) scale = storeHalf(out, static_cast<uint16_t>(floatToHalf(scale) + 1));
        const float inverse = scale > 0 && std::isfinite(scale) ? 1.0f / scale : 0.0f;
        for (int i = 0; i < kGroup; ++i) {
            const float code =
                inverse > 0 ? std::clamp(std::nearbyint(block[i] * inverse), -127.0f, 127.0f) : 0;
            out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(code));
        }
    }
}

void q4kToQ4_1(const std::byte* block, std::byte* out) {
    // {f16 d; f16 dmin; u8 scales[12]; u8 codes[128]}; element i of sub-block j is d * scale[j] * code - dmin
    // * minimum[j]. Codes lie in four runs of 32 bytes: sub-block 2r in the low halves of run r, 2r + 1 in
    // the high ones. The 6-bit scales and minima of sub-blocks 0 to 3 are the low bits of bytes 0 to 3 and 4
    // to 7; those of 4 to 7 have their low four bits in bytes 8 to 11 and their high two in the top of bytes
    // 0 to 7.
    const float scale = readHalf(block), minimum = readHalf(block + 2);
    const auto packed = [&](int i) { return static_cast<unsigned>(block[4 + i]); };
    for (int j = 0; j < 8; ++j, out += 20) {
        const unsigned scaleCode = j < 4 ? packed(j) & 63 : (packed(j + 4) & 15) | (packed(j - 4) >> 6 << 4);
        const unsigned minimumCode =
            j < 4 ? packed(j + 4) & 63 : (packed(j + 4) >> 4) | (packed(j) >> 6 << 4);
        storeHalf(out, floatToHalf(scale * static_cast<float>(scaleCode)));
        storeHalf(out + 2, floatToHalf(-minimum * static_cast<float>(minimumCode)));
        const std::byte* run = block + 16 + j / 2 * kGroup;
        const int shift = j % 2 * 4;
        for (int i = 0; i < kGroup / 2; ++i) {
            const std::byte low = run[i] >> shift & std::byte{15};
            const std::byte high = run[i + kGroup / 2] >> shift & std::byte{15};
            out[4 + i] = low | high << 4;
        }
    }
}

}  // namespace edgechat::inference
