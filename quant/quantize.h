// A whole quantization: one layer at a time from a source checkpoint into a new folder, resumable after any
// layer.
#pragma once

#include <functional>

#include "quant/plan.h"
#include "quant/report.h"

namespace edgechat::quant {

enum class Start {
    fresh,    ///< fails where an unfinished quantization lies
    resume,   ///< goes on with one, or begins where there is none; of a finished one, gives the report
    restart,  ///< throws one away
};

struct QuantizeRequest {
    std::filesystem::path output;  ///< appears when all is done; until then <output>.partial holds the work
    Recipe recipe;
    std::string calibration;      ///< the text
    std::string calibrationName;  ///< for people
    std::string evaluation;       ///< text to measure perplexity and divergence on; empty: not wanted
    std::string evaluationName;
    int threads = 1;
    uint64_t memoryLimit = kDefaultMemoryLimit;
    Start start = Start::fresh;
};

struct QuantizeCallbacks {
    /// Layers done of layers in all, with a few words about the last one; false ends the job, which can be
    /// resumed, with ErrorCode::interrupted. Called many times during a layer.
    std::function<bool(int done, int total, const std::string& detail)> onProgress;
    /// Sentences for a person: what it will take, warnings.
    std::function<void(const std::string& text)> onMessage;
};

/// Error::field where the only thing amiss is a shard that is not here.
constexpr const char* kShardField = "shard";

/// The calling thread does the work. The source stays as it is. Whenever the program was killed,
/// Start::resume leads to the same bytes. With a source that was opened with Shards::onDemand it goes as far
/// as the shards that are here allow and ends with an error of field kShardField (source_shards.h says what
/// is needed); the bytes are the same again.
/// @return ErrorCode::badInput for a source, text or journal that will not do, and for an output that another
/// program works on; ErrorCode::doesNotFit for memory and disk
Result<QuantizationReport> quantize(const inference::Checkpoint& source,
                                    const inference::Tokenizer& tokenizer, const QuantizeRequest& request,
                                    const QuantizeCallbacks& callbacks);

}  // namespace edgechat::quant
