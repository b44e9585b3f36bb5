#include "inference/model/hf_tensor_table.h"

#include "inference/model/gguf.h"
#include "inference/model/quantized_linear.h"

namespace edgechat::inference {

namespace {

Error failure(const std::string& file, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", file,
                 std::move(field),    std::move(found),        std::move(expected)};
}

std::optional<TensorType> floatType(const std::string& dtype) {
    if (dtype == "F32") return TensorType::f32;
    if (dtype == "F16") return TensorType::f16;
    if (dtype == "BF16") return TensorType::bf16;
    return {};
}

}  // namespace

HfTensorTable::HfTensorTable(const StoredWeights& weights, const QuantizationScheme& scheme,
                             std::string folder, std::vector<std::string>& warnings)
    : m_weights(weights), m_scheme(scheme), m_folder(std::move(folder)), m_warnings(warnings) {
    for (size_t i = 0; i < weights.tensors.size(); ++i) {
        m_places.emplace(weights.tensors[i].name, i);
        m_unused.insert(weights.tensors[i].name);
    }
}

HfTensorTable::HfTensorTable(const QuantizationScheme& scheme, TensorType type, std::string configName,
                             std::vector<std::string>& warnings)
    : m_weights(m_none),
      m_assumed(type),
      m_scheme(scheme),
      m_folder(std::move(configName)),
      m_warnings(warnings) {}

void HfTensorTable::fail(Error error) {
    if (!m_error) m_error = std::move(error);
}

const StoredTensor* HfTensorTable::peek(const std::string& name) const {
    const auto place = m_places.find(name);
    return place == m_places.end() ? nullptr : &m_weights.tensors[place->second];
}

const StoredTensor* HfTensorTable::take(const std::string& name) {
    return m_unused.erase(name) == 1 ? peek(name) : nullptr;
}

TensorInfo HfTensorTable::assumed(std::string name, TensorType type, int groupSize, int64_t rows,
                                  int64_t columns) {
    TensorInfo info;
    info.name = std::move(name);
    info.type = type;
    info.rows = rows;
    info.columns = columns;
    info.groupSize = groupSize;
    info.bytes = static_cast<uint64_t>(rows) * info.rowBytes();
    m_taken.emplace(m_taken.size(), info);
    return info;
}

TensorInfo HfTensorTable::assumedQuantized(const std::string& module, int64_t rows, int64_t columns) {
    const bool awq = m_scheme.method == QuantizationMethod::awq;
    (awq ? m_tookAwq : m_tookCompressedTensors) = true;
    if (!awq && m_scheme.version == kIntQuantized)
        return assumed(module + ".weight", TensorType::int8, static_cast<int>(columns), rows, columns);
    const int64_t said = m_scheme.groupSize.value_or(128);
    const int64_t groupSize = said == -1 ? columns : said;
    if (columns % groupSize != 0) {
        fail(failure(m_folder, "group_size", std::to_string(groupSize),
                     "a divisor of the " + std::to_string(columns) + " inputs of " + module));
        return {};
    }
    return assumed(module + (awq ? ".qweight" : ".weight_packed"), TensorType::int4,
                   static_cast<int>(groupSize), rows, columns);
}

TensorInfo HfTensorTable::plain(const std::string& name, const std::vector<uint64_t>& shape) {
    if (m_assumed) {
        return assumed(name, *m_assumed, 0, shape.size() == 2 ? static_cast<int64_t>(shape[0]) : 1,
                       static_cast<int64_t>(shape.back()));
    }
    StoredTensor wanted;
    wanted.shape = shape;
    const StoredTensor* stored = take(name);
    if (!stored) {
        fail(failure(m_folder, "tensor " + name, "no such tensor", "one of shape " + wanted.shapeText()));
        return {};
    }
    if (stored->shape != shape) {
        fail(failure(stored->file->path().string(), stored->label(), "shape " + stored->shapeText(),
                     wanted.shapeText()));
        return {};
    }
    const std::optional<TensorType> type = floatType(stored->dtype);
    if (!type) {
        fail(failure(stored->file->path().string(), stored->label(), "dtype " + stored->dtype,
                     "F16, BF16 or F32"));
        return {};
    }
    TensorInfo info;
    info.name = name;
    info.type = *type;
    info.columns = static_cast<int64_t>(shape.back());
    info.rows = shape.size() == 2 ? static_cast<int64_t>(shape[0]) : 1;
    info.bytes = stored->bytes;
    info.source = std::make_shared<FileRows>(stored->file, name, stored->offset, info.rowBytes());
    m_taken.emplace(m_places.at(name), info);
    return info;
}

TensorInfo HfTensorTable::vector(const std::string& name, int64_t size) {
    return plain(name, {static_cast<uint64_t>(size)});
}

TensorInfo HfTensorTable::matrix(const std::string& name, int64_t rows, int64_t columns) {
    return plain(name, {static_cast<uint64_t>(rows), static_cast<uint64_t>(columns)});
}

NormTensors HfTensorTable::norm(const std::string& module, int64_t size, bool bias) {
    NormTensors norm{vector(module + ".weight", size), {}};
    if (bias) norm.bias = vector(module + ".bias", size);
    return norm;
}

TensorInfo HfTensorTable::quantized(const std::string& module, int64_t rows, int64_t columns) {
    const bool awq = has(module + ".qweight");
    for (const char* order : {".g_idx", ".weight_g_idx"}) {
        if (const StoredTensor* indices = peek(module + order)) {
            fail(failure(
                indices->file->path().string(), indices->label(),
                awq ? "the group of each input, which GPTQ stores" : "the group of each input",
                awq ? "AWQ, which does not: look for the model's AWQ repository, or for its F16 or BF16 "
                      "weights, which EdgeChat quantizes itself"
                    : "groups of neighbouring inputs (actorder null, \"weight\" or \"static\")"));
            return {};
        }
    }
    StoredLinear stored;
    stored.codes = take(module + (awq ? ".qweight" : ".weight_packed"));
    stored.scales = take(module + (awq ? ".scales" : ".weight_scale"));
    stored.zeros = take(module + (awq ? ".qzeros" : ".weight_zero_point"));
    if (awq && !stored.zeros) stored.zeros = take(module + ".scaled_zeros");
    if (!awq) stored.shape = take(module + ".weight_shape");
    if (has(module + ".weight")) {
        fail(failure(stored.codes->file->path().string(), stored.codes->label(),
                     "a quantized and a plain weight of one layer", "one of the two"));
        return {};
    }
    Result<TensorInfo> info = awq ? awqMatrix(stored, rows, columns, m_scheme, m_warnings)
                                  : compressedTensorsMatrix(stored, rows, columns, m_scheme, m_warnings);
    if (!info) {
        fail(info.error());
        return {};
    }
    (awq ? m_tookAwq : m_tookCompressedTensors) = true;
    m_taken.emplace(m_places.at(info->name), *info);
    return *info;
}

TensorInfo HfTensorTable::int8(const std::string& module, int64_t rows, int64_t columns) {
    // What a layer of another scheme than ours has besides.
    constexpr std::pair<const char*, const char*> kForeign[] = {
        {".input_scale", "a fixed scale for its inputs"},
        {".input_zero_point", "a zero point for its inputs"},
        {".output_scale", "a fixed scale for its outputs"},
        {".weight_g_idx", "the group of each input"}};
    for (const auto& [name, found] : kForeign) {
        const StoredTensor* part = peek(module + name);
        if (!part) continue;
        fail(failure(part->file->path().string(), part->label(), found,
                     "W8A8 with a scale for each output and activations quantized by token (dynamic)"));
        return {};
    }
    StoredLinear stored;
    stored.codes = take(module + ".weight");
    stored.scales = take(module + ".weight_scale");
    stored.zeros = take(module + ".weight_zero_point");
    Result<TensorInfo> info = int8Matrix(stored, rows, columns, m_scheme);
    if (!info) {
        fail(info.error());
        return {};
    }
    m_tookCompressedTensors = true;
    m_taken.emplace(m_places.at(info->name), *info);
    return *info;
}

LinearTensors HfTensorTable::linear(const std::string& module, int64_t rows, int64_t columns, bool bias) {
    LinearTensors linear;
    if (!ok()) return linear;
    const std::string weight = module + ".weight";
    // Quantizers leave the output head alone.
    if (m_assumed && m_scheme.method != QuantizationMethod::none && module != "lm_head") {
        linear.weight = assumedQuantized(module, rows, columns);
    } else if (has(module + ".qweight") || has(module + ".weight_packed")) {
        linear.weight = quantized(module, rows, columns);
    } else if (has(weight) && peek(weight)->dtype == "I8") {
        linear.weight = int8(module, rows, columns);
    } else {
        linear.weight = matrix(weight, rows, columns);
    }
    if (bias) linear.bias = vector(module + ".bias", rows);
    return linear;
}

std::shared_ptr<const RowSource> HfTensorTable::elementsOf(const std::string& name) const {
    if (m_assumed) return nullptr;
    const StoredTensor& stored = *peek(name);
    return std::make_shared<FileRows>(stored.file, name, stored.offset, stored.bytes / stored.shape[0]);
}

std::vector<std::string> HfTensorTable::unused() const {
    return {m_unused.begin(), m_unused.end()};
}

std::vector<TensorInfo> HfTensorTable::taken() const {
    std::vector<TensorInfo> tensors;
    for (const auto& [place, info] : m_taken) tensors.push_back(info);
    return tensors;
}

}  // namespace edgechat::inference
