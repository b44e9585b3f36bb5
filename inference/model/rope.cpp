#include "inference/model/rope.h"

#include <cmath>

namespace edgechat::inference {

std::vector<float> ropeInverseFrequencies(const ModelConfig& config) {
    std::vector<float> frequencies(static_cast<size_t>(config.headSize / 2));
    for (size_t i = 0; i < frequencies.size(); ++i) {
        const double exponent = 2.0 * static_cast<double>(i) / config.headSize;
        frequencies[i] = static_cast<float>(1.0 / std::pow(static_cast<double>(config.ropeBase), exponent));
    }
    return frequencies;
}

}  // namespace edgechat::inference
