#include "quant/layer_weights.h"

#include <cmath>
#include <cstring>

namespace edgechat::quant {

using inference::Checkpoint;
using inference::LayerTensors;
using inference::LinearTensors;
using inference::NormTensors;
using inference::TensorInfo;
using inference::TensorType;

Result<OutputNorm> readNorm(const Checkpoint& source, const NormTensors& tensors) {
    OutputNorm norm;
    Result<std::vector<float>> weight = source.readVector(tensors.weight);
    if (!weight) return weight.error();
    norm.weight = std::move(*weight);
    if (!tensors.bias) return norm;
    Result<std::vector<float>> bias = source.readVector(*tensors.bias);
    if (!bias) return bias.error();
    norm.bias = std::move(*bias);
    return norm;
}

Result<DenseLinear> readLinear(const Checkpoint& source, const LinearTensors& tensors) {
    DenseLinear dense;
    dense.info = tensors.weight;
    dense.stored.resize(tensors.weight.bytes);
    if (Result<void> read = source.readRows(tensors.weight, 0, tensors.weight.rows, dense.stored.data());
        !read)
        return read.error();
    if (!tensors.bias) return dense;
    Result<std::vector<float>> bias = source.readVector(*tensors.bias);
    if (!bias) return bias.error();
    dense.bias = std::move(*bias);
    return dense;
}

void DenseLinear::expandRow(int64_t row, float* out) const {
    inference::dequantizeRow(info, stored.data() + static_cast<uint64_t>(row) * info.rowBytes(), out);
}

void DenseLinear::expand(int64_t first, int64_t count, float* out, inference::cpu::ThreadPool& pool) const {
    constexpr int64_t kRows = 16;
    pool.parallelFor(static_cast<int>((count + kRows - 1) / kRows), [&](int chunk, int) {
        for (int64_t row = chunk * kRows; row < std::min(count, (chunk + 1) * kRows); ++row)
            expandRow(first + row, out + row * columns());
    });
}

Result<LayerWeights> readLayer(const Checkpoint& source, int layer) {
    const LayerTensors& tensors = source.tensors().layers[static_cast<size_t>(layer)];
    LayerWeights weights;
    Result<OutputNorm> norm = readNorm(source, tensors.attentionNorm);
    if (!norm) return norm.error();
    weights.attentionNorm = std::move(*norm);
    if (tensors.mlpNorm) {
        Result<OutputNorm> second = readNorm(source, *tensors.mlpNorm);
        if (!second) return second.error();
        weights.mlpNorm = std::move(*second);
    }
    for (const LinearRole role : kLinearRoles) {
        const LinearTensors* linear = linearOf(tensors, role);
        if (linear == nullptr) continue;
        Result<DenseLinear> dense = readLinear(source, *linear);
        if (!dense) return dense.error();
        weights.linears[role] = std::move(*dense);
    }
    return weights;
}

void divideNorm(OutputNorm& norm, const std::vector<float>& scale) {
    for (size_t i = 0; i < scale.size(); ++i) {
        norm.weight[i] /= scale[i];
        if (!norm.bias.empty()) norm.bias[i] /= scale[i];
    }
}

LayerWeights asWeights(const OutputLayer& layer) {
    LayerWeights weights;
    weights.attentionNorm = layer.attentionNorm;
    weights.mlpNorm = layer.mlpNorm;
    weights.activationScale = layer.activationScale;
    for (const auto& [role, linear] : layer.linears) {
        DenseLinear& dense = weights.linears[role];
        dense.bias = linear.bias;
        TensorInfo& info = dense.info;
        std::visit(
            [&](const auto& matrix) {
                info.rows = matrix.rows;
                info.columns = matrix.columns;
                using Matrix = std::decay_t<decltype(matrix)>;
                if constexpr (std::is_same_v<Matrix, QuantizedMatrix>) {
                    info.type = TensorType::int4;
                    info.groupSize = matrix.groupSize;
                } else if constexpr (std::is_same_v<Matrix, Int8Matrix>) {
                    info.type = TensorType::int8;
                    info.groupSize = static_cast<int>(matrix.columns);
                } else {
                    info.type = TensorType::f16;
                }
                info.bytes = static_cast<uint64_t>(info.rows) * info.rowBytes();
                dense.stored.resize(info.bytes);
                std::byte* out = dense.stored.data();
                const auto put = [&out](const void* from, size_t bytes) {
                    std::memcpy(out, from, bytes);
                    out += bytes;
                };
                for (int64_t row = 0; row < matrix.rows; ++row) {
                    const auto first = static_cast<size_t>(row * matrix.columns);
                    if constexpr (std::is_same_v<Matrix, QuantizedMatrix>) {
                        const auto g = static_cast<size_t>(matrix.groupSize);
                        const auto groups = static_cast<size_t>(matrix.groups());
                        for (size_t group = 0; group < groups; ++group) {
                            const size_t at = static_cast<size_t>(row) * groups + group;
                            const float scale = inference::halfToFloat(matrix.scales[at]);
                            const float zero = matrix.zeros[at];
                            put(&scale, 4);
                            put(&zero, 4);
                            const uint8_t* codes = matrix.codes.data() + first + group * g;
                            for (size_t i = 0; i < g; i += 2) {
                                const auto both = static_cast<uint8_t>(codes[i] | codes[i + 1] << 4);
                                put(&both, 1);
                            }
                        }
                    } else if constexpr (std::is_same_v<Matrix, Int8Matrix>) {
                        put(&matrix.scales[static_cast<size_t>(row)], 4);
                        put(matrix.codes.data() + first, static_cast<size_t>(matrix.columns));
                    } else {
                        put(matrix.values.data() + first, static_cast<size_t>(matrix.columns) * 2);
                    }
                }
            },
            linear.weight);
    }
    return weights;
}

Result<void> checkHalf(const LayerWeights& layer, const std::filesystem::path& path) {
    constexpr float kLargestHalf = 65504;
    for (const auto& [role, linear] : layer.linears) {
        if (linear.info.type == TensorType::f16) continue;
        std::vector<float> row(static_cast<size_t>(linear.columns()));
        for (int64_t i = 0; i < linear.rows(); ++i) {
            linear.expandRow(i, row.data());
            for (const float weight : row) {
                if (std::fabs(weight) <= kLargestHalf) continue;
                return Error{ErrorCode::badInput,    "cannot quantize",
                             path.string(),          "tensor " + linear.info.name,
                             std::to_string(weight), "at most 65504, as fp16 holds"};
            }
        }
    }
    return {};
}

Result<void> checkDense(const Checkpoint& source) {
    for (const LayerTensors& layer : source.tensors().layers) {
        for (const LinearRole role : kLinearRoles) {
            const LinearTensors* linear = linearOf(layer, role);
            if (linear == nullptr) continue;
            const TensorType type = linear->weight.type;
            if (type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16) continue;
            return Error{
                ErrorCode::badInput,
                "cannot quantize",
                source.path().string(),
                "tensor " + linear->weight.name,
                std::string("weights that are quantized already (") + inference::tensorTypeName(type) + ")",
                "the model's F16, BF16 or F32 weights"};
        }
    }
    return {};
}

}  // namespace edgechat::quant
