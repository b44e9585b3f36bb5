// fp16 as plain C++ numbers, for the host meaning of ptx.cuh.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace edgechat::inference::cuda::host {

inline float halfValue(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023;
    uint32_t out;
    if (exponent == 0) {
        const float tiny = static_cast<float>(mantissa) * 0x1p-24f;
        std::memcpy(&out, &tiny, sizeof out);
        out |= sign;
    } else {
        out = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    }
    float value;
    std::memcpy(&value, &out, sizeof value);
    return value;
}

/// Round to nearest even, from a number that fp32 need not hold.
inline uint16_t halfBits(double value) {
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00);
    if (size == 0) return sign;
    if (size >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00);
    int exponent = 0;
    std::frexp(size, &exponent);         // size < 2^exponent
    if (exponent < -13) exponent = -13;  // subnormal: steps of 2^-24
    const double step = std::ldexp(1.0, exponent - 11);
    const auto steps = static_cast<uint32_t>(std::nearbyint(size / step));  // <= 2048, which carries over
    return static_cast<uint16_t>(sign | (static_cast<uint32_t>(exponent + 13) * 1024 + steps));
}

}  // namespace edgechat::inference::cuda::host
