#include "models/planned_model.h"

#include <QThread>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "inference/model/hf_config.h"
#include "inference/model/hf_quantization.h"
#include "inference/model/hf_tensors.h"
#include "inference/model/json_file.h"
#include "quant/output/output_names.h"
#include "quant/plan.h"

namespace edgechat::models {
namespace {

using inference::Checkpoint;
using inference::CheckpointContent;
using inference::HfConfig;
using inference::LayerTensors;
using inference::LinearTensors;
using inference::ModelConfig;
using inference::QuantizationMethod;
using inference::QuantizationScheme;
using inference::TensorInfo;
using inference::TensorType;
using quant::LinearForm;
using quant::LinearRole;

constexpr const char* kWhat = "cannot read the model";
// Names, shapes and offsets of a few hundred tensors, in a file or several.
constexpr uint64_t kHeaderBytes = 1 << 20;

uint64_t storedBytes(const CheckpointContent& content) {
    uint64_t bytes = 0;
    for (const TensorInfo& tensor : content.allTensors) bytes += tensor.bytes;
    return bytes;
}

bool isNear(uint64_t found, uint64_t expected) {
    const uint64_t slack = expected / 50 + kHeaderBytes;
    return found <= expected + slack && found + slack >= expected;
}

/// Of the weights as they are fetched. The sizes count for more than the configuration, which often says what
/// the model was trained in.
TensorType storedType(const nlohmann::json& config, uint64_t parameters, uint64_t weightsBytes) {
    for (const char* key : {"dtype", "torch_dtype"}) {
        const auto found = config.find(key);
        if (found == config.end() || !found->is_string()) continue;
        const std::string& name = found->get_ref<const std::string&>();
        if (weightsBytes == 0 && (name == "float32" || name == "torch.float32")) return TensorType::f32;
    }
    return weightsBytes > 3 * parameters ? TensorType::f32 : TensorType::f16;
}

/// The tensors of the folder that the quantizer writes, as the engine's reader hands them out.
Result<CheckpointContent> quantizedContent(const HfConfig& config, const quant::OutputForm& form,
                                           const std::string& configName) {
    // Everything that is no linear of a layer is written in fp16.
    Result<CheckpointContent> content =
        inference::assumeHfTensors(config, QuantizationScheme{}, TensorType::f16, configName);
    if (!content) return content.error();
    bool int4 = false;
    for (const auto& [role, linear] : form.linears) int4 = int4 || linear.kind == LinearForm::Kind::int4;
    for (LayerTensors& layer : content->tensors.layers) {
        for (const auto& [role, linear] : form.linears) {
            LinearTensors* tensors = quant::linearOf(layer, role);
            if (!tensors || linear.kind == LinearForm::Kind::dense) continue;
            TensorInfo& weight = tensors->weight;
            const bool is4 = linear.kind == LinearForm::Kind::int4;
            weight.type = is4 ? TensorType::int4 : TensorType::int8;
            weight.groupSize = is4 ? linear.groupSize : static_cast<int>(weight.columns);
            weight.bytes = static_cast<uint64_t>(weight.rows) * weight.rowBytes();
        }
        // AWQ's Falcon has divisors behind its activation (output_names.cpp).
        if (int4 && content->config.architecture == "falcon") {
            TensorInfo scales;
            scales.type = TensorType::f16;
            scales.columns = content->config.ffn;
            scales.bytes = scales.rowBytes();
            layer.activationScale = scales;
        }
    }
    content->config.quantization = inference::quantizationText(content->tensors, int4);
    return content;
}

/// Compares the files with what the configuration implies.
void checkSizes(const CheckpointContent& content, uint64_t expected, uint64_t found, bool runsAsItIs,
                PlannedModel& plan) {
    if (found == 0 || isNear(found, expected)) return;
    // Many a folder stores the tied head once more; the reader passes over it.
    const ModelConfig& config = content.config;
    const uint64_t head = 2 * static_cast<uint64_t>(config.vocab) * static_cast<uint64_t>(config.hidden);
    if (config.tiedHead && isNear(found, expected + head)) return;
    plan.exact = false;
    plan.notes << QStringLiteral(
                      "Its files take %1 MB where its configuration implies %2 MB: the figures are "
                      "estimates.")
                      .arg(found / 1'000'000)
                      .arg(expected / 1'000'000);
    // Layers that were left unquantized are kept as they are.
    if (runsAsItIs && found > expected) plan.otherWeights = found - expected;
}

/// Bytes of an AWQ folder's weights: what EdgeChat itself would write has the same tensors.
Result<uint64_t> awqBytes(const HfConfig& config, int64_t groupSize, const std::string& configName) {
    Result<CheckpointContent> plain =
        inference::assumeHfTensors(config, QuantizationScheme{}, TensorType::f16, configName);
    if (!plain) return plain.error();
    const auto source = Checkpoint::fromContent(configName, std::move(*plain));
    quant::OutputForm form;
    constexpr std::array kRoles = {LinearRole::query, LinearRole::key, LinearRole::value, LinearRole::output,
                                   LinearRole::gate,  LinearRole::up,  LinearRole::down};
    for (const LinearRole role : kRoles)
        form.linears[role] = {LinearForm::Kind::int4, static_cast<int>(groupSize)};
    return quant::outputBytes(*source, form);
}

/// A model in Hugging Face's form that runs as it is fetched.
Result<void> planAsItIs(const HfConfig& config, const QuantizationScheme& scheme, CheckpointContent content,
                        uint64_t found, const std::string& configName, PlannedModel& plan) {
    if (scheme.method == QuantizationMethod::none) {
        checkSizes(content, storedBytes(content), found, true, plan);
    } else if (scheme.method == QuantizationMethod::awq && scheme.groupSize.value_or(128) > 0) {
        const Result<uint64_t> expected = awqBytes(config, scheme.groupSize.value_or(128), configName);
        if (!expected) return expected.error();
        checkSizes(content, *expected, found, true, plan);
    }
    plan.loaded = Checkpoint::fromContent(configName, std::move(content));
    return {};
}

/// A model in Hugging Face's form that EdgeChat quantizes.
Result<void> planQuantized(const HfConfig& config, const quant::Recipe& recipe, CheckpointContent content,
                           uint64_t found, const std::string& configName, PlannedModel& plan) {
    checkSizes(content, storedBytes(content), found, false, plan);
    const auto source = Checkpoint::fromContent(configName, std::move(content));
    const int64_t windows = recipe.samples > 0 ? recipe.samples : quant::defaultSamples(source->config());
    const Result<quant::Plan> made = quant::makePlan(*source, recipe, windows, recipe.window,
                                                     QThread::idealThreadCount(), quant::kDefaultMemoryLimit);
    if (!made) return made.error();
    for (const std::string& warning : made->warnings) plan.notes << QString::fromStdString(warning);
    Result<CheckpointContent> quantized = quantizedContent(config, made->form, configName);
    if (!quantized) return quantized.error();
    plan.quantizes = true;
    plan.outputBytes = made->outputBytes;
    plan.workBytes = made->workBytes;
    plan.memoryToMake = made->memoryBytes;
    plan.loaded = Checkpoint::fromContent(configName, std::move(*quantized));
    return {};
}

/// The largest shard, what a layer in two shards keeps of the one before it, and the small files.
uint64_t bytesAtOnce(const ModelFiles& files, const CheckpointContent& source) {
    constexpr uint64_t kTensorHeaderBytes = 256;  // name, shape and place of a tensor, twice at most
    if (files.weights.size() < 2) return 0;
    uint64_t largest = 0, layer = 0;
    for (const RepositoryFile& file : files.weights) largest = std::max(largest, file.bytes);
    for (const LayerTensors& tensors : source.tensors.layers) {
        uint64_t bytes = 0;
        const auto add = [&bytes](const auto& pair) {
            bytes += pair.weight.bytes + (pair.bias ? pair.bias->bytes : 0);
        };
        for (const LinearTensors* linear :
             {&tensors.query, &tensors.key, &tensors.value, &tensors.output, &tensors.up, &tensors.down})
            add(*linear);
        if (tensors.gate) add(*tensors.gate);
        if (tensors.mlpNorm) add(*tensors.mlpNorm);
        add(tensors.attentionNorm);
        layer = std::max(layer, bytes);
    }
    const uint64_t small =
        files.bytes() - files.weightsBytes() + kTensorHeaderBytes * source.allTensors.size();
    return largest + layer + small;
}

Result<nlohmann::json> parse(const QByteArray& text, const std::string& name) {
    return inference::parseJson({text.constData(), static_cast<size_t>(text.size())}, name, kWhat);
}

/// How much larger than in its file a tensor type is in memory at most (packing.h): types without kernels of
/// their own become INT8, and Q4_K becomes INT4 with an offset. The names are those of llama.cpp's recipes;
/// "_M" and the like keep some tensors in a larger type, and the output head often is Q6_K.
Result<double> ggufGrowth(const QString& name) {
    struct Growth {
        const char* type;
        double most;
    };
    constexpr double kQ8_0 = 8.5;  // bits an element
    constexpr std::array kGrowths = {Growth{"BF16", 1},
                                     Growth{"F16", 1},
                                     Growth{"F32", 1},
                                     Growth{"Q8_0", 1},
                                     Growth{"Q6_K", kQ8_0 / 6.5625},
                                     Growth{"Q5_K", kQ8_0 / 5.5},
                                     Growth{"Q5_1", kQ8_0 / 6},
                                     Growth{"Q5_0", kQ8_0 / 5.5},
                                     Growth{"Q4_K", kQ8_0 / 6.5625},
                                     Growth{"Q4_1", 1.1},
                                     Growth{"Q4_0", 1.1},
                                     Growth{"Q3_K", kQ8_0 / 3.4375},
                                     Growth{"Q2_K", kQ8_0 / 2.625}};
    const QString upper = name.toUpper();
    for (const Growth& growth : kGrowths) {
        if (upper.contains(QLatin1String(growth.type))) return growth.most;
    }
    if (upper.contains(QLatin1String("IQ")) || upper.contains(QLatin1String("TQ")))
        return Error{ErrorCode::badInput,
                     kWhat,
                     name.toStdString(),
                     "",
                     "a type that has no kernels here",
                     "Q4_0, Q4_1, Q8_0 or a K type of Q2_K to Q6_K"};
    return kQ8_0 / 2.625;
}

Result<void> planGguf(const ModelFiles& files, const QByteArray& config, PlannedModel& plan) {
    const Result<double> growth = ggufGrowth(files.variant);
    if (!growth) return growth.error();
    plan.exact = false;
    plan.otherWeights = static_cast<uint64_t>(static_cast<double>(files.weightsBytes()) * *growth);
    plan.notes << QStringLiteral("What a GGUF file takes in memory is known when it is here.");
    if (config.isEmpty()) return {};
    const Result<nlohmann::json> json = parse(config, "config.json");
    if (!json) return json.error();
    const Result<HfConfig> read = inference::readHfConfig(*json, "config.json");
    if (!read) return read.error();
    CheckpointContent content;
    content.config = read->model;
    plan.loaded = Checkpoint::fromContent(files.variant.toStdString(), std::move(content));
    return {};
}

}  // namespace

Result<PlannedModel> planModel(const ModelFiles& files, const QByteArray& config,
                               const QByteArray& quantConfig, const std::optional<quant::Recipe>& recipe) {
    PlannedModel plan;
    plan.sourceBytes = files.bytes();
    if (files.kind == ModelFiles::Kind::gguf) {
        if (Result<void> planned = planGguf(files, config, plan); !planned) return planned.error();
        return plan;
    }
    const std::string name = "config.json";
    const Result<nlohmann::json> json = parse(config, name);
    if (!json) return json.error();
    nlohmann::json second;
    if (!quantConfig.isEmpty()) {
        Result<nlohmann::json> parsed = parse(quantConfig, "quant_config.json");
        if (!parsed) return parsed.error();
        second = std::move(*parsed);
    }
    const Result<HfConfig> read = inference::readHfConfig(*json, name);
    if (!read) return read.error();
    const Result<QuantizationScheme> scheme = inference::readQuantization(
        *json, name, quantConfig.isEmpty() ? nullptr : &second, "quant_config.json");
    if (!scheme) return scheme.error();
    const bool sized = std::all_of(files.weights.begin(), files.weights.end(),
                                   [](const RepositoryFile& file) { return file.bytes > 0; });
    const uint64_t found = sized ? files.weightsBytes() : 0;
    if (!sized) plan.notes << QStringLiteral("The sizes of its files are not known.");

    Result<CheckpointContent> content = inference::assumeHfTensors(*read, *scheme, TensorType::f16, name);
    if (!content) return content.error();
    if (scheme->method == QuantizationMethod::none &&
        storedType(*json, content->config.parameters, found) == TensorType::f32) {
        content = inference::assumeHfTensors(*read, *scheme, TensorType::f32, name);
        if (!content) return content.error();
    }
    for (const std::string& warning : content->warnings) plan.notes << QString::fromStdString(warning);
    const uint64_t atOnce = sized ? bytesAtOnce(files, *content) : 0;
    const bool quantizes = recipe && scheme->method == QuantizationMethod::none;
    Result<void> planned = quantizes ? planQuantized(*read, *recipe, std::move(*content), found, name, plan)
                                     : planAsItIs(*read, *scheme, std::move(*content), found, name, plan);
    if (!planned) return planned.error();
    if (plan.quantizes) {
        if (atOnce < plan.sourceBytes) plan.sourceAtOnce = atOnce;
        // Tokenizer and configuration are in both folders.
        for (const RepositoryFile& file : files.companions) plan.outputBytes += file.bytes;
    }
    return plan;
}

}  // namespace edgechat::models
