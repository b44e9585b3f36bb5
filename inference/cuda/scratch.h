// Where the activations and what else the operations need lie in one piece of the device's memory.
#pragma once

#include <cstdint>

#include "inference/model/model_config.h"

namespace edgechat::inference::cuda {

constexpr int kLogitRows = 32;  ///< logits that are on the way to the processor together

/// Offsets in bytes, each a multiple of 256. CudaBackend has the shapes.
struct ScratchPlan {
    ScratchPlan(const ModelConfig& config, int context, int multiprocessors);

    uint64_t step = 0;       ///< int start, then the tokens
    uint64_t constants = 0;  ///< RoPE's frequencies, or ALiBi's biases [heads][biasStride]
    uint64_t rotations = 0, x = 0, normed = 0, queries = 0, attended = 0, hidden = 0, logits = 0;
    uint64_t partial = 0, attentionTickets = 0, staging = 0, storeTickets = 0;
    uint64_t deviceBytes = 0;

    uint64_t sample = 0;  ///< SampleState

    uint64_t pinnedStep = 0, pinnedLogits = 0, pinnedSample = 0, pinnedToken = 0;  ///< of the pinned piece
    uint64_t pinnedBytes = 0;

    int biasStride = 0;  ///< ALiBi only: positions, whole runs of 64
};

}  // namespace edgechat::inference::cuda
