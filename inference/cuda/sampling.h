// Chooses the next token where the logits are, as inference/sampling/sampler.h does on the processor. C++17,
// for nvcc.
#pragma once

#include <cstdint>

#include "inference/cuda/runtime.h"

namespace edgechat::inference {
struct SamplingOptions;
}

namespace edgechat::inference::cuda {

constexpr int kMostRecent = 256;  ///< widest repeatWindow
constexpr int kMostVocabulary = 1 << 20;

/// One answer's options and what changes from token to token. Plain data, on the device, so that a recorded
/// launch serves every answer.
struct SampleState {
    int greedy = 0;
    float inverseTemperature = 1;
    int topK = 0;  ///< 0: off
    float topP = 1, minP = 0;
    float repeatPenalty = 1;
    int repeatWindow = 0;  ///< 0: no penalty
    uint64_t seed = 0;

    uint64_t counter = 0;     ///< random numbers that were drawn
    int chosen = 0;           ///< tokens that were chosen
    int recent[kMostRecent];  ///< token n of the answer at n % kMostRecent, for the last that were chosen
};

/// Whether launchSample can do it: not with a wider window or vocabulary.
bool canSample(const SamplingOptions& options, int vocabulary);

/// The state at the beginning of an answer. Precondition: canSample.
SampleState beginSampling(const SamplingOptions& options);

/// Plain data; all pointers are the device's.
struct SampleArguments {
    float* logits = nullptr;  ///< [vocabulary], overwritten
    int vocabulary = 0;
    SampleState* state = nullptr;
    int* next = nullptr;   ///< the chosen token, for the next step's input; or null
    int* token = nullptr;  ///< the same, in pinned memory, for the processor
};

/// Chooses a token as Sampler::sample would with the same logits and the answer's tokens so far, and notes it
/// as one of them. The same token but where the processor's rounding of its sums decides.
void launchSample(Runtime& runtime, const SampleArguments& arguments);

}  // namespace edgechat::inference::cuda
