#include "quant/plan.h"

#include <algorithm>
#include <array>

#include "quant/layer_weights.h"
#include "quant/linear_quantizer.h"

namespace edgechat::quant {

using inference::Checkpoint;
using inference::LayerTensors;
using inference::ModelConfig;

namespace {

constexpr std::array<int, 3> kGroupSizes = {128, 64, 32};
constexpr int kMostBlocks = 16;
constexpr uint64_t kProgramBytes = 60 << 20;  // code, libraries, tokenizer tables
constexpr uint64_t kThreadBytes = 36 << 20;   // buffers of a BLAS, stacks

bool divides(const LayerTensors& layer, LinearRole role, int groupSize) {
    const inference::LinearTensors* linear = linearOf(layer, role);
    return linear->weight.columns % groupSize == 0 && linear->weight.rows % 8 == 0;
}

std::vector<LinearRole> rolesOf(const LayerTensors& layer) {
    std::vector<LinearRole> roles;
    for (const LinearRole role : kLinearRoles) {
        if (linearOf(layer, role) != nullptr) roles.push_back(role);
    }
    return roles;
}

int64_t inputsOf(const ModelConfig& config, InputSite site) {
    switch (site) {
        case InputSite::output:
            return config.queryWidth();
        case InputSite::down:
            return config.ffn;
        default:
            return config.hidden;
    }
}

/// The largest resident size: one layer as stored, all Gram matrices, what is held out, the forward pass; or,
/// later, without the forward pass, the codes and the largest tile.
uint64_t memoryOf(const Checkpoint& source, const std::map<InputSite, int>& blocks, int window, int threads,
                  bool second) {
    const ModelConfig& config = source.config();
    uint64_t layer = 0, codes = 0;
    for (const LayerTensors& tensors : source.tensors().layers) {
        uint64_t bytes = 0, elements = 0;
        for (const LinearRole role : rolesOf(tensors)) {
            const inference::TensorInfo& weight = linearOf(tensors, role)->weight;
            bytes += weight.bytes;
            elements += static_cast<uint64_t>(weight.rows * weight.columns);
        }
        layer = std::max(layer, bytes);
        codes = std::max(codes, elements);
    }
    uint64_t gram = 0, heldOut = 0;
    int64_t widest = 0;
    for (const InputSite site : kInputSites) {
        if (site == InputSite::mlp && !source.tensors().layers.front().mlpNorm) continue;
        const int64_t size = inputsOf(config, site);
        widest = std::max(widest, size);
        const auto found = blocks.find(site);
        const int64_t parts = found == blocks.end() ? 1 : found->second;
        const int64_t kinds = site == InputSite::attention ? 3 : 1;  // and `key`, `value`
        if (second) gram += static_cast<uint64_t>(kinds * 4 * size * (size / parts + 128));
        heldOut += static_cast<uint64_t>(kinds * 4 * size * kHeldOutTokens);
    }
    const uint64_t forward = static_cast<uint64_t>(4 * LayerForward::scratchFloats(config, window)) +
                             static_cast<uint64_t>(4 * kTokensAtOnce * config.hidden);
    // The Gram matrices of the sites that are done are gone by the time when most codes exist.
    const uint64_t quantize = codes * 3 / 4 + static_cast<uint64_t>(4 * (2 * kRowsAtOnce + 256) * widest);
    return kProgramBytes + kThreadBytes * static_cast<uint64_t>(threads) + layer + gram + heldOut +
           std::max(forward, quantize);
}

}  // namespace

int64_t defaultSamples(const ModelConfig& config) {
    return config.parameters < 400'000'000 ? 128 : config.parameters < 2'000'000'000 ? 64 : 32;
}

Result<OutputForm> chooseForm(const Checkpoint& source, const Recipe& recipe,
                              std::vector<std::string>& warnings) {
    const LayerTensors& layer = source.tensors().layers.front();
    const std::vector<LinearRole> roles = rolesOf(layer);
    OutputForm form;
    if (recipe.method == Method::smoothquant) {
        for (const LinearRole role : roles) form.linears[role] = {LinearForm::Kind::int8, 0};
        return form;
    }
    // Other programs read one group size for the whole folder, so `auto` takes the largest that suits all;
    // one that suits as many as possible where none does.
    int best = recipe.groupSize;
    if (best == 0) {
        int most = -1;
        for (const int size : kGroupSizes) {
            const auto count = static_cast<int>(std::count_if(
                roles.begin(), roles.end(), [&](LinearRole role) { return divides(layer, role, size); }));
            if (count > most) {
                most = count;
                best = size;
            }
        }
    }
    int quantized = 0;
    for (const LinearRole role : roles) {
        const bool fits = divides(layer, role, best);
        form.linears[role] = {fits ? LinearForm::Kind::int4 : LinearForm::Kind::dense, fits ? best : 0};
        quantized += fits ? 1 : 0;
        if (fits) continue;
        const inference::TensorInfo& weight = linearOf(layer, role)->weight;
        if (recipe.groupSize != 0) {
            return Error{
                ErrorCode::badInput,
                "cannot quantize in groups of " + std::to_string(best),
                source.path().string(),
                "tensor " + weight.name,
                std::to_string(weight.columns) + " inputs and " + std::to_string(weight.rows) + " outputs",
                "inputs that " + std::to_string(best) +
                    " divides and outputs that 8 divides; a smaller group size, or auto"};
        }
        warnings.push_back("tensors like " + weight.name + " stay in fp16: " +
                           std::to_string(weight.columns) + " inputs and " + std::to_string(weight.rows) +
                           " outputs, where groups of 32 and packs of 8 are the smallest");
    }
    if (quantized == 0) {
        return Error{ErrorCode::badInput,
                     "cannot quantize",
                     source.path().string(),
                     "",
                     "no linear layer whose inputs come in groups of 32 and whose outputs come in packs of 8",
                     "a model with at least one"};
    }
    return form;
}

Result<Plan> makePlan(const Checkpoint& source, const Recipe& recipe, int64_t windows, int window,
                      int threads, uint64_t memoryLimit) {
    Plan plan;
    Result<OutputForm> form = chooseForm(source, recipe, plan.warnings);
    if (!form) return form.error();
    plan.form = std::move(*form);
    Result<uint64_t> bytes = outputBytes(source, plan.form);
    if (!bytes) return bytes.error();
    plan.outputBytes = *bytes;
    // The residual stream before and after the running layer.
    plan.workBytes = static_cast<uint64_t>(2 * 4 * windows * window * source.config().hidden) + (1 << 20);
    const bool second = recipe.method == Method::awq;
    plan.memoryBytes = memoryOf(source, plan.blocks, window, threads, second);
    while (plan.memoryBytes > memoryLimit) {
        // The part that saves most is cut once more.
        InputSite widest = InputSite::down;
        int64_t largest = 0;
        for (const InputSite site : kInputSites) {
            const int64_t size = inputsOf(source.config(), site);
            const int parts = plan.blocks.count(site) > 0 ? plan.blocks[site] : 1;
            if (second && parts < kMostBlocks && size / parts >= 256 && size * size / parts > largest) {
                largest = size * size / parts;
                widest = site;
            }
        }
        if (largest == 0) {
            return Error{ErrorCode::doesNotFit,
                         "cannot quantize within the memory limit",
                         source.path().string(),
                         "--memory-limit",
                         std::to_string(memoryLimit) + " bytes",
                         "at least " + std::to_string(plan.memoryBytes)};
        }
        plan.blocks[widest] = (plan.blocks.count(widest) > 0 ? plan.blocks[widest] : 1) * 2;
        plan.memoryBytes = memoryOf(source, plan.blocks, window, threads, second);
    }
    return plan;
}

}  // namespace edgechat::quant
