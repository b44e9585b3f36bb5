// perplexity: how well a model predicts a text, and how far it lies from a reference.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"
#include "quant/perplexity.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

constexpr int kSmallestWindow = 4;

/// Windows where --context does not say: what the literature uses for the protocol.
int defaultWindow(quant::Protocol protocol, int trainedContext) {
    return std::min(protocol == quant::Protocol::half ? 512 : 2048, trainedContext);
}

quant::Scorer scorerOf(Engine& engine) {
    return [&engine](std::span<const int> tokens, const auto& visit) { return engine.score(tokens, visit); };
}

Result<void> checkSameVocabulary(const Engine& model, const Engine& reference,
                                 const std::string& referenceName) {
    if (model.config().vocab == reference.config().vocab) return {};
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot compare with the reference";
    error.file = referenceName;
    error.found = "a vocabulary of " + std::to_string(reference.config().vocab);
    error.expected = std::to_string(model.config().vocab) + ", as the model has";
    return error;
}

/// The logits of a whole window of the reference are kept.
Result<void> checkWindowMemory(const Engine& model, int window) {
    const uint64_t needed =
        static_cast<uint64_t>(window) * static_cast<uint64_t>(model.config().vocab) * sizeof(float);
    const uint64_t available = availableMemory();
    if (needed <= available) return {};
    Error error;
    error.code = ErrorCode::doesNotFit;
    error.what = "cannot keep the reference's logits of a window of " + std::to_string(window) + " tokens";
    error.field = "--context";
    error.found = bytesText(available) + " of memory available";
    error.expected = bytesText(needed) + ", or a smaller window";
    return error;
}

nlohmann::json toJson(const quant::PerplexityResult& result) {
    nlohmann::json json = {{"perplexity", result.perplexity},
                           {"standard_error", result.standardError},
                           {"mean_nll", result.meanNll},
                           {"tokens", result.tokens},
                           {"windows", result.windows}};
    if (result.reference) {
        json["mean_kld"] = result.reference->meanKld;
        json["max_kld"] = result.reference->maxKld;
        json["same_top"] = result.reference->sameTop;
        json["reference_perplexity"] = result.reference->perplexity;
    }
    return json;
}

std::string toText(const quant::PerplexityResult& result) {
    std::string text = "perplexity            " + numberText(result.perplexity, 4) + " +- " +
                       numberText(result.standardError, 4) + "\nmean nll              " +
                       numberText(result.meanNll, 6) + " nats over " + std::to_string(result.tokens) +
                       " tokens in " + std::to_string(result.windows) + " windows\n";
    if (result.reference) {
        text += "reference perplexity  " + numberText(result.reference->perplexity, 4) +
                "\nmean kl divergence    " + numberText(result.reference->meanKld, 6) + " nats, largest " +
                numberText(result.reference->maxKld, 6) + "\nsame top token        " +
                numberText(result.reference->sameTop * 100, 2) + " %\n";
    }
    return text;
}

Result<int> run(const Arguments& arguments, Output& output) {
    constexpr std::array<std::string_view, 2> kProtocols = {"full", "half"};
    const Result<size_t> protocolIndex = arguments.choice("--protocol", 0, kProtocols);
    if (!protocolIndex) return protocolIndex.error();
    if (!arguments.has("--text")) return usageError("the command perplexity", "--text", "nothing", "FILE");
    Result<EngineOptions> engineOptions = readEngineOptions(arguments);
    if (!engineOptions) return engineOptions.error();
    if (engineOptions->context != 0 && engineOptions->context < kSmallestWindow) {
        return usageError("the option", "--context", std::to_string(engineOptions->context),
                          "a window of " + std::to_string(kSmallestWindow) + " tokens or more");
    }
    const Result<std::string> text = readTextFile(arguments.text("--text"));
    if (!text) return text.error();

    quant::PerplexityOptions options;
    options.protocol = *protocolIndex == 0 ? quant::Protocol::full : quant::Protocol::half;
    options.window = engineOptions->context;
    const std::string& model = arguments.operands()[0];
    if (options.window == 0) {
        const Result<std::filesystem::path> path = modelPath(model);
        if (!path) return path.error();
        const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(*path);
        if (!checkpoint) return checkpoint.error();
        options.window = defaultWindow(options.protocol, (*checkpoint)->config().context);
        engineOptions->context = options.window;
    }

    Result<std::unique_ptr<Engine>> engine = loadEngine(model, *engineOptions, output);
    if (!engine) return engine.error();
    const Tokenizer& tokenizer = (*engine)->tokenizer();
    if (tokenizer.addsBos()) options.bos = tokenizer.bos();
    const std::vector<int> tokens = tokenizer.encode(*text, SpecialTokens::asText);

    std::unique_ptr<Engine> reference;
    quant::Scorer referenceScorer;
    if (arguments.has("--reference")) {
        EngineOptions referenceOptions = *engineOptions;
        referenceOptions.device = Device::reference;
        referenceOptions.kv = KvKind::fp16;
        const std::string name = arguments.text("--reference");
        Result<std::unique_ptr<Engine>> loaded = loadEngine(name, referenceOptions, output);
        if (!loaded) return loaded.error();
        reference = std::move(*loaded);
        if (Result<void> same = checkSameVocabulary(**engine, *reference, name); !same) return same.error();
        if (Result<void> fits = checkWindowMemory(**engine, options.window); !fits) return fits.error();
        referenceScorer = scorerOf(*reference);
    }

    const Result<quant::PerplexityResult> result = quant::measurePerplexity(
        tokens, options, scorerOf(**engine), referenceScorer, [&output](uint64_t done, uint64_t total) {
            output.progress("perplexity", done, total, "tokens");
            return !interrupted();
        });
    output.clearProgress();
    if (!result) return result.error();
    if (output.asJson()) {
        output.writeJson(toJson(*result));
    } else {
        output.write(toText(*result));
    }
    return kExitDone;
}

}  // namespace

Command perplexityCommand() {
    const std::vector<Option> options = {
        {"--text", "FILE", "the text to predict"},
        {"--protocol", "full|half",
         "score all tokens of each window, or as llama.cpp the second half (full)"},
        {"--reference", "MODEL2", "measure the divergence from this model on the fp32 reference"}};
    std::vector<Option> compute = computeOptions();
    for (Option& option : compute) {
        if (option.name == "--context")
            option.help = "tokens of a window (full: up to 2048, half: up to 512)";
    }
    return {"perplexity", "MODEL", "how well the model predicts a text", joined(options, compute), run};
}

}  // namespace edgechat::cli
