#include <map>
#include <optional>

#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

std::string shapeText(int64_t rows, int64_t columns) {
    return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

// Slowest dimension first, as the shapes of TensorInfo are written.
std::string dimensionsText(const GgufTensor& tensor) {
    std::string text;
    for (auto dimension = tensor.dimensions.rbegin(); dimension != tensor.dimensions.rend(); ++dimension) {
        text += (text.empty() ? "[" : ", ") + std::to_string(*dimension);
    }
    return text + "]";
}

TensorInfo tensorInfo(const GgufTensor& tensor, const GgufParts& parts) {
    TensorInfo info;
    info.name = tensor.name;
    info.type = tensor.type;
    info.columns = static_cast<int64_t>(tensor.dimensions[0]);
    info.rows = static_cast<int64_t>(tensor.elements / tensor.dimensions[0]);
    info.bytes = tensor.bytes;
    info.source = std::make_shared<FileRows>(parts.files[tensor.part], quotedForMessage(tensor.name),
                                             tensor.offset, info.rowBytes());
    return info;
}

// Hands out the tensors by name, each once, compared with the shape that the configuration implies.
class TensorTable {
  public:
    TensorTable(const GgufParts& parts, GgufFields& fields) : m_parts(parts), m_fields(fields) {
        for (const GgufTensor& tensor : parts.container.tensors) m_unused.emplace(tensor.name, &tensor);
    }

    bool has(const std::string& name) const { return m_unused.contains(name); }

    TensorInfo matrix(const std::string& name, int64_t rows, int64_t columns) {
        const GgufTensor* tensor = take(name, shapeText(rows, columns));
        if (!tensor) return {};
        TensorInfo info = tensorInfo(*tensor, m_parts);
        if (tensor->dimensions.size() != 2 || info.rows != rows || info.columns != columns) {
            m_fields.fail("tensor " + name, "shape " + dimensionsText(*tensor), shapeText(rows, columns));
        }
        return info;
    }

    // A norm, a bias or RoPE's divisors.
    TensorInfo vector(const std::string& name, int64_t size) {
        const std::string expected = "[" + std::to_string(size) + "]";
        const GgufTensor* tensor = take(name, expected);
        if (!tensor) return {};
        if (tensor->dimensions.size() != 1 || tensor->dimensions[0] != static_cast<uint64_t>(size)) {
            m_fields.fail("tensor " + name, "shape " + dimensionsText(*tensor), expected);
        }
        if (blockElements(tensor->type) != 1) {
            m_fields.fail("tensor " + name, std::string("type ") + tensorTypeName(tensor->type),
                          "F32, F16 or BF16 for a vector");
        }
        return tensorInfo(*tensor, m_parts);
    }

    // The name of a tensor that nobody took, if there is one.
    std::optional<std::string> unused() const {
        if (m_unused.empty()) return {};
        return m_unused.begin()->first;
    }

  private:
    const GgufTensor* take(const std::string& name, const std::string& shape) {
        const auto found = m_unused.find(name);
        if (found == m_unused.end()) {
            m_fields.fail("tensor " + name, "no such tensor", "one of shape " + shape);
            return nullptr;
        }
        const GgufTensor* tensor = found->second;
        m_unused.erase(found);
        return tensor;
    }

    const GgufParts& m_parts;
    GgufFields& m_fields;
    std::map<std::string, const GgufTensor*> m_unused;
};

// Rows [first, first + rows) of a fused matrix.
TensorInfo rowsOf(const TensorInfo& whole, int64_t first, int64_t rows, const char* mark) {
    TensorInfo view = whole;
    view.name += mark;
    view.rows = rows;
    view.bytes = static_cast<uint64_t>(rows) * whole.rowBytes();
    view.source =
        std::make_shared<PatternRows>(whole.source, RowPattern{first, rows, rows}, whole.rowBytes());
    return view;
}

// Takes the tensors of one model from the table, layer by layer.
class Mapping {
  public:
    Mapping(const GgufArchitecture& architecture, const ModelConfig& config, TensorTable& table)
        : m_architecture(architecture), m_config(config), m_table(table) {}

    ModelTensors outsideLayers() {
        ModelTensors tensors;
        tensors.embedding = m_table.matrix("token_embd.weight", m_config.vocab, m_config.hidden);
        tensors.outputNorm = norm("output_norm");
        if (m_table.has("output.weight"))
            tensors.head =
                LinearTensors{m_table.matrix("output.weight", m_config.vocab, m_config.hidden), {}};
        return tensors;
    }

    LayerTensors layer(int index) {
        const std::string prefix = "blk." + std::to_string(index) + ".";
        LayerTensors layer;
        takeNorms(prefix, layer);
        if (m_architecture.fusedQkv) {
            takeFusedAttention(prefix, layer);
        } else {
            layer.query = linear(prefix + "attn_q", m_config.queryWidth(), m_config.hidden);
            layer.key = linear(prefix + "attn_k", m_config.kvWidth(), m_config.hidden);
            layer.value = linear(prefix + "attn_v", m_config.kvWidth(), m_config.hidden);
        }
        layer.output = linear(prefix + "attn_output", m_config.hidden, m_config.queryWidth());
        if (m_config.gatedMlp) layer.gate = linear(prefix + "ffn_gate", m_config.ffn, m_config.hidden);
        layer.up = linear(prefix + "ffn_up", m_config.ffn, m_config.hidden);
        layer.down = linear(prefix + "ffn_down", m_config.hidden, m_config.ffn);
        return layer;
    }

  private:
    NormTensors norm(const std::string& name) {
        NormTensors tensors;
        tensors.weight = m_table.vector(name + ".weight", m_config.hidden);
        if (m_config.norm == NormKind::layer) tensors.bias = m_table.vector(name + ".bias", m_config.hidden);
        return tensors;
    }

    LinearTensors linear(const std::string& name, int rows, int columns) {
        LinearTensors tensors;
        tensors.weight = m_table.matrix(name + ".weight", rows, columns);
        if (m_table.has(name + ".bias")) tensors.bias = m_table.vector(name + ".bias", rows);
        return tensors;
    }

    // With a parallel residual one norm feeds both branches, or attn_norm_2 the attention (Falcon-40B's
    // ln_attn) and attn_norm the MLP (ln_mlp).
    void takeNorms(const std::string& prefix, LayerTensors& layer) {
        layer.attentionNorm = norm(prefix + "attn_norm");
        if (!m_config.parallelResidual) {
            layer.mlpNorm = norm(prefix + "ffn_norm");
        } else if (m_table.has(prefix + "attn_norm_2.weight")) {
            layer.mlpNorm = layer.attentionNorm;
            layer.attentionNorm = norm(prefix + "attn_norm_2");
        }
    }

    void takeFusedAttention(const std::string& prefix, LayerTensors& layer) {
        const int64_t queries = m_config.queryWidth(), keys = m_config.kvWidth();
        const TensorInfo whole =
            m_table.matrix(prefix + "attn_qkv.weight", queries + 2 * keys, m_config.hidden);
        if (!whole.source) return;
        layer.query.weight = rowsOf(whole, 0, queries, " (queries)");
        layer.key.weight = rowsOf(whole, queries, keys, " (keys)");
        layer.value.weight = rowsOf(whole, queries + keys, keys, " (values)");
    }

    const GgufArchitecture& m_architecture;
    const ModelConfig& m_config;
    TensorTable& m_table;
};

// A tensor that nothing asked for would change what the model computes, so it is not passed over.
void refuseUnused(const TensorTable& table, const ModelConfig& config, GgufFields& fields) {
    const std::optional<std::string> name = table.unused();
    if (!name) return;
    fields.fail(
        "tensor " + quotedForMessage(*name),
        "a tensor that a " + config.architecture + " model of this configuration does not have",
        "only the tensors of its " + std::to_string(config.layers) + " layers, embedding, norm and head");
}

}  // namespace

GgufTensors mapTensors(const GgufArchitecture& architecture, const ModelConfig& config,
                       const GgufParts& parts, GgufFields& fields) {
    constexpr const char* kRopeDivisors = "rope_freqs.weight";
    GgufTensors tensors;
    TensorTable table(parts, fields);
    Mapping mapping(architecture, config, table);
    tensors.byRole = mapping.outsideLayers();
    for (int i = 0; i < config.layers && fields.ok(); ++i) tensors.byRole.layers.push_back(mapping.layer(i));
    if (table.has(kRopeDivisors)) tensors.ropeDivisors = table.vector(kRopeDivisors, config.headSize / 2);
    if (!fields.ok()) return tensors;
    refuseUnused(table, config, fields);
    for (const GgufTensor& tensor : parts.container.tensors)
        tensors.inFileOrder.push_back(tensorInfo(tensor, parts));
    return tensors;
}

}  // namespace edgechat::inference
