#include "inference/engine.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "inference/cpu/cpu_backend.h"
#include "inference/cuda/cuda.h"
#include "inference/device_plan.h"
#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "inference/text/stop_matcher.h"
#include "inference/text/utf8_assembler.h"

namespace edgechat::inference {
namespace {

constexpr int kLongestContext = 1 << 20;
constexpr int kMostThreads = 256;
constexpr int kScoredAtOnce = 32;  // tokens whose logits are in memory together

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string mebibytes(uint64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

/// Refuses a plan that is larger than what the device can give, and says what would fit.
Result<void> checkFit(const Checkpoint& checkpoint, Device device, const DevicePlan& devicePlan,
                      const MemoryPlan& plan, KvKind kv) {
    const uint64_t available = device == Device::cuda ? cuda::availableCudaMemory() : availableMemory();
    if (available == 0 || plan.total() <= available) return {};
    const int context = devicePlan.fittingContext(plan.context, kv, available);
    const std::string advice = context > 0 ? "a context of at most " + std::to_string(context) + " tokens"
                                           : "a smaller model, or other programs closed";
    return Error{ErrorCode::doesNotFit,
                 device == Device::cuda ? "the model does not fit in the GPU's memory:"
                                        : "the model does not fit in memory:",
                 checkpoint.path().string(),
                 std::to_string(plan.context) + " tokens of context",
                 mebibytes(plan.total()) + " needed and " + mebibytes(available) + " available",
                 advice};
}

Result<void> checkOptions(const EngineOptions& options) {
    const auto outside = [](const char* option, int found, int most) {
        return Error{ErrorCode::usage, "cannot load a model with", "",
                     option,           std::to_string(found),      "0 to " + std::to_string(most)};
    };
    if (options.threads < 0 || options.threads > kMostThreads)
        return outside("threads", options.threads, kMostThreads);
    if (options.context < 0 || options.context > kLongestContext) {
        return outside("context", options.context, kLongestContext);
    }
    if (options.device == Device::cuda && cuda::probeCuda().state != cuda::CudaState::ready) {
        return Error{ErrorCode::usage, "cannot load a model on",          "", "device",
                     "cuda",           "cpu: " + cuda::probeCuda().detail};
    }
    return {};
}

}  // namespace

int defaultThreads() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return std::clamp(count >= 6 ? count - 1 : count, 1, kMostThreads);
}

const char* deviceName(Device device) {
    switch (device) {
        case Device::automatic:
            return "auto";
        case Device::cpu:
            return "cpu";
        case Device::cuda:
            return "cuda";
        case Device::reference:
            return "reference";
    }
    return "auto";
}

const char* stopReasonName(StopReason reason) {
    switch (reason) {
        case StopReason::end:
            return "end";
        case StopReason::length:
            return "length";
        case StopReason::stopText:
            return "stop_text";
        case StopReason::interrupted:
            return "interrupted";
        case StopReason::contextFull:
            return "context_full";
    }
    return "end";
}

double GenerateStatistics::prefillTokensPerSecond() const {
    return prefillSeconds > 0 ? (promptTokens - cachedTokens) / prefillSeconds : 0;
}

double GenerateStatistics::decodeTokensPerSecond() const {
    return generatedTokens > 1 && decodeSeconds > 0 ? (generatedTokens - 1) / decodeSeconds : 0;
}

struct Engine::State {
    ModelConfig config;
    std::unique_ptr<Tokenizer> tokenizer;
    std::optional<ChatTemplate> chatTemplate;
    MemoryPlan plan;
    Device device = Device::cpu;
    int context = 0;
    double loadSeconds = 0;
    std::unique_ptr<Backend> backend;
    std::vector<int> cached;  // the tokens whose keys and values the cache holds, from position 0
    std::vector<float> logits;

    /// Fails where the device did: then the cache holds nothing.
    /// @param choose  the backend chooses the next token: no logits
    Result<void> compute(std::span<const int> tokens, int logitCount, bool choose = false) {
        const size_t needed = static_cast<size_t>(logitCount) * static_cast<size_t>(config.vocab);
        if (logits.size() < needed) logits.resize(needed);
        forward(*backend, config, tokens, static_cast<int>(cached.size()), logitCount,
                choose ? nullptr : logits.data());
        Result<void> status = backend->status();
        if (!status) {
            cached.clear();
        } else {
            cached.insert(cached.end(), tokens.begin(), tokens.end());
        }
        return status;
    }

    /// Forgets the cached tokens after the first `tokens`; all of them where the cache cannot go on from
    /// there.
    void keep(int tokens) { cached.resize(static_cast<size_t>(backend->reusable(tokens))); }

    std::span<float> logitsOf(int row) {
        return {logits.data() + static_cast<size_t>(row) * static_cast<size_t>(config.vocab),
                static_cast<size_t>(config.vocab)};
    }

    Result<void> checkTokens(std::span<const int> tokens) const {
        if (tokens.empty())
            return Error{ErrorCode::badInput, "cannot compute a prompt", "", "", "no tokens", "at least one"};
        for (size_t i = 0; i < tokens.size(); ++i) {
            if (tokens[i] < 0 || tokens[i] >= config.vocab) {
                return Error{ErrorCode::badInput,
                             "cannot compute a prompt",
                             "",
                             "token " + std::to_string(i),
                             std::to_string(tokens[i]),
                             "0 to " + std::to_string(config.vocab - 1)};
            }
        }
        return {};
    }

    /// The device that runs and its plan. Where nobody chose, a GPU that the model does not fit on is left
    /// alone.
    Result<void> chooseDevice(const Checkpoint& file, const EngineOptions& options) {
        const auto choose = [&](Device chosen) -> Result<void> {
            device = chosen;
            const DevicePlan devicePlan(file, chosen);
            plan = devicePlan.at(context, options.kv);
            return options.checkMemory ? checkFit(file, chosen, devicePlan, plan, options.kv)
                                       : Result<void>();
        };
        if (options.device != Device::automatic) return choose(options.device);
        if (cuda::probeCuda().state == cuda::CudaState::ready && choose(Device::cuda)) return {};
        return choose(Device::cpu);
    }

    bool endsAnswer(int token) const {
        const std::vector<int>& stops = chatTemplate->stopTokens();
        return token == tokenizer->eos() || std::find(stops.begin(), stops.end(), token) != stops.end();
    }

    /// Computes what the cache does not hold of the prompt; false when stopped in between.
    Result<bool> prefill(const std::vector<int>& prompt, bool choose, GenerateStatistics& statistics,
                         const GenerateCallbacks& callbacks) {
        const auto differs = std::mismatch(cached.begin(), cached.end(), prompt.begin(), prompt.end() - 1);
        keep(static_cast<int>(differs.first - cached.begin()));
        statistics.promptTokens = static_cast<int>(prompt.size());
        statistics.cachedTokens = static_cast<int>(cached.size());
        const auto report = [&] {
            if (callbacks.onPrefill)
                callbacks.onPrefill(static_cast<int>(cached.size()), statistics.promptTokens);
        };
        report();
        while (cached.size() < prompt.size()) {
            if (callbacks.stop != nullptr && callbacks.stop->load(std::memory_order_relaxed)) return false;
            const size_t count =
                std::min(prompt.size() - cached.size(), static_cast<size_t>(backend->maxBatch()));
            const bool last = cached.size() + count == prompt.size();
            Result<void> done = compute(std::span<const int>(prompt).subspan(cached.size(), count),
                                        last ? 1 : 0, last && choose);
            if (!done) return done.error();
            report();
        }
        return true;
    }
};

Engine::Engine() : m_state(std::make_unique<State>()) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const std::filesystem::path& model, const EngineOptions& options,
                                             const LoadProgress& progress) {
    const Clock::time_point start = Clock::now();
    if (Result<void> valid = checkOptions(options); !valid) return valid.error();
    Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(model);
    if (!checkpoint) return checkpoint.error();
    Result<std::unique_ptr<Engine>> engine = load(std::move(*checkpoint), options, progress);
    if (engine) (*engine)->m_state->loadSeconds = secondsSince(start);
    return engine;
}

Result<std::unique_ptr<Engine>> Engine::load(std::unique_ptr<Checkpoint> checkpoint,
                                             const EngineOptions& options, const LoadProgress& progress) {
    const Clock::time_point start = Clock::now();
    if (Result<void> valid = checkOptions(options); !valid) return valid.error();
    const Checkpoint& file = *checkpoint;

    std::unique_ptr<Engine> engine(new Engine);
    State& state = *engine->m_state;
    state.config = file.config();
    state.context = options.context > 0 ? options.context : defaultContext(state.config);
    if (Result<void> chosen = state.chooseDevice(file, options); !chosen) return chosen.error();
    Result<std::unique_ptr<Tokenizer>> tokenizer = makeTokenizer(file);
    if (!tokenizer) return tokenizer.error();
    state.tokenizer = std::move(*tokenizer);
    Result<ChatTemplate> chatTemplate = ChatTemplate::choose(file.chatTemplate(), *state.tokenizer);
    if (!chatTemplate) return chatTemplate.error();
    state.chatTemplate = std::move(*chatTemplate);

    const int threads = options.threads > 0 ? options.threads : defaultThreads();
    if (state.device == Device::reference) {
        auto backend =
            reference::ReferenceBackend::load(std::move(checkpoint), threads, state.context, progress);
        if (!backend) return backend.error();
        state.backend = std::move(*backend);
    } else if (state.device == Device::cuda) {
        auto backend = cuda::loadCudaBackend(file, {state.context, options.kv, threads}, progress);
        if (!backend) return backend.error();
        state.backend = std::move(*backend);
    } else {
        auto backend = cpu::CpuBackend::load(file, {threads, state.context, options.kv, nullptr}, progress);
        if (!backend) return backend.error();
        state.backend = std::move(*backend);
    }
    state.loadSeconds = secondsSince(start);
    return engine;
}

const ModelConfig& Engine::config() const {
    return m_state->config;
}
const Tokenizer& Engine::tokenizer() const {
    return *m_state->tokenizer;
}
const ChatTemplate& Engine::chatTemplate() const {
    return *m_state->chatTemplate;
}
const MemoryPlan& Engine::memory() const {
    return m_state->plan;
}
Device Engine::device() const {
    return m_state->device;
}
int Engine::threads() const {
    return m_state->backend->threads();
}
int Engine::context() const {
    return m_state->context;
}
uint64_t Engine::weightBytes() const {
    return m_state->backend->weightBytes();
}
uint64_t Engine::bytesPerToken() const {
    return m_state->backend->bytesPerToken();
}
double Engine::loadSeconds() const {
    return m_state->loadSeconds;
}
int Engine::cachedTokens() const {
    return static_cast<int>(m_state->cached.size());
}

void Engine::truncateCache(int tokens) {
    if (static_cast<size_t>(std::max(tokens, 0)) < m_state->cached.size()) {
        m_state->keep(std::max(tokens, 0));
    }
}

Result<GenerateResult> Engine::generate(const GenerateRequest& request, const GenerateCallbacks& callbacks) {
    State& state = *m_state;
    if (Result<void> valid = state.checkTokens(request.prompt); !valid) return valid.error();
    if (request.prompt.size() >= static_cast<size_t>(state.context)) {
        return Error{ErrorCode::badInput,
                     "the prompt does not fit in the context:",
                     "",
                     "",
                     std::to_string(request.prompt.size()) + " tokens",
                     "fewer than " + std::to_string(state.context)};
    }
    GenerateResult result;
    GenerateStatistics& statistics = result.statistics;
    Sampler sampler(request.sampling);
    const bool choose = state.backend->beginSampling(sampler.options());
    const Clock::time_point start = Clock::now();
    const Result<bool> computed = state.prefill(request.prompt, choose, statistics, callbacks);
    if (!computed) return computed.error();
    statistics.prefillSeconds = secondsSince(start);
    if (!*computed) {
        result.stopReason = StopReason::interrupted;
        return result;
    }

    Utf8Assembler assembler;
    std::vector<std::string> stopTexts = request.stopTexts;
    stopTexts.insert(stopTexts.end(), state.chatTemplate->stopTexts().begin(),
                     state.chatTemplate->stopTexts().end());
    StopMatcher matcher(std::move(stopTexts));
    bool begins = request.stripLeadingSpace;
    const auto emit = [&](std::string text) {
        if (begins && !text.empty()) {
            begins = false;
            if (text[0] == ' ') text.erase(0, 1);
        }
        if (text.empty()) return;
        result.text += text;
        if (callbacks.onText) callbacks.onText(text);
    };
    Clock::time_point firstToken = start;
    while (true) {
        const int token =
            choose ? state.backend->chosenToken() : sampler.sample(state.logitsOf(0), result.tokens);
        if (statistics.generatedTokens == 0) {
            firstToken = Clock::now();
            statistics.timeToFirstToken = secondsSince(start);
        }
        if (request.stopAtEnd && state.endsAnswer(token)) {
            result.stopReason = StopReason::end;
            break;
        }
        result.tokens.push_back(token);
        statistics.generatedTokens = static_cast<int>(result.tokens.size());
        statistics.decodeSeconds = secondsSince(firstToken);
        emit(matcher.push(assembler.push(state.tokenizer->tokenBytes(token))));
        if (callbacks.onToken) callbacks.onToken(statistics.generatedTokens);
        if (matcher.stopped()) {
            result.stopReason = StopReason::stopText;
            break;
        }
        if (request.maxTokens > 0 && statistics.generatedTokens >= request.maxTokens) {
            result.stopReason = StopReason::length;
            break;
        }
        if (request.prompt.size() + result.tokens.size() >= static_cast<size_t>(state.context)) {
            result.stopReason = StopReason::contextFull;
            break;
        }
        if (callbacks.stop != nullptr && callbacks.stop->load(std::memory_order_relaxed)) {
            result.stopReason = StopReason::interrupted;
            break;
        }
        if (Result<void> done = state.compute({&token, 1}, 1, choose); !done) return done.error();
    }
    if (!matcher.stopped()) {
        emit(matcher.push(assembler.flush()));
        emit(matcher.flush());
    }
    return result;
}

Result<void> Engine::score(std::span<const int> tokens,
                           const std::function<bool(int, std::span<const float>)>& visit) {
    State& state = *m_state;
    if (Result<void> valid = state.checkTokens(tokens); !valid) return valid;
    if (tokens.size() > static_cast<size_t>(state.context)) {
        return Error{ErrorCode::badInput,
                     "the text does not fit in the context:",
                     "",
                     "",
                     std::to_string(tokens.size()) + " tokens",
                     "at most " + std::to_string(state.context)};
    }
    state.cached.clear();
    for (size_t first = 0; first < tokens.size(); first += kScoredAtOnce) {
        const size_t count = std::min<size_t>(kScoredAtOnce, tokens.size() - first);
        if (Result<void> done = state.compute(tokens.subspan(first, count), static_cast<int>(count)); !done)
            return done;
        for (size_t i = 0; i < count; ++i) {
            if (!visit(static_cast<int>(first + i), state.logitsOf(static_cast<int>(i)))) {
                return Error{ErrorCode::interrupted, "scoring was stopped", "", "", "", ""};
            }
        }
    }
    return {};
}

}  // namespace edgechat::inference
