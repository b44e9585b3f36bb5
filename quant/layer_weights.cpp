#include "quant/layer_weights.h"

namespace edgechat::quant {

using inference::Checkpoint;
using inference::LayerTensors;
using inference::LinearTensors;
using inference::NormTensors;
using inference::TensorInfo;
using inference::TensorType;

namespace {

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

}  // namespace

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
        DenseLinear& dense = weights.linears[role];
        dense.info = linear->weight;
        dense.stored.resize(linear->weight.bytes);
        if (Result<void> read = source.readRows(linear->weight, 0, linear->weight.rows, dense.stored.data());
            !read)
            return read.error();
        if (!linear->bias) continue;
        Result<std::vector<float>> bias = source.readVector(*linear->bias);
        if (!bias) return bias.error();
        dense.bias = std::move(*bias);
    }
    return weights;
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
