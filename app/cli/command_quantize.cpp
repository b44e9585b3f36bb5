// quantize: a checkpoint in fp16, bf16 or fp32 becomes a folder in 4 bits (or 8) on this machine.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/cli/calibration_text.h"
#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/quantization_text.h"
#include "app/cli/text_input.h"
#include "quant/quantize.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

/// Whatever else runs on the machine comes first.
void lowerPriority() {
    errno = 0;
    (void)::nice(10);
    constexpr int kIoprioWhoProcess = 1, kBestEffort = 2 << 13, kLowest = 7;
    (void)::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kBestEffort | kLowest);
}

std::string ingredientNames() {
    std::string names;
    for (const quant::IngredientName& known : quant::kIngredientNames)
        names += std::string(names.empty() ? "" : ", ") + known.name;
    return names;
}

Result<quant::Ingredients> readIngredients(const Arguments& arguments) {
    quant::Ingredients parts;
    std::string list = arguments.text("--without");
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string name = list.substr(0, comma);
        list = comma == std::string::npos ? "" : list.substr(comma + 1);
        const auto part =
            std::find_if(quant::kIngredientNames.begin(), quant::kIngredientNames.end(),
                         [&name](const quant::IngredientName& known) { return known.name == name; });
        if (part == quant::kIngredientNames.end()) {
            return usageError("the option", "--without", '"' + name + '"',
                              ingredientNames() + ", with commas between");
        }
        parts.*part->part = false;
    }
    return parts;
}

Result<quant::QuantizeRequest> readRequest(const Arguments& arguments, const EngineOptions& engine) {
    quant::QuantizeRequest request;
    if (!arguments.has("--output") || arguments.text("--output").empty())
        return usageError("the command quantize", "--output", "nothing", "DIR");
    std::string output = arguments.text("--output");
    while (output.size() > 1 && output.back() == '/') output.pop_back();
    request.output = output;
    constexpr std::array<std::string_view, 3> kMethods = {"awq", "rtn", "smoothquant"};
    const Result<size_t> method = arguments.choice("--method", 0, kMethods);
    if (!method) return method.error();
    request.recipe.method =
        std::array{quant::Method::awq, quant::Method::rtn, quant::Method::smoothquant}[*method];
    constexpr std::array<std::string_view, 4> kGroups = {"auto", "32", "64", "128"};
    const Result<size_t> group = arguments.choice("--group-size", 0, kGroups);
    if (!group) return group.error();
    request.recipe.groupSize = std::array{0, 32, 64, 128}[*group];
    const Result<int64_t> samples = arguments.integer("--samples", 0, 2, 65536);
    if (!samples) return samples.error();
    request.recipe.samples = static_cast<int>(*samples);
    const Result<int64_t> seed = arguments.integer("--seed", 0, 0, INT64_MAX);
    if (!seed) return seed.error();
    request.recipe.seed = static_cast<uint64_t>(*seed);
    if (engine.context != 0) request.recipe.window = engine.context;
    const Result<quant::Ingredients> parts = readIngredients(arguments);
    if (!parts) return parts.error();
    request.recipe.ingredients = *parts;
    if (arguments.has("--resume") && arguments.has("--restart"))
        return usageError("the command quantize", "--restart", "--resume as well", "one of the two");
    if (arguments.has("--resume")) request.start = quant::Start::resume;
    if (arguments.has("--restart")) request.start = quant::Start::restart;
    if (arguments.has("--shards-on-demand") && arguments.has("--evaluate")) {
        return usageError("the command quantize", "--evaluate", "--shards-on-demand as well",
                          "one of the two: the evaluation reads the whole source");
    }
    const Result<int64_t> limit =
        arguments.integer("--memory-limit", static_cast<int64_t>(quant::kDefaultMemoryLimit), 1, INT64_MAX);
    if (!limit) return limit.error();
    request.memoryLimit = static_cast<uint64_t>(*limit);
    request.threads = engine.threads > 0 ? engine.threads : defaultThreads();
    return request;
}

Result<void> readTexts(const Arguments& arguments, quant::QuantizeRequest& request) {
    if (arguments.has("--calibration")) {
        Result<std::string> text = readTextFile(arguments.text("--calibration"));
        if (!text) return text.error();
        request.calibration = std::move(*text);
        request.calibrationName = arguments.text("--calibration");
    } else {
        request.calibration = builtInCalibrationText();
        request.calibrationName = "EdgeChat's own text";
    }
    if (!arguments.has("--evaluate")) return {};
    Result<std::string> text = readTextFile(arguments.text("--evaluate"));
    if (!text) return text.error();
    request.evaluation = std::move(*text);
    request.evaluationName = arguments.text("--evaluate");
    return {};
}

uint64_t peakResidentBytes() {
    struct rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

std::string toText(const quant::QuantizationReport& report, const std::string& output) {
    constexpr size_t kWidth = 15;  // columns
    return padded("written to", kWidth) + output + '\n' + padded("size", kWidth) +
           bytesText(report.outputBytes) + " from " + bytesText(report.sourceBytes) + '\n' +
           padded("time", kWidth) + numberText(report.seconds, 1) + " s\n" + qualityText(report, kWidth);
}

Result<int> run(const Arguments& arguments, Output& output) {
    Result<EngineOptions> engine = readEngineOptions(arguments);
    if (!engine) return engine.error();
    Result<quant::QuantizeRequest> request = readRequest(arguments, *engine);
    if (!request) return request.error();
    if (Result<void> texts = readTexts(arguments, *request); !texts) return texts.error();
    const Result<std::filesystem::path> path = modelPath(arguments.operands()[0]);
    if (!path) return path.error();
    Result<std::unique_ptr<Checkpoint>> source =
        Checkpoint::open(*path, arguments.has("--shards-on-demand") ? Shards::onDemand : Shards::all);
    if (!source) return source.error();
    Result<std::unique_ptr<Tokenizer>> tokenizer = makeTokenizer(**source);
    if (!tokenizer) return tokenizer.error();
    lowerPriority();

    quant::QuantizeCallbacks callbacks;
    callbacks.onProgress = [&output](int done, int total, const std::string& detail) {
        output.progress("quantize", static_cast<uint64_t>(done), static_cast<uint64_t>(total), "layers",
                        detail);
        return !interrupted();
    };
    callbacks.onMessage = [&output](const std::string& text) {
        output.clearProgress();
        output.message(text);
    };
    const Result<quant::QuantizationReport> report =
        quant::quantize(**source, **tokenizer, *request, callbacks);
    output.clearProgress();
    if (!report) return report.error();
    if (!output.asJson()) {
        output.write(toText(*report, request->output.string()));
        return kExitDone;
    }
    nlohmann::json json = toJson(*report);
    json["output"] = request->output.string();
    json["peak_rss_bytes"] = peakResidentBytes();
    output.writeJson(json);
    return kExitDone;
}

}  // namespace

Command quantizeCommand() {
    const std::vector<Option> options = {
        {"--output", "DIR", "the folder to make"},
        {"--method", "awq|rtn|smoothquant",
         "4 bits with care, 4 bits plainly, 8 bits for weights and activations (awq)"},
        {"--group-size", "32|64|128|auto",
         "inputs that share a scale (auto: the largest that suits the model)"},
        {"--calibration", "FILE", "a text of the kind that the model will meet (EdgeChat's own)"},
        {"--samples", "N", "windows of the text to read (128; 64 from 0.4, 32 from 2 billion weights)"},
        {"--seed", "S", "moves the windows (0)"},
        {"--evaluate", "FILE", "measure perplexity and KL divergence from the source on this text"},
        {"--resume", "", "go on with an unfinished quantization"},
        {"--restart", "", "throw an unfinished quantization away"},
        {"--shards-on-demand", "",
         "shards of the source may be away as long as their first bytes are in FILE.header; ends with exit "
         "code "
         "3 and the field \"shard\" when it needs one, --resume goes on"},
        {"--memory-limit", "BYTES", "resident memory to stay within (2500000000)"},
        {"--without", "LIST", "leave parts of awq out: " + ingredientNames()}};
    std::vector<Option> compute = computeOptions();
    for (Option& option : compute) {
        if (option.name == "--context") option.help = "tokens of a calibration window (512)";
    }
    return {"quantize", "SOURCE", "make a 4-bit (or 8-bit) checkpoint from an fp16, bf16 or fp32 one",
            joined(options, compute), run};
}

}  // namespace edgechat::cli
