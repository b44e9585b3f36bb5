#include "inference/model/hf_tensors.h"

#include <algorithm>
#include <map>

#include "inference/model/gguf.h"
#include "inference/model/hf_tensor_table.h"

namespace edgechat::inference {

namespace {

// How a family's modules are called.
struct Names {
    std::string prefix;  // "model.", "transformer.", or none for a checkpoint of the body alone
    std::string embedding, layers, outputNorm;

    std::string layer(int index) const { return prefix + layers + std::to_string(index) + "."; }
};

Names namesOf(const HfConfig& config, const HfTensorTable& table) {
    const bool falcon = config.model.architecture == "falcon";
    Names names = falcon ? Names{"transformer.", "word_embeddings", "h.", "ln_f"}
                         : Names{"model.", "embed_tokens", "layers.", "norm"};
    if (!table.has(names.prefix + names.embedding + ".weight") && table.has(names.embedding + ".weight"))
        names.prefix.clear();
    return names;
}

LayerTensors mapLlamaLayer(const HfConfig& config, const std::string& prefix, HfTensorTable& table) {
    const ModelConfig& model = config.model;
    const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
    const bool bias = config.attentionBias;
    LayerTensors layer;
    layer.attentionNorm = table.norm(prefix + "input_layernorm", model.hidden, false);
    layer.query = table.linear(attention + "q_proj", model.queryWidth(), model.hidden, bias);
    layer.key = table.linear(attention + "k_proj", model.kvWidth(), model.hidden, bias);
    layer.value = table.linear(attention + "v_proj", model.kvWidth(), model.hidden, bias);
    layer.output = table.linear(attention + "o_proj", model.hidden, model.queryWidth(), bias);
    layer.mlpNorm = table.norm(prefix + "post_attention_layernorm", model.hidden, false);
    layer.gate = table.linear(mlp + "gate_proj", model.ffn, model.hidden, config.mlpBias);
    layer.up = table.linear(mlp + "up_proj", model.ffn, model.hidden, config.mlpBias);
    layer.down = table.linear(mlp + "down_proj", model.hidden, model.ffn, config.mlpBias);
    return layer;
}

// Part of a fused matrix, and of its bias.
LinearTensors viewOf(const LinearTensors& fused, const HfTensorTable& table, const char* mark, int64_t rows,
                     RowPattern pattern) {
    LinearTensors view = fused;
    view.weight.name += mark;
    view.weight.rows = rows;
    view.weight.bytes = static_cast<uint64_t>(rows) * fused.weight.rowBytes();
    view.weight.source = std::make_shared<PatternRows>(fused.weight.source, pattern, fused.weight.rowBytes());
    if (view.bias) {
        const auto elementBytes = static_cast<uint64_t>(blockBytes(fused.bias->type));
        view.bias->name += mark;
        view.bias->columns = rows;
        view.bias->bytes = static_cast<uint64_t>(rows) * elementBytes;
        view.bias->source = std::make_shared<RowOfRows>(
            std::make_shared<PatternRows>(table.elementsOf(fused.bias->name), pattern, elementBytes), rows);
    }
    return view;
}

// Falcon's query_key_value holds, for each KV head, its query heads, its key and its value. That is one rule
// for the three forms: one KV head (7B: all queries, then key and value), as many as query heads (RW: query,
// key and value of every head in turn), and groups (40B, 11B).
void splitQueryKeyValue(const ModelConfig& model, const LinearTensors& fused, const HfTensorTable& table,
                        LayerTensors& layer) {
    const int64_t size = model.headSize, queries = int64_t{model.heads / model.kvHeads} * size;
    const int64_t stride = queries + 2 * size;
    layer.query = viewOf(fused, table, " (query)", model.queryWidth(), {0, queries, stride});
    layer.key = viewOf(fused, table, " (key)", model.kvWidth(), {queries, size, stride});
    layer.value = viewOf(fused, table, " (value)", model.kvWidth(), {queries + size, size, stride});
}

LayerTensors mapFalconLayer(const HfConfig& config, const std::string& prefix, HfTensorTable& table) {
    const ModelConfig& model = config.model;
    const std::string attention = prefix + "self_attention.", mlp = prefix + "mlp.";
    LayerTensors layer;
    const bool two = config.falconNorms == FalconNorms::two;
    layer.attentionNorm = table.norm(prefix + (two ? "ln_attn" : "input_layernorm"), model.hidden, true);
    const LinearTensors fused =
        table.linear(attention + "query_key_value", model.queryWidth() + 2 * model.kvWidth(), model.hidden,
                     config.attentionBias);
    if (!table.ok()) return layer;
    splitQueryKeyValue(model, fused, table, layer);
    layer.output = table.linear(attention + "dense", model.hidden, model.queryWidth(), config.attentionBias);
    if (two) layer.mlpNorm = table.norm(prefix + "ln_mlp", model.hidden, true);
    if (config.falconNorms == FalconNorms::sequential)
        layer.mlpNorm = table.norm(prefix + "post_attention_layernorm", model.hidden, true);
    layer.up = table.linear(mlp + "dense_h_to_4h", model.ffn, model.hidden, config.mlpBias);
    layer.down = table.linear(mlp + "dense_4h_to_h", model.hidden, model.ffn, config.mlpBias);
    if (table.hasOptional(mlp + "act.scales"))
        layer.activationScale = table.vector(mlp + "act.scales", model.ffn);
    return layer;
}

// A head beside a tied embedding is passed over, as transformers does. The two are the same in every
// checkpoint known; a sample of their rows tells whether these are, and a difference is worth a warning.
Result<void> compareTiedHead(const StoredTensor& head, const StoredTensor& embedding,
                             std::vector<std::string>& warnings) {
    if (!head.here || !embedding.here) return {};
    bool same = head.dtype == embedding.dtype && head.shape == embedding.shape;
    if (same) {
        const uint64_t rows = head.shape[0], width = head.bytes / rows;
        std::vector<std::byte> a(width), b(width);
        const uint64_t step = std::max<uint64_t>(1, rows / 64);
        for (uint64_t row = 0; row < rows && same; row += step) {
            for (const auto& [tensor, out] : {std::pair(&head, &a), std::pair(&embedding, &b)}) {
                if (Result<void> read =
                        tensor->file->read(tensor->offset + row * width, width, out->data(), tensor->label());
                    !read)
                    return read;
            }
            same = a == b;
        }
    }
    if (!same) {
        warnings.push_back(
            "the weights hold an output head that is not the embedding, but config.json ties the "
            "two; the embedding is used, as transformers does");
    }
    return {};
}

// What nothing asked for: buffers that old versions of transformers stored are passed over, parts of the
// model are refused, and the rest is named.
Result<void> judgeUnused(const HfConfig& config, const Names& names, const HfTensorTable& table,
                         std::vector<std::string>& warnings) {
    size_t others = 0;
    std::string example;
    for (const std::string& name : table.unused()) {
        if (name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".masked_bias")) continue;
        const StoredTensor& stored = *table.peek(name);
        if (config.model.tiedHead && name == "lm_head.weight") {
            const StoredTensor& embedding = *table.peek(names.prefix + names.embedding + ".weight");
            if (Result<void> compared = compareTiedHead(stored, embedding, warnings); !compared)
                return compared;
            continue;
        }
        const std::string inside = name.starts_with(names.prefix) ? name.substr(names.prefix.size()) : name;
        const bool partOfModel = name.starts_with("lm_head.") || inside.starts_with(names.layers) ||
                                 inside.starts_with(names.embedding + ".") ||
                                 inside.starts_with(names.outputNorm + ".");
        if (partOfModel) {
            return Error{
                ErrorCode::badInput,
                "cannot read the model",
                stored.file->path().string(),
                stored.label(),
                "a tensor that a " + config.model.architecture + " model of this configuration does not have",
                "only the tensors of its " + std::to_string(config.model.layers) +
                    " layers, embedding, norm and head"};
        }
        if (others++ == 0) example = quotedForMessage(name);
    }
    if (others > 0) {
        warnings.push_back(std::to_string(others) +
                           " tensors are no part of the language model and are left out (" + example +
                           (others > 1 ? ", ...)" : ")"));
    }
    return {};
}

}  // namespace

std::string quantizationText(const ModelTensors& tensors, bool awq) {
    std::map<std::pair<TensorType, int>, int64_t> elements;
    bool wholeRows = true;
    for (const LayerTensors& layer : tensors.layers) {
        for (const LinearTensors* linear : {&layer.query, &layer.key, &layer.value, &layer.output,
                                            layer.gate ? &*layer.gate : &layer.up, &layer.up, &layer.down}) {
            const TensorInfo& weight = linear->weight;
            // The groups of int8 are rows, whatever their length.
            const int groupSize = weight.type == TensorType::int8 ? 0 : weight.groupSize;
            elements[{weight.type, groupSize}] += weight.rows * weight.columns;
            if (weight.groupSize != weight.columns) wholeRows = false;
        }
    }
    const auto most = std::max_element(elements.begin(), elements.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == elements.end()) return "";
    if (most->first.first == TensorType::int8) return "W8A8 INT8 by row";
    if (most->first.first != TensorType::int4) return tensorTypeName(most->first.first);
    const std::string groups = wholeRows ? "by row" : "g" + std::to_string(most->first.second);
    return awq ? "AWQ INT4 " + groups : "INT4 " + groups + " (compressed-tensors)";
}

namespace {

uint64_t countParameters(const ModelTensors& tensors) {
    uint64_t count = 0;
    forEachTensor(tensors, [&count](const TensorInfo& tensor) {
        count += static_cast<uint64_t>(tensor.rows) * static_cast<uint64_t>(tensor.columns);
    });
    // A divisor that AWQ added is none of the model's own.
    for (const LayerTensors& layer : tensors.layers) {
        if (layer.activationScale) count -= static_cast<uint64_t>(layer.activationScale->columns);
    }
    return count;
}

Result<void> mapTensors(const HfConfig& config, const QuantizationScheme& scheme, HfTensorTable& table,
                        CheckpointContent& content) {
    const ModelConfig& model = config.model;
    const bool falcon = model.architecture == "falcon";
    const Names names = namesOf(config, table);
    ModelTensors tensors;
    tensors.embedding = table.matrix(names.prefix + names.embedding + ".weight", model.vocab, model.hidden);
    for (int i = 0; i < model.layers && table.ok(); ++i) {
        tensors.layers.push_back(falcon ? mapFalconLayer(config, names.layer(i), table)
                                        : mapLlamaLayer(config, names.layer(i), table));
    }
    tensors.outputNorm = table.norm(names.prefix + names.outputNorm, model.hidden, falcon);
    if (!model.tiedHead) tensors.head = table.linear("lm_head", model.vocab, model.hidden, false);
    if (!table.ok()) return table.error();
    if (Result<void> judged = judgeUnused(config, names, table, content.warnings); !judged) return judged;
    if (scheme.method != QuantizationMethod::none && !table.tookAwq() && !table.tookCompressedTensors())
        content.warnings.push_back("the configuration speaks of quantized weights, but there are none");

    content.allTensors = table.taken();
    content.config.quantization = quantizationText(tensors, table.tookAwq());
    content.config.parameters = countParameters(tensors);
    content.tensors = std::move(tensors);
    return {};
}

}  // namespace

Result<void> mapHfTensors(const HfConfig& config, const StoredWeights& weights,
                          const QuantizationScheme& scheme, const std::string& folder,
                          CheckpointContent& content) {
    HfTensorTable table(weights, scheme, folder, content.warnings);
    return mapTensors(config, scheme, table, content);
}

Result<CheckpointContent> assumeHfTensors(const HfConfig& config, const QuantizationScheme& scheme,
                                          TensorType type, const std::string& configName) {
    CheckpointContent content;
    content.config = config.model;
    content.warnings = config.warnings;
    HfTensorTable table(scheme, type, configName, content.warnings);
    if (Result<void> mapped = mapTensors(config, scheme, table, content); !mapped) return mapped.error();
    return content;
}

}  // namespace edgechat::inference
