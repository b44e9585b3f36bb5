// Eight bits with one scale for a whole row, as W8A8 has for each output of the weights and each token of the
// inputs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace edgechat::quant {

/// Replaces a row by what 8 bits keep of it: code * scale, codes -127..127.
/// @param codes  [count], or null: not wanted
/// @return the scale, at least 1e-5 / 127
inline float roundToInt8(float* row, int64_t count, int8_t* codes) {
    float largest = 1e-5f;
    for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(row[i]));
    const float scale = largest / 127;
    for (int64_t i = 0; i < count; ++i) {
        const float code = std::clamp(std::nearbyint(row[i] / scale), -127.0f, 127.0f);
        if (codes != nullptr) codes[i] = static_cast<int8_t>(code);
        row[i] = code * scale;
    }
    return scale;
}

}  // namespace edgechat::quant
