// What the rest of the program may see of the engine: load a model, read a prompt, generate, stop,
// statistics.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "inference/result.h"
#include "inference/sampling/sampler.h"
#include "inference/text/chat_template.h"
#include "inference/text/tokenizer.h"

namespace edgechat::inference {

class Backend;

/// `reference` is the fp32 oracle of the tests; `automatic` is the fastest that works here.
enum class Device { automatic, cpu, cuda, reference };
const char* deviceName(Device device);  ///< "auto", "cpu", "cuda", "reference"

/// Threads where nobody asked for a number: the cores that this process may use; on six or more one is left to the
/// desktop.
int defaultThreads();

struct EngineOptions {
    Device device = Device::automatic;
    int threads = 0;  ///< 0: the machine's cores
    int context = 0;  ///< tokens; 0: the smaller of 4096 and what the model was trained for
    KvKind kv = KvKind::fp16;
    bool checkMemory = true;  ///< refuse with ErrorCode::doesNotFit what is larger than the memory available
};

/// Bytes read of bytes in all; returning false ends the load with ErrorCode::interrupted.
using LoadProgress = std::function<bool(uint64_t done, uint64_t total)>;

enum class StopReason { end, length, stopText, interrupted, contextFull };
const char* stopReasonName(
    StopReason reason);  ///< "end", "length", "stop_text", "interrupted", "context_full"

struct GenerateRequest {
    std::vector<int> prompt;  ///< ids; the longest prefix that the cache still holds is not computed again
    int maxTokens = 0;        ///< 0: until the model ends or the context is full
    SamplingOptions sampling;
    std::vector<std::string> stopTexts;  ///< in addition to the template's
    bool stopAtEnd = true;               ///< end at the template's stop tokens (off only for benchmarks)
    bool stripLeadingSpace =
        false;  ///< leave out the text's first byte if it is a space: where the prompt ends
                ///< with a template's generation prompt, ChatTemplate::stripsLeadingSpace()
};

/// Called on the thread that runs generate().
struct GenerateCallbacks {
    /// Prompt tokens computed (those found in the cache count as done) of prompt tokens in all.
    std::function<void(int done, int total)> onPrefill;
    /// Whole UTF-8 characters, with no part of a stop text.
    std::function<void(std::string_view text)> onText;
    /// After each token; the number generated so far.
    std::function<void(int generated)> onToken;
    /// Set from any thread: ends prefill after the running chunk, decode after the running token.
    const std::atomic<bool>* stop = nullptr;
};

/// Times in seconds.
struct GenerateStatistics {
    int promptTokens = 0;
    int cachedTokens = 0;  ///< of promptTokens: found in the cache
    int generatedTokens = 0;
    double timeToFirstToken = 0;
    double prefillSeconds = 0;
    double decodeSeconds = 0;
    double prefillTokensPerSecond() const;  ///< of the tokens that were computed; 0 if none were
    double decodeTokensPerSecond() const;   ///< from the first token on; 0 if fewer than two
};

struct GenerateResult {
    std::string text;
    std::vector<int> tokens;  ///< the generated ids, the stop token not among them
    StopReason stopReason = StopReason::end;
    GenerateStatistics statistics;
};

/// A loaded model. One thread uses it; only GenerateCallbacks::stop may be touched from others.
class Engine {
  public:
    static Result<std::unique_ptr<Engine>> load(const std::filesystem::path& model,
                                                const EngineOptions& options,
                                                const LoadProgress& progress = {});
    /// The same with a checkpoint that is open already.
    static Result<std::unique_ptr<Engine>> load(std::unique_ptr<Checkpoint> checkpoint,
                                                const EngineOptions& options,
                                                const LoadProgress& progress = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    const ModelConfig& config() const;
    const Tokenizer& tokenizer() const;
    const ChatTemplate& chatTemplate() const;
    const MemoryPlan& memory() const;
    Device device() const;  ///< the one that runs, never `automatic`
    int threads() const;
    int context() const;           ///< tokens that prompt and answer may take together
    uint64_t weightBytes() const;  ///< resident
    uint64_t bytesPerToken() const;
    double loadSeconds() const;
    int cachedTokens() const;  ///< tokens that the KV cache holds now

    /// Prefills and decodes. Fails with ErrorCode::badInput on an empty prompt, a token id outside the
    /// vocabulary, or a prompt that is not shorter than the context. A full context is no failure: the answer
    /// so far comes back with StopReason::contextFull.
    Result<GenerateResult> generate(const GenerateRequest& request, const GenerateCallbacks& callbacks = {});

    /// Teacher forcing from an empty cache: calls `visit(t, logits[vocab])` for each t in order, where logits
    /// follow token t. Returning false, or `stop`, ends it with ErrorCode::interrupted.
    Result<void> score(std::span<const int> tokens,
                       const std::function<bool(int position, std::span<const float> logits)>& visit);

    /// Forgets all cached tokens after the first `tokens`; with a sliding window perhaps all.
    void truncateCache(int tokens);

  private:
    Engine();
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace edgechat::inference
