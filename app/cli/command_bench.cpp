// bench: speed of prefill and decode, beside what the memory of the machine could give.
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/read_bandwidth.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

constexpr uint32_t kPromptSeed = 20240501;  // any fixed number: every run reads the same random text

struct BenchOptions {
    int promptTokens = 512;
    int generateTokens = 128;
    int depth = 0;  ///< tokens that the cache holds before each test
    int repetitions = 5;
};

/// Tokens per second over the repetitions.
struct Speed {
    int tokens = 0;
    double mean = 0;
    double deviation = 0;  ///< of the sample; 0 for one repetition
};

Result<BenchOptions> readBenchOptions(const Arguments& arguments) {
    constexpr int64_t kMostTokens = 1 << 24;
    BenchOptions options;
    const Result<int64_t> prompt = arguments.integer("--prompt-tokens", options.promptTokens, 0, kMostTokens);
    if (!prompt) return prompt.error();
    const Result<int64_t> generate =
        arguments.integer("--generate-tokens", options.generateTokens, 0, kMostTokens);
    if (!generate) return generate.error();
    const Result<int64_t> depth = arguments.integer("--depth", options.depth, 0, kMostTokens);
    if (!depth) return depth.error();
    const Result<int64_t> repetitions = arguments.integer("--repetitions", options.repetitions, 1, 10000);
    if (!repetitions) return repetitions.error();
    options.promptTokens = static_cast<int>(*prompt);
    options.generateTokens = static_cast<int>(*generate);
    options.depth = static_cast<int>(*depth);
    options.repetitions = static_cast<int>(*repetitions);
    return options;
}

/// Positions that the longest test needs. Decode starts with a prompt of at least one token and makes one
/// token before the clock starts.
int neededContext(const BenchOptions& options) {
    return options.depth + std::max(options.promptTokens, options.generateTokens + 1) + 2;
}

std::vector<int> randomTokens(const Tokenizer& tokenizer, int count) {
    std::mt19937 random(kPromptSeed);
    std::vector<int> ids;
    const uint32_t vocabulary = static_cast<uint32_t>(tokenizer.vocabulary());
    for (int tries = 0; static_cast<int>(ids.size()) < count; tries++) {
        const int id = static_cast<int>(random() % vocabulary);
        // A vocabulary of control tokens alone must not hang the draw.
        if (!tokenizer.isControl(id) || tries > 100 * count) ids.push_back(id);
    }
    return ids;
}

Speed speedOf(int tokens, const std::vector<double>& rates) {
    Speed speed;
    speed.tokens = tokens;
    const double count = static_cast<double>(rates.size());
    for (const double rate : rates) speed.mean += rate / count;
    for (const double rate : rates) speed.deviation += (rate - speed.mean) * (rate - speed.mean);
    speed.deviation = rates.size() < 2 ? 0 : std::sqrt(speed.deviation / (count - 1));
    return speed;
}

/// One engine under test; the cache holds the first `depth` tokens of the text before each repetition.
class Bench {
  public:
    Bench(Engine& engine, const BenchOptions& options, Output& output)
        : m_engine(engine),
          m_options(options),
          m_output(output),
          m_text(randomTokens(engine.tokenizer(), options.depth + std::max(options.promptTokens, 1))) {
        const int tests = (options.promptTokens > 0 ? 1 : 0) + (options.generateTokens > 0 ? 1 : 0);
        m_runs = tests * (options.repetitions + 1) + (options.depth > 0 ? 1 : 0);
    }

    Result<void> fillDepth() {
        if (m_options.depth == 0) return {};
        const Result<GenerateStatistics> filled = generate(m_options.depth, 1);
        if (!filled) return filled.error();
        return {};
    }

    Result<Speed> prefill() {
        return repeat(m_options.promptTokens, [this]() -> Result<double> {
            const Result<GenerateStatistics> run = generate(m_options.depth + m_options.promptTokens, 1);
            if (!run) return run.error();
            return run->prefillTokensPerSecond();
        });
    }

    Result<Speed> decode() {
        return repeat(m_options.generateTokens, [this]() -> Result<double> {
            // The first token comes out of the prompt, so one more gives generateTokens steps of decode.
            const Result<GenerateStatistics> run =
                generate(std::max(m_options.depth, 1), m_options.generateTokens + 1);
            if (!run) return run.error();
            return run->decodeTokensPerSecond();
        });
    }

  private:
    Result<GenerateStatistics> generate(int promptTokens, int newTokens) {
        GenerateRequest request;
        request.prompt.assign(m_text.begin(), m_text.begin() + promptTokens);
        request.maxTokens = newTokens;
        request.sampling.temperature = 0;
        request.sampling.repeatPenalty = 1;
        request.stopAtEnd = false;
        GenerateCallbacks callbacks;
        callbacks.stop = &interrupted();
        Result<GenerateResult> result = m_engine.generate(request, callbacks);
        m_output.progress("bench", ++m_done, m_runs, "runs");
        if (!result) return result.error();
        if (result->stopReason == StopReason::interrupted)
            return interruptedError("the benchmark was stopped");
        return result->statistics;
    }

    template <class Test>
    Result<Speed> repeat(int tokens, const Test& test) {
        if (tokens == 0) return Speed{};
        std::vector<double> rates;
        for (int repetition = 0; repetition <= m_options.repetitions; repetition++) {
            m_engine.truncateCache(m_options.depth);
            const Result<double> rate = test();
            if (!rate) return rate.error();
            if (repetition > 0) rates.push_back(*rate);  // the first is the warm-up
        }
        return speedOf(tokens, rates);
    }

    Engine& m_engine;
    const BenchOptions& m_options;
    Output& m_output;
    std::vector<int> m_text;
    uint64_t m_done = 0, m_runs = 0;
};

uint64_t peakResidentBytes() {
    struct rusage usage = {};
    if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

std::string toText(const nlohmann::json& r) {
    const auto line = [](std::string_view name, const std::string& value) {
        return padded(name, 16) + value + '\n';
    };
    const auto speed = [](const nlohmann::json& test) {
        return padded(numberText(test["tokens_per_second"].get<double>(), 1), 9, true) + " tokens/s +- " +
               numberText(test["stddev"].get<double>(), 1) + "  (" +
               std::to_string(test["tokens"].get<int>()) + " tokens)";
    };
    return line("device", r["device"].get<std::string>() + ", " + std::to_string(r["threads"].get<int>()) +
                              " threads") +
           line("load", numberText(r["load_seconds"].get<double>(), 2) + " s") +
           line("weights", bytesText(r["weights_bytes"].get<uint64_t>()) + ", " +
                               bytesText(r["bytes_per_token"].get<uint64_t>()) + " read for a token") +
           line("peak memory", bytesText(r["peak_rss_bytes"].get<uint64_t>())) +
           line("prefill", speed(r["prefill"])) +
           line("decode", speed(r["decode"]) + ", " +
                              numberText(r["decode"]["gb_per_second"].get<double>(), 1) +
                              " GB/s of weights") +
           line("memory reads", numberText(r["peak_read_gb_per_second"].get<double>(), 1) + " GB/s at best");
}

Result<int> run(const Arguments& arguments, Output& output) {
    const Result<BenchOptions> options = readBenchOptions(arguments);
    if (!options) return options.error();
    Result<EngineOptions> engineOptions = readEngineOptions(arguments);
    if (!engineOptions) return engineOptions.error();
    const int needed = neededContext(*options);
    if (engineOptions->context == 0) engineOptions->context = needed;
    if (engineOptions->context < needed) {
        return usageError("the option", "--context", std::to_string(engineOptions->context),
                          "at least " + std::to_string(needed) + " tokens for this benchmark");
    }
    Result<std::unique_ptr<Engine>> loaded = loadEngine(arguments.operands()[0], *engineOptions, output);
    if (!loaded) return loaded.error();
    Engine& engine = **loaded;

    Bench bench(engine, *options, output);
    if (Result<void> filled = bench.fillDepth(); !filled) return filled.error();
    const Result<Speed> prefill = bench.prefill();
    if (!prefill) return prefill.error();
    const Result<Speed> decode = bench.decode();
    if (!decode) return decode.error();
    output.clearProgress();
    const uint64_t peakBytes = peakResidentBytes();  // before the buffer of the bandwidth test
    const double readSpeed = measureReadBandwidth(engine.threads());

    const double weightSpeed = decode->mean * static_cast<double>(engine.bytesPerToken()) / 1e9;
    const nlohmann::json result = {
        {"device", deviceName(engine.device())},
        {"threads", engine.threads()},
        {"load_seconds", engine.loadSeconds()},
        {"weights_bytes", engine.weightBytes()},
        {"bytes_per_token", engine.bytesPerToken()},
        {"peak_rss_bytes", peakBytes},
        {"prefill",
         {{"tokens", prefill->tokens}, {"tokens_per_second", prefill->mean}, {"stddev", prefill->deviation}}},
        {"decode",
         {{"tokens", decode->tokens},
          {"tokens_per_second", decode->mean},
          {"stddev", decode->deviation},
          {"gb_per_second", weightSpeed}}},
        {"peak_read_gb_per_second", readSpeed}};
    if (output.asJson()) {
        output.writeJson(result);
    } else {
        output.write(toText(result));
    }
    return kExitDone;
}

}  // namespace

Command benchCommand() {
    const std::vector<Option> options = {
        {"--prompt-tokens", "P", "length of the prompt (512; 0: no prefill test)"},
        {"--generate-tokens", "G", "tokens to decode (128; 0: no decode test)"},
        {"--depth", "D", "tokens in the cache before each test (0)"},
        {"--repetitions", "R", "after one warm-up (5)"}};
    return {"bench", "MODEL", "speed of prefill and decode", joined(options, computeOptions()), run};
}

}  // namespace edgechat::cli
