#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "inference/model/gguf_fields.h"
#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

constexpr uint64_t kMaxWidth = 1 << 20;    // hidden, ffn, head size; elements
constexpr uint64_t kMaxContext = 1 << 30;  // tokens
constexpr uint64_t kMaxVocabulary = 1 << 24;

std::string shapeText(int64_t rows, int64_t columns) {
    return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

// Hands out the container's tensors by name, each once, compared with the shape that the configuration
// implies.
class TensorTable {
  public:
    TensorTable(const GgufContainer& container, std::shared_ptr<const DataFile> file, GgufFields& fields)
        : m_container(container), m_file(std::move(file)), m_fields(fields) {
        for (size_t i = 0; i < container.tensors.size(); ++i) m_unused.emplace(container.tensors[i].name, i);
    }

    bool has(const std::string& name) const { return m_unused.contains(name); }

    TensorInfo matrix(const std::string& name, int64_t rows, int64_t columns) {
        const GgufTensor* tensor = take(name, shapeText(rows, columns));
        if (!tensor) return {};
        TensorInfo info = tensorInfo(*tensor);
        if (tensor->dimensions.size() != 2 || info.rows != rows || info.columns != columns) {
            m_fields.fail("tensor " + name, "shape " + dimensionsText(*tensor), shapeText(rows, columns));
        }
        return info;
    }

    TensorInfo norm(const std::string& name, int64_t size) {
        const std::string expected = "[" + std::to_string(size) + "]";
        const GgufTensor* tensor = take(name, expected);
        if (!tensor) return {};
        if (tensor->dimensions.size() != 1 || tensor->dimensions[0] != static_cast<uint64_t>(size)) {
            m_fields.fail("tensor " + name, "shape " + dimensionsText(*tensor), expected);
        }
        if (blockElements(tensor->type) != 1) {
            m_fields.fail("tensor " + name, std::string("type ") + tensorTypeName(tensor->type),
                          "F32, F16 or BF16 for a norm");
        }
        return tensorInfo(*tensor);
    }

    // A tensor that nothing asked for would change what the model computes, so it is not passed over.
    void refuseUnused() {
        if (m_unused.empty()) return;
        const std::string& name = m_unused.begin()->first;
        if (name == "rope_freqs.weight") {
            m_fields.fail("tensor " + name, "RoPE frequency factors",
                          "a model without them (not Llama 3.1 or later)");
        } else {
            m_fields.fail(
                "tensor " + quotedForMessage(name),
                "a tensor that a llama model of this configuration does not have",
                "only the tensors of its " + std::to_string(m_layers) + " layers, embedding, norm and head");
        }
    }
    void setLayers(int layers) { m_layers = layers; }

    TensorInfo tensorInfo(const GgufTensor& tensor) const {
        TensorInfo info;
        info.name = tensor.name;
        info.type = tensor.type;
        info.columns = static_cast<int64_t>(tensor.dimensions[0]);
        info.rows = static_cast<int64_t>(tensor.elements / tensor.dimensions[0]);
        info.bytes = tensor.bytes;
        info.source =
            std::make_shared<FileRows>(m_file, quotedForMessage(tensor.name), tensor.offset, info.rowBytes());
        return info;
    }

  private:
    const GgufTensor* take(const std::string& name, const std::string& shape) {
        const auto found = m_unused.find(name);
        if (found == m_unused.end()) {
            m_fields.fail("tensor " + name, "no such tensor", "one of shape " + shape);
            return nullptr;
        }
        const GgufTensor* tensor = &m_container.tensors[found->second];
        m_unused.erase(found);
        return tensor;
    }

    // Slowest dimension first, as the shapes of TensorInfo are written.
    static std::string dimensionsText(const GgufTensor& tensor) {
        std::string text;
        for (auto dimension = tensor.dimensions.rbegin(); dimension != tensor.dimensions.rend();
             ++dimension) {
            text += (text.empty() ? "[" : ", ") + std::to_string(*dimension);
        }
        return text + "]";
    }

    const GgufContainer& m_container;
    std::shared_ptr<const DataFile> m_file;
    GgufFields& m_fields;
    std::map<std::string, size_t> m_unused;
    int m_layers = 0;
};

void refuseWhatIsNotSupported(GgufFields& fields) {
    const std::string architecture = fields.text("general.architecture");
    if (!fields.ok()) return;
    if (architecture != "llama") {
        return fields.fail(
            "general.architecture", "\"" + quotedForMessage(architecture) + "\"",
            "\"llama\" (LLaMA, Mistral, TinyLlama, SmolLM2), the architecture this version runs");
    }
    if (const uint64_t parts = fields.integerOr("split.count", 1, 0, UINT64_MAX); parts > 1) {
        const uint64_t part = fields.integerOr("split.no", 0, 0, UINT64_MAX);
        return fields.fail("split.count", "part " + std::to_string(part + 1) + " of " + std::to_string(parts),
                           "a model in one file (join the parts first)");
    }
    if (const uint64_t part = fields.integerOr("split.no", 0, 0, UINT64_MAX); part != 0) {
        return fields.fail("split.no", std::to_string(part), "0, a model in one file");
    }
    if (const uint64_t experts = fields.integerOr("llama.expert_count", 0, 0, UINT64_MAX); experts != 0) {
        return fields.fail("llama.expert_count", std::to_string(experts) + " experts",
                           "a dense model; this version runs no mixture of experts");
    }
    const std::string scaling = fields.textOr("llama.rope.scaling.type", "none");
    if (fields.ok() && scaling != "none") {
        return fields.fail("llama.rope.scaling.type", "\"" + quotedForMessage(scaling) + "\"",
                           "\"none\", the RoPE scaling this version computes");
    }
    for (const char* key : {"llama.rope.scale_linear", "llama.rope.scaling.factor"}) {
        const double factor = fields.positiveOr(key, 1.0);
        if (fields.ok() && factor != 1.0)
            return fields.fail(key, std::to_string(factor), "1, no RoPE scaling");
    }
}

void refuseOldQuantization(const GgufContainer& container, GgufFields& fields) {
    for (const GgufTensor& tensor : container.tensors) {
        if (blockElements(tensor.type) == 1) continue;
        fields.integer("general.quantization_version", 2, 2);
        return;
    }
}

// Head counts and sizes; `hidden` is known. The two head widths of a file must agree, and RoPE must turn all
// of a head.
void readHeads(GgufFields& fields, ModelConfig& config) {
    const auto hidden = static_cast<uint64_t>(config.hidden);
    config.heads = static_cast<int>(fields.sameInteger("llama.attention.head_count", 1, kMaxWidth));
    config.kvHeads = config.heads;
    if (fields.has("llama.attention.head_count_kv")) {
        config.kvHeads = static_cast<int>(fields.sameInteger("llama.attention.head_count_kv", 1, kMaxWidth));
    }
    if (!fields.ok()) return;
    if (config.heads % config.kvHeads != 0) {
        return fields.fail("llama.attention.head_count_kv", std::to_string(config.kvHeads),
                           "a divisor of the " + std::to_string(config.heads) + " heads");
    }
    if (!fields.has("llama.attention.key_length") && hidden % static_cast<uint64_t>(config.heads) != 0) {
        return fields.fail("llama.embedding_length", std::to_string(hidden),
                           "a multiple of the " + std::to_string(config.heads) + " heads");
    }
    const uint64_t headSize = fields.integerOr("llama.attention.key_length",
                                               hidden / static_cast<uint64_t>(config.heads), 1, kMaxWidth);
    fields.integerOr("llama.attention.value_length", headSize, headSize, headSize);
    fields.integerOr("llama.rope.dimension_count", headSize, headSize, headSize);
    if (fields.ok() && headSize % 2 != 0) {
        fields.fail("llama.attention.key_length", std::to_string(headSize), "an even head size");
    }
    if (fields.ok() && headSize * static_cast<uint64_t>(config.heads) > kMaxWidth) {
        fields.fail("llama.attention.head_count", std::to_string(config.heads),
                    "at most " + std::to_string(kMaxWidth) + " elements in all heads");
    }
    config.headSize = static_cast<int>(headSize);
}

void readConfig(const GgufContainer& container, GgufFields& fields, ModelConfig& config) {
    config.architecture = "llama";
    config.name = fields.textOr("general.name", "");
    config.layers = static_cast<int>(fields.integer("llama.block_count", 1, container.tensors.size()));
    config.hidden = static_cast<int>(fields.integer("llama.embedding_length", 1, kMaxWidth));
    config.ffn = static_cast<int>(fields.sameInteger("llama.feed_forward_length", 1, kMaxWidth));
    config.context = static_cast<int>(fields.integer("llama.context_length", 1, kMaxContext));
    // A model with a sliding window computes full attention as long as the context fits into the window.
    const uint64_t window = fields.integerOr("llama.attention.sliding_window", 0, 0, UINT64_MAX);
    if (window != 0 && window < static_cast<uint64_t>(config.context))
        config.context = static_cast<int>(window);
    if (fields.ok()) readHeads(fields, config);
    config.norm = NormKind::rms;
    config.normEps = static_cast<float>(fields.positive("llama.attention.layer_norm_rms_epsilon"));
    config.activation = Activation::silu;
    config.gatedMlp = true;
    config.ropeBase = static_cast<float>(fields.positiveOr("llama.rope.freq_base", 10000.0));
    config.ropePairs = RopePairs::adjacent;  // the converter has reordered the rows of Q and K for it
    const auto* tokens = fields.texts("tokenizer.ggml.tokens");
    if (!tokens) fields.fail("tokenizer.ggml.tokens", "no such key", "an array of texts");
    if (!fields.ok()) return;
    config.vocab = static_cast<int>(tokens->size());
    fields.integerOr("llama.vocab_size", tokens->size(), tokens->size(), tokens->size());
    if (tokens->empty() || tokens->size() > kMaxVocabulary) {
        fields.fail("tokenizer.ggml.tokens", std::to_string(tokens->size()) + " tokens",
                    "1 to " + std::to_string(kMaxVocabulary));
    }
}

void mapTensors(const ModelConfig& config, TensorTable& table, const GgufFields& fields,
                ModelTensors& tensors) {
    tensors.embedding = table.matrix("token_embd.weight", config.vocab, config.hidden);
    tensors.outputNorm.weight = table.norm("output_norm.weight", config.hidden);
    if (table.has("output.weight"))
        tensors.head = LinearTensors{table.matrix("output.weight", config.vocab, config.hidden), {}};
    for (int i = 0; i < config.layers && fields.ok(); ++i) {
        const std::string prefix = "blk." + std::to_string(i) + ".";
        LayerTensors layer;
        layer.attentionNorm.weight = table.norm(prefix + "attn_norm.weight", config.hidden);
        layer.query.weight = table.matrix(prefix + "attn_q.weight", config.queryWidth(), config.hidden);
        layer.key.weight = table.matrix(prefix + "attn_k.weight", config.kvWidth(), config.hidden);
        layer.value.weight = table.matrix(prefix + "attn_v.weight", config.kvWidth(), config.hidden);
        layer.output.weight = table.matrix(prefix + "attn_output.weight", config.hidden, config.queryWidth());
        layer.mlpNorm = NormTensors{table.norm(prefix + "ffn_norm.weight", config.hidden), {}};
        layer.gate = LinearTensors{table.matrix(prefix + "ffn_gate.weight", config.ffn, config.hidden), {}};
        layer.up.weight = table.matrix(prefix + "ffn_up.weight", config.ffn, config.hidden);
        layer.down.weight = table.matrix(prefix + "ffn_down.weight", config.hidden, config.ffn);
        tensors.layers.push_back(std::move(layer));
    }
    if (!fields.ok()) return;
    table.setLayers(config.layers);
    table.refuseUnused();
}

// The type that holds most elements of the layers' matrices.
std::string dominantType(const ModelTensors& tensors) {
    std::map<TensorType, int64_t> elements;
    for (const LayerTensors& layer : tensors.layers) {
        for (const LinearTensors* linear :
             {&layer.query, &layer.key, &layer.value, &layer.output, &*layer.gate, &layer.up, &layer.down}) {
            elements[linear->weight.type] += linear->weight.rows * linear->weight.columns;
        }
    }
    const auto most = std::max_element(elements.begin(), elements.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == elements.end() ? "" : tensorTypeName(most->first);
}

}  // namespace

Result<LlamaModel> mapLlama(const GgufContainer& container, const std::shared_ptr<const DataFile>& file) {
    GgufFields fields(container, file->path().string());
    TensorTable table(container, file, fields);
    LlamaModel model;
    refuseWhatIsNotSupported(fields);
    if (fields.ok()) refuseOldQuantization(container, fields);
    if (fields.ok()) readConfig(container, fields, model.config);
    if (fields.ok()) mapTensors(model.config, table, fields, model.tensors);
    if (!fields.ok()) return fields.error();
    for (const GgufTensor& tensor : container.tensors) {
        model.config.parameters += tensor.elements;
        model.allTensors.push_back(table.tensorInfo(tensor));
    }
    model.config.tiedHead = !model.tensors.head;
    model.config.quantization = dominantType(model.tensors);
    return model;
}

}  // namespace edgechat::inference
