// One decoder layer of the source checkpoint in memory, as it is stored.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "inference/cpu/thread_pool.h"
#include "inference/model/checkpoint.h"
#include "quant/output/checkpoint_writer.h"
#include "quant/output/output_names.h"

namespace edgechat::quant {

constexpr std::array<LinearRole, 7> kLinearRoles = {LinearRole::query,  LinearRole::key,  LinearRole::value,
                                                    LinearRole::output, LinearRole::gate, LinearRole::up,
                                                    LinearRole::down};
/// A matrix [rows, columns] as it is stored, in any type that rows can be expanded from.
struct DenseLinear {
    inference::TensorInfo info;
    std::vector<std::byte> stored;
    std::vector<float> bias;  ///< empty: none

    int64_t rows() const { return info.rows; }
    int64_t columns() const { return info.columns; }
    /// out[count, columns]
    void expand(int64_t first, int64_t count, float* out, inference::cpu::ThreadPool& pool) const;
    void expandRow(int64_t row, float* out) const;
};

struct LayerWeights {
    OutputNorm attentionNorm;
    std::optional<OutputNorm> mlpNorm;
    std::map<LinearRole, DenseLinear> linears;
    std::vector<float> activationScale;  ///< [ffn]; empty: ones

    const DenseLinear& at(LinearRole role) const { return linears.at(role); }
    bool has(LinearRole role) const { return linears.count(role) > 0; }
};

Result<OutputNorm> readNorm(const inference::Checkpoint& source, const inference::NormTensors& tensors);
Result<DenseLinear> readLinear(const inference::Checkpoint& source, const inference::LinearTensors& tensors);

/// Fails with ErrorCode::badInput where a value is an infinity or a NaN, or the file was cut short.
Result<LayerWeights> readLayer(const inference::Checkpoint& source, int layer);

/// Folds the inverse of a site's scale into the norm in front of it.
void divideNorm(OutputNorm& norm, const std::vector<float>& scale);

/// A quantized layer as one that can be computed with: the rows of its matrices in the engine's own forms.
LayerWeights asWeights(const OutputLayer& layer);

/// Whether fp16 holds all weights of the layer; else an error that names the first matrix where it does not.
/// @param path  of the source, for messages
Result<void> checkHalf(const LayerWeights& layer, const std::filesystem::path& path);

/// Whether all linear layers are in F32, F16 or BF16; else an error that names the first one that is not.
Result<void> checkDense(const inference::Checkpoint& source);

}  // namespace edgechat::quant
