#include "app/cli/model_argument.h"

#include <array>
#include <limits>

#include "app/cli/interrupt.h"
#include "app/cli/store_name.h"
#include "app/nvidia_gpu.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

// What the engine takes.
constexpr int64_t kMostThreads = 256;
constexpr int64_t kMostTokens = int64_t{1} << 20;

}  // namespace

std::vector<Option> computeOptions() {
    return {{"--device", "auto|cpu|cuda|reference",
             "what computes (auto: the GPU where the model fits it, else the CPU); reference is the slow "
             "fp32 oracle"},
            {"--threads", "N", "threads (the machine's cores)"},
            {"--context", "N", "tokens that prompt and answer may take together (up to 4096)"},
            {"--kv", "fp16|int8", "how the key/value cache is stored (fp16)"}};
}

std::vector<Option> samplingOptions() {
    return {{"--system", "TEXT", "the system message"},
            {"--raw", "", "send the text as it is, without the chat template"},
            {"--max-tokens", "N", "length of an answer (0: until it ends)"},
            {"--temperature", "T", "0: greedy, exact from run to run (0.7)"},
            {"--top-k", "K", "choose among the K best tokens (40; 0: off)"},
            {"--top-p", "P", "choose among the best tokens that have P of the probability (0.95; 1: off)"},
            {"--min-p", "P", "leave out tokens below P times the best one's probability (0.05; 0: off)"},
            {"--repeat-penalty", "R", "make recent tokens less likely (1.1; 1: off)"},
            {"--seed", "S", "makes the choice repeatable (0: a new one for each answer)"}};
}

std::vector<Option> joined(std::vector<Option> first, const std::vector<Option>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Result<EngineOptions> readEngineOptions(const Arguments& arguments) {
    constexpr std::array<std::string_view, 4> kDevices = {"auto", "cpu", "cuda", "reference"};
    constexpr std::array<Device, 4> kDeviceValues = {Device::automatic, Device::cpu, Device::cuda,
                                                     Device::reference};
    constexpr std::array<std::string_view, 2> kKvKinds = {"fp16", "int8"};

    const Result<size_t> device = arguments.choice("--device", 0, kDevices);
    if (!device) return device.error();
    const Result<int64_t> threads = arguments.integer("--threads", 0, 1, kMostThreads);
    if (!threads) return threads.error();
    const Result<int64_t> context = arguments.integer("--context", 0, 1, kMostTokens);
    if (!context) return context.error();
    const Result<size_t> kv = arguments.choice("--kv", 0, kKvKinds);
    if (!kv) return kv.error();

    EngineOptions options;
    options.device = kDeviceValues[*device];
    options.threads = static_cast<int>(*threads);
    options.context = static_cast<int>(*context);
    options.kv = *kv == 0 ? KvKind::fp16 : KvKind::int8;
    if (options.device == Device::cuda) {
        if (const Result<void> usable = requireCuda(cuda::probeCuda()); !usable) return usable.error();
    }
    return options;
}

Result<void> requireCuda(const cuda::CudaProbe& probe) {
    if (probe.state == cuda::CudaState::ready) return {};
    std::string reason = app::clause(probe.detail);
    if (!probe.fix.empty()) reason += "; " + app::clause(probe.fix);
    return usageError("the option", "--device", "\"cuda\" (" + reason + ')', "auto, cpu or reference");
}

Result<SamplingOptions> readSamplingOptions(const Arguments& arguments) {
    constexpr double kLargest = 1e6;
    SamplingOptions options;
    const Result<double> temperature = arguments.real("--temperature", options.temperature, 0, kLargest);
    if (!temperature) return temperature.error();
    const Result<int64_t> topK =
        arguments.integer("--top-k", options.topK, 0, std::numeric_limits<int>::max());
    if (!topK) return topK.error();
    const Result<double> topP = arguments.real("--top-p", options.topP, 0, 1);
    if (!topP) return topP.error();
    const Result<double> minP = arguments.real("--min-p", options.minP, 0, 1);
    if (!minP) return minP.error();
    // The penalty divides: a tiny one would make an infinite logit.
    // Greedy means the model's own best token unless a penalty is asked for.
    const double usual = *temperature == 0 ? 1.0 : options.repeatPenalty;
    const Result<double> penalty = arguments.real("--repeat-penalty", usual, 0.01, 100);
    if (!penalty) return penalty.error();
    const Result<int64_t> seed = arguments.integer("--seed", 0, 0, std::numeric_limits<int64_t>::max());
    if (!seed) return seed.error();
    options.temperature = static_cast<float>(*temperature);
    options.topK = static_cast<int>(*topK);
    options.topP = static_cast<float>(*topP);
    options.minP = static_cast<float>(*minP);
    options.repeatPenalty = static_cast<float>(*penalty);
    options.seed = static_cast<uint64_t>(*seed);
    return options;
}

Result<std::filesystem::path> modelPath(const std::string& model) {
    const std::filesystem::path path(model);
    std::error_code ignored;
    // A word that looks like a path is one, so that a model of the store never hides a file.
    const bool looksLikePath = model.find('/') != std::string::npos || path.extension() == ".gguf";
    if (!looksLikePath || !std::filesystem::exists(path, ignored)) {
        Result<std::filesystem::path> stored = storedModel(model);
        if (stored) return stored;
        if (!std::filesystem::exists(path, ignored)) {
            return looksLikePath ? Result<std::filesystem::path>(path) : stored;
        }
    }
    return path;
}

Result<std::unique_ptr<Engine>> loadEngine(const std::string& model, const EngineOptions& options,
                                           Output& output) {
    const Result<std::filesystem::path> path = modelPath(model);
    if (!path) return path.error();
    Result<std::unique_ptr<Engine>> engine =
        Engine::load(*path, options, [&output](uint64_t done, uint64_t total) {
            output.progress("load", done, total, "bytes");
            return !interrupted();
        });
    output.clearProgress();
    if (engine && options.context > (*engine)->config().context) {
        output.message("warning: --context " + std::to_string(options.context) + " is more than the " +
                       std::to_string((*engine)->config().context) +
                       " tokens that the model was trained for");
    }
    return engine;
}

Result<Vocabulary> openVocabulary(const std::string& model, Need need) {
    const Result<std::filesystem::path> path = modelPath(model);
    if (!path) return path.error();
    Result<std::unique_ptr<Checkpoint>> checkpoint =
        need == Need::wholeModel ? Checkpoint::open(*path) : Checkpoint::openVocabulary(*path);
    if (!checkpoint) return checkpoint.error();
    Result<std::unique_ptr<Tokenizer>> tokenizer = makeTokenizer(**checkpoint);
    if (!tokenizer) return tokenizer.error();
    return Vocabulary{std::move(*checkpoint), std::move(*tokenizer)};
}

std::vector<int> encodePlain(const Tokenizer& tokenizer, const std::string& text) {
    std::vector<int> ids = tokenizer.encode(text, SpecialTokens::asText);
    if (tokenizer.addsBos() && tokenizer.bos() >= 0) ids.insert(ids.begin(), tokenizer.bos());
    return ids;
}

Error interruptedError(std::string what) {
    Error error;
    error.code = ErrorCode::interrupted;
    error.what = std::move(what);
    return error;
}

}  // namespace edgechat::cli
