#include <algorithm>
#include <cmath>
#include <map>

#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

void refuseOldQuantization(const GgufContainer& container, GgufFields& fields) {
    for (const GgufTensor& tensor : container.tensors) {
        if (blockElements(tensor.type) == 1) continue;
        fields.integer("general.quantization_version", 2, 2);
        return;
    }
}

// The type that holds most elements of the layers' matrices.
std::string dominantType(const ModelTensors& tensors) {
    std::map<TensorType, int64_t> elements;
    for (const LayerTensors& layer : tensors.layers) {
        for (const LinearTensors* linear :
             {&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down}) {
            elements[linear->weight.type] += linear->weight.rows * linear->weight.columns;
        }
        if (layer.gate)
            elements[layer.gate->weight.type] += layer.gate->weight.rows * layer.gate->weight.columns;
    }
    const auto most = std::max_element(elements.begin(), elements.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == elements.end() ? "" : tensorTypeName(most->first);
}

// The values of rope_freqs: RoPE's frequencies are divided by them, beside a linear scaling if there is one.
Result<void> readRopeDivisors(const TensorInfo& tensor, GgufFields& fields, RopeScaling& scaling) {
    std::vector<std::byte> stored(tensor.bytes);
    if (Result<void> read = tensor.source->read(0, 1, stored.data()); !read) return read;
    std::vector<float> divisors(static_cast<size_t>(tensor.columns));
    dequantizeRow(tensor, stored.data(), divisors.data());
    for (float& divisor : divisors) {
        if (!std::isfinite(divisor) || divisor <= 0.0f) {
            fields.fail("tensor " + tensor.name, std::to_string(divisor), "numbers above 0");
            return fields.error();
        }
        divisor *= scaling.factor;
    }
    if (scaling.kind == RopeScalingKind::yarn) {
        fields.fail("tensor " + tensor.name, "RoPE frequency factors beside \"yarn\" scaling",
                    "one of the two");
        return fields.error();
    }
    scaling = {};
    scaling.kind = RopeScalingKind::factors;
    scaling.divisors = std::move(divisors);
    return {};
}

uint64_t countParameters(const GgufTensors& tensors) {
    uint64_t parameters = 0;
    for (const TensorInfo& tensor : tensors.inFileOrder) {
        if (tensors.ropeDivisors && tensor.name == tensors.ropeDivisors->name) continue;
        parameters += static_cast<uint64_t>(tensor.rows) * static_cast<uint64_t>(tensor.columns);
    }
    return parameters;
}

}  // namespace

Result<CheckpointContent> mapGgufModel(const GgufParts& parts, const std::string& fileName) {
    GgufFields fields(parts.container, fileName);
    CheckpointContent content;
    ModelConfig& config = content.config;
    GgufTensors tensors;
    const GgufArchitecture* architecture = findArchitecture(fields);
    if (fields.ok()) refuseOldQuantization(parts.container, fields);
    if (fields.ok()) readGgufConfig(*architecture, fields, parts.container.tensors.size(), config);
    if (fields.ok()) tensors = mapTensors(*architecture, config, parts, fields);
    if (!fields.ok()) return fields.error();
    if (tensors.ropeDivisors) {
        if (Result<void> read = readRopeDivisors(*tensors.ropeDivisors, fields, config.ropeScaling); !read)
            return read.error();
    }
    config.tiedHead = !tensors.byRole.head;
    config.quantization = dominantType(tensors.byRole);
    config.parameters = countParameters(tensors);
    content.tensors = std::move(tensors.byRole);
    content.allTensors = std::move(tensors.inFileOrder);
    content.files = parts.files;
    return content;
}

}  // namespace edgechat::inference
