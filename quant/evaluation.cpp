#include "quant/evaluation.h"

#include <algorithm>
#include <cmath>

#include "quant/layer_forward.h"
#include "quant/perplexity.h"

namespace edgechat::quant {

Result<Evaluation> evaluateStreams(const inference::Checkpoint& source, const CalibrationWindows& windows,
                                   const HiddenStates& sourceStates, const HiddenStates& quantizedStates,
                                   inference::cpu::ThreadPool& pool, DenseProduct& product,
                                   const std::function<bool()>& stopped) {
    const inference::ModelConfig& config = source.config();
    const inference::ModelTensors& tensors = source.tensors();
    Result<OutputNorm> norm = readNorm(source, tensors.outputNorm);
    if (!norm) return norm.error();
    Result<DenseLinear> head = tensors.head ? readLinear(source, *tensors.head)
                                            : readLinear(source, {tensors.embedding, std::nullopt});
    if (!head) return head.error();

    const int window = windows.window;
    const int first = firstScoredPosition(Protocol::half, window), scored = window - 1 - first;
    const auto vocab = static_cast<size_t>(config.vocab);
    LayerForward pass(config, window, pool, product);
    std::vector<float> x(static_cast<size_t>(scored) * static_cast<size_t>(config.hidden));
    std::vector<float> logits[2];
    RunningMean nll, sourceNll, divergence;
    int64_t same = 0;
    for (int64_t index = 0; index < windows.count(); ++index) {
        for (const bool quantized : {false, true}) {
            const HiddenStates& states = quantized ? quantizedStates : sourceStates;
            if (Result<void> read = states.read(index * window + first, scored, x.data()); !read)
                return read.error();
            logits[quantized].resize(static_cast<size_t>(scored) * vocab);
            pass.head(*norm, *head, x.data(), scored, logits[quantized].data());
        }
        for (int t = 0; t < scored; ++t) {
            const std::span<const float> exact(logits[0].data() + static_cast<size_t>(t) * vocab, vocab);
            const std::span<const float> ours(logits[1].data() + static_cast<size_t>(t) * vocab, vocab);
            const int target = windows.ids[static_cast<size_t>(index * window + first + t + 1)];
            sourceNll.add(negativeLogLikelihood(exact, target));
            nll.add(negativeLogLikelihood(ours, target));
            divergence.add(klDivergence(exact, ours));
            same += argmax(exact) == argmax(ours) ? 1 : 0;
        }
        if (stopped()) return Error{ErrorCode::interrupted, "the evaluation was stopped", "", "", "", ""};
    }
    Evaluation result;
    result.perplexity = std::exp(nll.mean());
    result.sourcePerplexity = std::exp(sourceNll.mean());
    result.meanKld = divergence.mean();
    result.sameTop = static_cast<double>(same) / static_cast<double>(std::max<uint64_t>(nll.count(), 1));
    result.tokens = nll.count();
    return result;
}

}  // namespace edgechat::quant
