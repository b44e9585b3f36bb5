// A model's weights on the device, packed on the processor while the checkpoint is streamed: in memory are
// the packed weights, what a RowStream holds of the file, and the ring through which they go to the device.
#pragma once

#include <functional>
#include <vector>

#include "inference/cpu/thread_pool.h"
#include "inference/cuda/matmul.h"
#include "inference/cuda/runtime.h"
#include "inference/model/checkpoint.h"

namespace edgechat::inference::cuda {

struct NormWeights {
    const float* weight = nullptr;  ///< [hidden]; null: the layer has no such norm
    const float* bias = nullptr;    ///< [hidden] or null
};

struct Linear {
    PackedMatrix matrix;
    const float* bias = nullptr;  ///< in the order of the matrix' rows, or null
};

/// Tiles of the heads of queries, keys and values (EpilogueArguments has their order), from number firstTile
/// on. One part has all of them where the three tensors are stored alike.
struct AttentionPart {
    Linear linear;
    int firstTile = 0;
    int tiles = 0;  ///< of heads: the matrix may go on with others
};

struct LayerWeights {
    NormWeights attentionNorm, mlpNorm;
    std::vector<AttentionPart> attention;
    Linear output;
    /// Gate and up side by side (pairedRows), or up alone. Without a quant pointer its tiles follow those of
    /// the heads in attention[0]: both read the same input (a parallel residual with one norm).
    Linear up;
    Linear down;
    const float* divisors = nullptr;  ///< [ffn] or null: the activation is divided by them
};

struct Weights {
    Linear embedding, head;  ///< one matrix where the head is tied
    NormWeights outputNorm;
    std::vector<LayerWeights> layers;
    std::vector<Memory> memory;
    uint64_t bytes = 0;          ///< resident
    uint64_t bytesPerToken = 0;  ///< read to decode one

    /// Fails with doesNotFit, with badInput (a number that is not finite, a file cut short), or with
    /// interrupted when `progress` returned false. All memory is taken before anything is read.
    static Result<Weights> load(const Checkpoint& checkpoint, Runtime& runtime, cpu::ThreadPool& pool,
                                const std::function<bool(uint64_t done, uint64_t total)>& progress);
};

/// Bytes that load() takes on the device. Takes microseconds a layer.
uint64_t plannedWeightBytes(const Checkpoint& checkpoint);

}  // namespace edgechat::inference::cuda
