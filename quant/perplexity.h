// How well a model predicts a text (perplexity), and how far its predictions lie from a reference's
// (Kullback-Leibler divergence), window by window.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "inference/result.h"

namespace edgechat::quant {

/// Which tokens of a window of N are predicted and scored.
enum class Protocol {
    full,  ///< all but the first: N - 1 targets
    half,  ///< llama.cpp's: those after position N / 2, N - 1 - N / 2 targets, so that each has a long
           ///< context; a model that wants BOS gets it in place of the window's first token
};

struct PerplexityOptions {
    Protocol protocol = Protocol::full;
    int window = 512;  ///< tokens, N
    int bos = -1;      ///< the id of BOS if the model adds one in front of a text, else -1
};

struct ReferenceComparison {
    double meanKld = 0;     ///< mean over scored positions of KL(reference || model), nats
    double maxKld = 0;      ///< nats
    double sameTop = 0;     ///< share of positions, 0..1, where both put the same token first
    double perplexity = 0;  ///< of the reference
};

struct PerplexityResult {
    double perplexity = 0;  ///< exp(meanNll)
    /// Of the perplexity, not of the mean: perplexity * (standard error of meanNll), first order, taking the
    /// positions as independent.
    double standardError = 0;
    double meanNll = 0;   ///< nats per token
    uint64_t tokens = 0;  ///< targets scored
    uint64_t windows = 0;
    std::optional<ReferenceComparison> reference;
};

/// Teacher forcing of one window from an empty cache, as Engine::score.
using Scorer = std::function<Result<void>(
    std::span<const int> tokens,
    const std::function<bool(int position, std::span<const float> logits)>& visit)>;

/// Tokens run so far of all tokens to run (model and reference together); returning false ends the
/// measurement with ErrorCode::interrupted.
using MeasureProgress = std::function<bool(uint64_t done, uint64_t total)>;

/// The tokens of all windows, [windows, window], in the order in which they are run; empty when the text is
/// shorter than one. As in llama.cpp a BOS that is wanted is part of the text that is cut, and then also
/// replaces the first token of every later window.
std::vector<int> evaluationWindows(std::span<const int> tokens, const PerplexityOptions& options);

/// Non-overlapping windows over `tokens` (the text without BOS); a last short one is dropped. With a
/// `reference` each window runs on it first, and the logits of that one window's scored positions are kept:
/// targets * vocabulary * 4 bytes. ErrorCode::badInput when the text is shorter than one window,
/// ErrorCode::internal when a logit is not a number.
Result<PerplexityResult> measurePerplexity(std::span<const int> tokens, const PerplexityOptions& options,
                                           const Scorer& model, const Scorer& reference = {},
                                           const MeasureProgress& progress = {});

/// The first position of a window whose logits are scored; the last is window - 2 (it predicts the last
/// token).
int firstScoredPosition(Protocol protocol, int window);

/// log(sum(exp(logits))), safe for any finite logits.
double logSumExp(std::span<const float> logits);
/// -log softmax(logits)[token], nats.
double negativeLogLikelihood(std::span<const float> logits, int token);
/// KL(softmax(reference) || softmax(model)), nats, never negative.
double klDivergence(std::span<const float> reference, std::span<const float> model);
/// The smallest index of the largest value.
int argmax(std::span<const float> logits);

/// Mean and spread of values that come one at a time (Welford), so that nothing is lost to cancellation.
class RunningMean {
  public:
    void add(double value);
    uint64_t count() const { return m_count; }
    double mean() const { return m_mean; }
    double standardErrorOfMean() const;  ///< sqrt(sample variance / count); 0 below two values

  private:
    uint64_t m_count = 0;
    double m_mean = 0;
    double m_squares = 0;  ///< sum of squared distances from the mean
};

}  // namespace edgechat::quant
