#include <algorithm>
#include <random>

#include "inference/cuda/sampling.h"
#include "inference/sampling/sampler.h"

namespace edgechat::inference::cuda {

bool canSample(const SamplingOptions& options, int vocabulary) {
    return vocabulary > 0 && vocabulary <= kMostVocabulary &&
           (options.repeatPenalty == 1.0f || options.repeatWindow <= kMostRecent);
}

SampleState beginSampling(const SamplingOptions& options) {
    SampleState state{};
    state.greedy = options.temperature <= 0;
    if (!state.greedy) state.inverseTemperature = 1.0f / options.temperature;
    state.topK = std::max(options.topK, 0);
    if (options.topP < 1) state.topP = options.topP;
    if (options.minP > 1) {
        state.topK = 1;  // none but the best has such a probability
    } else if (options.minP > 0) {
        state.minP = options.minP;
    }
    state.repeatPenalty = options.repeatPenalty;
    if (options.repeatPenalty != 1.0f) state.repeatWindow = std::max(options.repeatWindow, 0);
    state.seed = options.seed;
    if (state.seed == 0) {
        std::random_device device;
        state.seed = static_cast<uint64_t>(device()) << 32 | device();
    }
    return state;
}

}  // namespace edgechat::inference::cuda
