#include "inference/model/alibi.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace edgechat::inference {
namespace {

/// Nearest even; finite values only.
float toBfloat16(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u);
}

}  // namespace

std::vector<float> alibiSlopes(int heads) {
    int power = 1;
    while (2 * power <= heads) power *= 2;
    std::vector<float> slopes;
    for (int i = 0; i < heads; ++i) {
        const double exponent = i < power ? -8.0 * (i + 1) / power : -4.0 * (2 * (i - power) + 1) / power;
        slopes.push_back(toBfloat16(static_cast<float>(std::exp2(exponent))));
    }
    return slopes;
}

float alibiBias(float slope, int position) {
    return toBfloat16(slope * toBfloat16(static_cast<float>(position)));
}

}  // namespace edgechat::inference
