#include "tests/quant/written_model.h"

#include <algorithm>
#include <cmath>

#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "quant/output/output_names.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::testing {

using namespace inference;
using namespace quant;

namespace {

constexpr LinearRole kRoles[] = {LinearRole::query, LinearRole::key, LinearRole::value, LinearRole::output,
                                 LinearRole::gate,  LinearRole::up,  LinearRole::down};

std::vector<float> valuesOf(const Checkpoint& source, const TensorInfo& tensor) {
    Result<std::vector<float>> values = source.readVector(tensor);
    return values ? *values : std::vector<float>(static_cast<size_t>(tensor.rows * tensor.columns), NAN);
}

QuantizedMatrix rounded(const std::vector<float>& values, int64_t rows, int64_t columns, int groupSize) {
    QuantizedMatrix matrix{rows, columns, groupSize, {}, {}, {}};
    for (size_t first = 0; first < values.size(); first += static_cast<size_t>(groupSize)) {
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first), end = begin + groupSize;
        const auto [least, most] = std::minmax_element(begin, end);
        const float low = std::min(*least, 0.0f), high = std::max(*most, 0.0f);
        matrix.scales.push_back(floatToHalf(std::max((high - low) / 15.0f, 1e-5f)));
        const float scale = halfToFloat(matrix.scales.back());
        const long zero = std::clamp(std::lround(-low / scale), 0L, 15L);
        matrix.zeros.push_back(static_cast<uint8_t>(zero));
        for (auto value = begin; value != end; ++value)
            matrix.codes.push_back(
                static_cast<uint8_t>(std::clamp(std::lround(*value / scale) + zero, 0L, 15L)));
    }
    return matrix;
}

Int8Matrix roundedInt8(const std::vector<float>& values, int64_t rows, int64_t columns) {
    Int8Matrix matrix{rows, columns, {}, {}};
    for (int64_t row = 0; row < rows; ++row) {
        const auto begin = values.begin() + row * columns, end = begin + columns;
        float most = 1e-5f;
        for (auto value = begin; value != end; ++value) most = std::max(most, std::abs(*value));
        matrix.scales.push_back(most / 127);
        for (auto value = begin; value != end; ++value)
            matrix.codes.push_back(static_cast<int8_t>(std::lround(*value / matrix.scales.back())));
    }
    return matrix;
}

DenseMatrix dense(const std::vector<float>& values, int64_t rows, int64_t columns) {
    DenseMatrix matrix{rows, columns, {}};
    for (const float value : values) matrix.values.push_back(floatToHalf(value));
    return matrix;
}

OutputMatrix roundedMatrix(const Checkpoint& source, const TensorInfo& tensor, const LinearForm& form) {
    const std::vector<float> values = valuesOf(source, tensor);
    if (form.kind == LinearForm::Kind::int4)
        return rounded(values, tensor.rows, tensor.columns, form.groupSize);
    if (form.kind == LinearForm::Kind::int8) return roundedInt8(values, tensor.rows, tensor.columns);
    return dense(values, tensor.rows, tensor.columns);
}

std::vector<float> valuesOf(const OutputMatrix& output) {
    std::vector<float> values;
    if (const auto* int4 = std::get_if<QuantizedMatrix>(&output)) {
        for (size_t i = 0; i < int4->codes.size(); ++i) {
            const size_t group = i / static_cast<size_t>(int4->groupSize);
            values.push_back(halfToFloat(int4->scales[group]) *
                             static_cast<float>(int4->codes[i] - int4->zeros[group]));
        }
    } else if (const auto* int8 = std::get_if<Int8Matrix>(&output)) {
        for (size_t i = 0; i < int8->codes.size(); ++i)
            values.push_back(int8->scales[i / static_cast<size_t>(int8->columns)] *
                             static_cast<float>(int8->codes[i]));
    } else if (const auto* plain = std::get_if<DenseMatrix>(&output)) {
        for (const uint16_t value : plain->values) values.push_back(halfToFloat(value));
    }
    return values;
}

// The tensor with these values, in fp32.
TensorInfo inMemory(TensorInfo tensor, const std::vector<float>& values) {
    std::string bytes;
    for (const float value : values) bytes += littleEndian(std::bit_cast<uint32_t>(value));
    tensor.type = TensorType::f32;
    tensor.groupSize = 0;
    tensor.bytes = bytes.size();
    tensor.source = std::make_shared<MemoryRows>(std::move(bytes), tensor.rowBytes());
    return tensor;
}

void roundToHalf(const Checkpoint& source, TensorInfo& tensor) {
    std::vector<float> values = valuesOf(source, tensor);
    for (float& value : values) value = halfToFloat(floatToHalf(value));
    tensor = inMemory(tensor, values);
}

void roundToHalf(const Checkpoint& source, NormTensors& norm) {
    roundToHalf(source, norm.weight);
    if (norm.bias) roundToHalf(source, *norm.bias);
}

OutputNorm normOf(const Checkpoint& source, const NormTensors& norm) {
    return {valuesOf(source, norm.weight), norm.bias ? valuesOf(source, *norm.bias) : std::vector<float>()};
}

}  // namespace

OutputForm formOf(const Checkpoint& source, LinearForm::Kind kind, int groupSize) {
    OutputForm form;
    LayerTensors layer = source.tensors().layers.front();
    const bool fused = source.config().architecture == "falcon";
    for (const LinearRole role : kRoles) {
        const LinearTensors* linear = linearOf(layer, role);
        if (!linear) continue;
        int64_t rows = linear->weight.rows;
        if (fused && role <= LinearRole::value)
            rows = layer.query.weight.rows + layer.key.weight.rows + layer.value.weight.rows;
        LinearForm& one = form.linears[role];
        one = {kind, groupSize};
        while (linear->weight.columns % one.groupSize != 0) one.groupSize /= 2;
        if (kind == LinearForm::Kind::int4 && rows % 8 != 0) one.kind = LinearForm::Kind::dense;
    }
    return form;
}

OutputLayer roundedLayer(const Checkpoint& source, int index, const OutputForm& form) {
    LayerTensors layer = source.tensors().layers[static_cast<size_t>(index)];
    OutputLayer output;
    output.attentionNorm = normOf(source, layer.attentionNorm);
    if (layer.mlpNorm) output.mlpNorm = normOf(source, *layer.mlpNorm);
    for (const auto& [role, one] : form.linears) {
        const LinearTensors& linear = *linearOf(layer, role);
        output.linears[role] = {roundedMatrix(source, linear.weight, one),
                                linear.bias ? valuesOf(source, *linear.bias) : std::vector<float>()};
    }
    if (layer.activationScale) output.activationScale = valuesOf(source, *layer.activationScale);
    return output;
}

Result<void> writeModel(const Checkpoint& source, const std::filesystem::path& folder, const OutputForm& form,
                        uint64_t shardBytes) {
    Result<std::unique_ptr<CheckpointWriter>> writer =
        CheckpointWriter::create(source, folder, form, shardBytes);
    if (!writer) return writer.error();
    for (int layer = 0; layer < source.config().layers; ++layer) {
        if (Result<void> written = (*writer)->writeLayer(layer, roundedLayer(source, layer, form)); !written)
            return written;
    }
    if (Result<void> rest = (*writer)->writeRest(); !rest) return rest;
    return (*writer)->finish();
}

std::unique_ptr<Checkpoint> dequantized(const Checkpoint& source, const OutputForm& form) {
    CheckpointContent content;
    content.config = source.config();
    content.tensors = source.tensors();
    roundToHalf(source, content.tensors.embedding);
    roundToHalf(source, content.tensors.outputNorm);
    if (content.tensors.head) roundToHalf(source, content.tensors.head->weight);
    for (LayerTensors& layer : content.tensors.layers) {
        roundToHalf(source, layer.attentionNorm);
        if (layer.mlpNorm) roundToHalf(source, *layer.mlpNorm);
        if (layer.activationScale) roundToHalf(source, *layer.activationScale);
        for (const auto& [role, one] : form.linears) {
            LinearTensors& linear = *linearOf(layer, role);
            linear.weight = inMemory(linear.weight, valuesOf(roundedMatrix(source, linear.weight, one)));
            if (linear.bias) roundToHalf(source, *linear.bias);
        }
    }
    return Checkpoint::fromContent("dequantized", std::move(content));
}

std::vector<float> logitsOf(std::unique_ptr<Checkpoint> checkpoint, const std::vector<int>& ids) {
    const ModelConfig config = checkpoint->config();
    auto backend = reference::ReferenceBackend::load(std::move(checkpoint), 1, static_cast<int>(ids.size()),
                                                     [](uint64_t, uint64_t) { return true; });
    if (!backend) return {};
    std::vector<float> logits(ids.size() * static_cast<size_t>(config.vocab));
    forward(**backend, config, ids, 0, static_cast<int>(ids.size()), logits.data());
    return logits;
}

std::vector<float> logitsOf(const std::filesystem::path& path, const std::vector<int>& ids) {
    Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(path);
    return checkpoint ? logitsOf(std::move(*checkpoint), ids) : std::vector<float>();
}

std::vector<int> someIds(const Checkpoint& source, int count) {
    std::vector<int> ids;
    for (int i = 0; i < count; ++i) ids.push_back((i * 37 + 5) % source.config().vocab);
    return ids;
}

}  // namespace edgechat::testing
