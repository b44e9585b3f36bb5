// A model's weights in the kernels' layout, packed while the checkpoint is streamed: beside the packed
// weights only what a RowStream holds of the file is in memory.
#pragma once

#include <functional>
#include <vector>

#include "inference/aligned_buffer.h"
#include "inference/cpu/packed_matrix.h"
#include "inference/cpu/thread_pool.h"
#include "inference/model/checkpoint.h"

namespace edgechat::inference::cpu {

struct Norm {
    const float* weight = nullptr;  ///< [hidden]; null: the layer has no such norm
    const float* bias = nullptr;    ///< [hidden] or null
};

struct Linear {
    PackedMatrix matrix;
    const float* bias = nullptr;  ///< [rows] or null
};

struct LayerWeights {
    Norm attentionNorm, mlpNorm;
    Linear query, key, value, output, gate, up, down;
    const float* activationScale = nullptr;  ///< [ffn] or null
};

struct Weights {
    PackedMatrix embedding;
    Linear head;  ///< the embedding itself when tied
    Norm outputNorm;
    std::vector<LayerWeights> layers;
    AlignedBuffer memory;

    /// Whether a matrix is multiplied by activations of 8 bits (W8A8).
    bool hasInt8() const;

    /// Fails with doesNotFit, with badInput (scale not finite, file cut short), or with interrupted when
    /// `progress` returned false.
    static Result<Weights> load(const Checkpoint& checkpoint, int tileRows, ThreadPool& pool,
                                const std::function<bool(uint64_t done, uint64_t total)>& progress);
};

}  // namespace edgechat::inference::cpu
