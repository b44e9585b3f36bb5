// score: the log probability of each token of a given sequence.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/npy_file.h"
#include "app/cli/text_input.h"
#include "inference/model/memory_plan.h"
#include "quant/perplexity.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

/// The sequence is run in one go, so a long one needs a larger context than the default.
void fitContext(EngineOptions& options, size_t tokens, const ModelConfig& config) {
    if (options.context == 0 && tokens > static_cast<size_t>(defaultContext(config)))
        options.context = static_cast<int>(tokens);
}

Error emptySequence(const std::string& file) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot score the tokens of";
    error.file = file;
    error.found = "none";
    error.expected = "at least one token id";
    return error;
}

Result<int> run(const Arguments& arguments, Output& output) {
    if (!arguments.has("--tokens")) return usageError("the command score", "--tokens", "nothing", "IDS.json");
    Result<EngineOptions> options = readEngineOptions(arguments);
    if (!options) return options.error();
    const std::string& model = arguments.operands()[0];
    const std::string file = arguments.text("--tokens");
    const Result<std::string> json = readTextFile(file);
    if (!json) return json.error();
    // Checked before the model is loaded: that may take a while.
    const Result<std::filesystem::path> path = modelPath(model);
    if (!path) return path.error();
    const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(*path);
    if (!checkpoint) return checkpoint.error();
    const int vocabulary = (*checkpoint)->config().vocab;
    const Result<std::vector<int>> ids = parseTokenIds(*json, file, vocabulary);
    if (!ids) return ids.error();
    if (ids->empty()) return emptySequence(file);
    fitContext(*options, ids->size(), (*checkpoint)->config());

    Result<std::unique_ptr<Engine>> engine = loadEngine(model, *options, output);
    if (!engine) return engine.error();
    std::unique_ptr<NpyFile> logitsFile;
    if (arguments.has("--logits")) {
        Result<std::unique_ptr<NpyFile>> created =
            NpyFile::create(arguments.text("--logits"), ids->size(), static_cast<uint64_t>(vocabulary));
        if (!created) return created.error();
        logitsFile = std::move(*created);
    }

    std::vector<double> logProbabilities;
    quant::RunningMean nll;
    Result<void> written;
    const Result<void> scored = (*engine)->score(*ids, [&](int position, std::span<const float> logits) {
        const size_t next = static_cast<size_t>(position) + 1;
        if (logitsFile) written = logitsFile->writeRow(logits);
        if (next < ids->size()) {
            const double value = quant::negativeLogLikelihood(logits, (*ids)[next]);
            nll.add(value);
            logProbabilities.push_back(-value);
        }
        output.progress("score", next, ids->size(), "tokens");
        return static_cast<bool>(written) && !interrupted();
    });
    output.clearProgress();
    if (!written) return written.error();
    if (!scored) return scored.error();
    if (logitsFile) {
        if (Result<void> finished = logitsFile->finish(); !finished) return finished.error();
    }

    nlohmann::json result = {{"tokens", ids->size()}, {"logprobs", logProbabilities}};
    result["mean_nll"] = nll.count() == 0 ? nlohmann::json() : nlohmann::json(nll.mean());
    if (output.asJson()) {
        output.writeJson(result);
        return kExitDone;
    }
    for (size_t t = 0; t < logProbabilities.size(); t++) {
        if (!output.write(std::to_string((*ids)[t + 1]) + ' ' + numberText(logProbabilities[t], 6) + '\n'))
            break;
    }
    output.write("mean_nll " + (nll.count() == 0 ? "none" : numberText(nll.mean(), 6)) + '\n');
    return kExitDone;
}

}  // namespace

Command scoreCommand() {
    const std::vector<Option> options = {
        {"--tokens", "IDS.json", "a JSON array of token ids"},
        {"--logits", "OUT.npy", "write all logits, float32 [tokens, vocab]"}};
    return {"score", "MODEL", "the log probability of each given token", joined(options, computeOptions()),
            run};
}

}  // namespace edgechat::cli
