// How far the logits of one token are from those of another computation.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace edgechat::testing {

inline std::vector<double> logProbabilities(std::span<const float> logits) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit - largest);
    std::vector<double> result;
    for (const float logit : logits) result.push_back(logit - largest - std::log(sum));
    return result;
}

/// KL(golden || computed) in nats.
inline double divergence(std::span<const float> golden, std::span<const float> computed) {
    const std::vector<double> p = logProbabilities(golden), q = logProbabilities(computed);
    double sum = 0;
    for (size_t i = 0; i < p.size(); ++i) sum += std::exp(p[i]) * (p[i] - q[i]);
    return sum;
}

inline int bestOf(std::span<const float> logits) {
    return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace edgechat::testing
