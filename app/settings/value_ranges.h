// Ranges and beginnings of the values that the general settings have and that a model can have of its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include <QVariant>

#include "inference/sampling/sampler.h"

namespace edgechat::app {

struct IntegerRange {
    int fallback, low, high;

    int clamped(int value) const { return std::clamp(value, low, high); }
    /// Nothing where the variant holds no whole number.
    std::optional<int> read(const QVariant& value) const {
        bool valid = false;
        const int number = value.toInt(&valid);
        return valid ? std::optional(clamped(number)) : std::nullopt;
    }
};

struct NumberRange {
    double fallback, low, high;

    double clamped(double value) const { return std::clamp(value, low, high); }
    /// Nothing where the variant holds no finite number.
    std::optional<double> read(const QVariant& value) const {
        bool valid = false;
        const double number = value.toDouble(&valid);
        return valid && std::isfinite(number) ? std::optional(clamped(number)) : std::nullopt;
    }
};

namespace ranges {

/// A float that was given as a short decimal, as that decimal: 0.7f is 0.7 and not 0.699999988.
inline double decimal(float value) {
    return std::round(static_cast<double>(value) * 1e6) / 1e6;
}

inline constexpr inference::SamplingOptions kSampling;
inline constexpr IntegerRange contextTokens{0, 0, 1 << 20};
inline constexpr IntegerRange topK{kSampling.topK, 0, 1 << 20};
inline constexpr IntegerRange maxTokens{0, 0, 1 << 20};
inline const NumberRange temperature{decimal(kSampling.temperature), 0.0, 5.0};
inline const NumberRange topP{decimal(kSampling.topP), 0.0, 1.0};
inline const NumberRange minP{decimal(kSampling.minP), 0.0, 1.0};
inline const NumberRange repeatPenalty{decimal(kSampling.repeatPenalty), 0.5, 2.0};

/// A context below 256 tokens holds no conversation; 0 is the model's choice.
inline int usableContext(int tokens) {
    return tokens <= 0 ? 0 : std::clamp(tokens, 256, contextTokens.high);
}

}  // namespace ranges
}  // namespace edgechat::app
