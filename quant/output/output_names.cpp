#include "quant/output/output_names.h"

#include <algorithm>

namespace edgechat::quant {

using inference::Checkpoint;
using inference::LayerTensors;
using inference::LinearTensors;
using inference::ModelConfig;

namespace {

constexpr const char* kWhat = "cannot write the model";

bool hasBias(const Checkpoint& source, const std::vector<LinearRole>& roles) {
    for (const LayerTensors& layer : source.tensors().layers) {
        for (const LinearRole role : roles) {
            const LinearTensors* linear = linearOf(layer, role);
            if (linear && linear->bias) return true;
        }
    }
    return false;
}

std::vector<OutputModule> llamaModules(const Checkpoint& source) {
    using enum LinearRole;
    // config.json has one key for the biases of the attention and one for those of the MLP.
    const bool attention = hasBias(source, {query, key, value, output});
    const bool mlp = hasBias(source, {gate, up, down});
    return {{"self_attn.q_proj", {query}, 0, 0, attention, {}},
            {"self_attn.k_proj", {key}, 0, 0, attention, {}},
            {"self_attn.v_proj", {value}, 0, 0, attention, {}},
            {"self_attn.o_proj", {output}, 0, 0, attention, {}},
            {"mlp.gate_proj", {gate}, 0, 0, mlp, {}},
            {"mlp.up_proj", {up}, 0, 0, mlp, {}},
            {"mlp.down_proj", {down}, 0, 0, mlp, {}}};
}

std::vector<OutputModule> falconModules(const Checkpoint& source) {
    using enum LinearRole;
    const bool bias = hasBias(source, {query, key, value, output, up, down});
    return {{"self_attention.query_key_value", {query, key, value}, 0, 0, bias, {}},
            {"self_attention.dense", {output}, 0, 0, bias, {}},
            {"mlp.dense_h_to_4h", {up}, 0, 0, bias, {}},
            {"mlp.dense_4h_to_h", {down}, 0, 0, bias, {}}};
}

Error refusal(const Checkpoint& source, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, kWhat, source.path().string(), std::move(field), std::move(found),
                 std::move(expected)};
}

// Fills a module's shape and form.
Result<void> completeModule(const Checkpoint& source, const OutputForm& form, OutputModule& module) {
    const LayerTensors& layer = source.tensors().layers.front();
    for (const LinearRole role : module.roles) {
        const LinearTensors* linear = linearOf(layer, role);
        const auto said = form.linears.find(role);
        if (!linear || said == form.linears.end()) {
            return refusal(
                source, module.name,
                std::string("no ") + (linear ? "form" : "tensor") + " for its " + linearRoleName(role),
                "all linears of a layer");
        }
        const bool first = role == module.roles.front();
        if (!first &&
            (said->second.kind != module.form.kind || (module.form.kind == LinearForm::Kind::int4 &&
                                                       said->second.groupSize != module.form.groupSize))) {
            return refusal(source, module.name, "parts of several forms",
                           "one form and group size for query, key and value, which are one matrix");
        }
        module.form = said->second;
        module.rows += linear->weight.rows;
        module.columns = linear->weight.columns;
    }
    if (module.form.kind != LinearForm::Kind::int4) return {};
    const int64_t group = module.form.groupSize;
    if (group < 2 || group % 2 != 0 || module.columns % group != 0) {
        return refusal(source, module.name, "groups of " + std::to_string(group),
                       "an even divisor of its " + std::to_string(module.columns) + " inputs");
    }
    if (module.rows % 8 != 0) {
        return refusal(source, module.name, std::to_string(module.rows) + " outputs",
                       "a multiple of 8, eight of which make a word of AWQ");
    }
    return {};
}

OutputNames llamaNames() {
    OutputNames names;
    names.embedding = "model.embed_tokens";
    names.outputNorm = "model.norm";
    names.layers = "model.layers.";
    names.attentionNorm = "input_layernorm";
    names.mlpNorm = "post_attention_layernorm";
    return names;
}

OutputNames falconNames(const Checkpoint& source) {
    const bool separate = source.tensors().layers.front().mlpNorm.has_value();
    const bool parallel = source.config().parallelResidual;
    OutputNames names;
    names.embedding = "transformer.word_embeddings";
    names.outputNorm = "transformer.ln_f";
    names.layers = "transformer.h.";
    names.attentionNorm = separate && parallel ? "ln_attn" : "input_layernorm";
    if (separate) names.mlpNorm = parallel ? "ln_mlp" : "post_attention_layernorm";
    names.normBias = true;
    return names;
}

// Halves one behind the other, from pairs next to each other: row p * size / 2 + i is row 2 i + p.
int64_t adjacentRow(int64_t row, int64_t headSize) {
    const int64_t head = row / headSize, inHead = row % headSize, half = headSize / 2;
    return head * headSize + 2 * (inHead % half) + inHead / half;
}

}  // namespace

const char* linearRoleName(LinearRole role) {
    switch (role) {
        case LinearRole::query:
            return "query";
        case LinearRole::key:
            return "key";
        case LinearRole::value:
            return "value";
        case LinearRole::output:
            return "output";
        case LinearRole::gate:
            return "gate";
        case LinearRole::up:
            return "up";
        case LinearRole::down:
            return "down";
    }
    return "?";
}

const LinearTensors* linearOf(const LayerTensors& layer, LinearRole role) {
    switch (role) {
        case LinearRole::query:
            return &layer.query;
        case LinearRole::key:
            return &layer.key;
        case LinearRole::value:
            return &layer.value;
        case LinearRole::output:
            return &layer.output;
        case LinearRole::gate:
            return layer.gate ? &*layer.gate : nullptr;
        case LinearRole::up:
            return &layer.up;
        case LinearRole::down:
            return &layer.down;
    }
    return nullptr;
}

Result<OutputNames> outputNames(const Checkpoint& source, const OutputForm& form) {
    const ModelConfig& config = source.config();
    const bool falcon = config.architecture == "falcon";
    if (source.tensors().layers.empty()) return refusal(source, "", "no layers", "a model with layers");
    OutputNames names = falcon ? falconNames(source) : llamaNames();
    if (source.tensors().head) names.head = "lm_head";
    names.modules = falcon ? falconModules(source) : llamaModules(source);
    for (OutputModule& module : names.modules) {
        if (Result<void> done = completeModule(source, form, module); !done) return done.error();
    }
    const bool int4 = hasKind(names, LinearForm::Kind::int4);
    if (int4 && hasKind(names, LinearForm::Kind::int8)) {
        return refusal(source, "", "4-bit and 8-bit linears", "one of the two: config.json names one method");
    }
    // AutoAWQ, transformers and vLLM read these divisors for every AWQ Falcon, and have no place for them in
    // any other model.
    if (falcon && int4) names.activationScale = "mlp.act.scales";
    return names;
}

bool hasKind(const OutputNames& names, LinearForm::Kind kind) {
    return std::any_of(names.modules.begin(), names.modules.end(),
                       [kind](const OutputModule& module) { return module.form.kind == kind; });
}

std::vector<RowPlace> moduleRows(const ModelConfig& config, const OutputModule& module) {
    std::vector<RowPlace> places;
    places.reserve(static_cast<size_t>(module.rows));
    if (module.roles.size() == 1) {
        const LinearRole role = module.roles[0];
        const bool turned = config.ropePairs == inference::RopePairs::adjacent &&
                            config.positions == inference::PositionKind::rope &&
                            (role == LinearRole::query || role == LinearRole::key);
        for (int64_t row = 0; row < module.rows; ++row)
            places.push_back({0, turned ? adjacentRow(row, config.headSize) : row});
        return places;
    }
    // query_key_value holds, for each KV head, its query heads, its key and its value (hf_tensors.cpp).
    const int64_t size = config.headSize, queries = int64_t{config.heads / config.kvHeads} * size;
    for (int64_t head = 0; head < config.kvHeads; ++head) {
        for (int64_t i = 0; i < queries; ++i) places.push_back({0, head * queries + i});
        for (const size_t part : {1, 2}) {
            for (int64_t i = 0; i < size; ++i) places.push_back({part, head * size + i});
        }
    }
    return places;
}

}  // namespace edgechat::quant
