#include "quant/perplexity.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

namespace edgechat::quant {
namespace {

Error textTooShort(size_t tokens, int window) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot measure the perplexity of the text";
    error.found = std::to_string(tokens) + " tokens";
    error.expected = "at least one window of " + std::to_string(window) + " tokens";
    return error;
}

Error notANumber(const char* who, uint64_t window, int position) {
    Error error;
    error.what = std::string("cannot measure the perplexity: the ") + who + " at window " +
                 std::to_string(window) + " position " + std::to_string(position);
    error.found = "logits that are not numbers";
    return error;
}

Error differentVocabularies(size_t reference, size_t model) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot compare the model with the reference";
    error.found = "a vocabulary of " + std::to_string(model);
    error.expected = std::to_string(reference) + ", as the reference has";
    return error;
}

Error stopped() {
    Error error;
    error.code = ErrorCode::interrupted;
    error.what = "the measurement was stopped";
    return error;
}

}  // namespace

int firstScoredPosition(Protocol protocol, int window) {
    return protocol == Protocol::half ? window / 2 : 0;
}

double logSumExp(std::span<const float> logits) {
    assert(!logits.empty());
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit - largest);
    return largest + std::log(sum);
}

double negativeLogLikelihood(std::span<const float> logits, int token) {
    assert(token >= 0 && static_cast<size_t>(token) < logits.size());
    return logSumExp(logits) - logits[static_cast<size_t>(token)];
}

double klDivergence(std::span<const float> reference, std::span<const float> model) {
    assert(reference.size() == model.size());
    // sum p (log p - log q) with log p = r - R and log q = m - M.
    const double referenceSum = logSumExp(reference);
    const double modelSum = logSumExp(model);
    double divergence = 0;
    for (size_t i = 0; i < reference.size(); i++) {
        const double logP = reference[i] - referenceSum;
        const double logQ = model[i] - modelSum;
        const double p = std::exp(logP);
        if (p != 0) divergence += p * (logP - logQ);  // 0 log 0 is 0
    }
    // Equal rows may leave a rounding error below zero; a NaN must stay one.
    return divergence < 0 ? 0 : divergence;
}

int argmax(std::span<const float> logits) {
    return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

void RunningMean::add(double value) {
    m_count++;
    const double distance = value - m_mean;
    m_mean += distance / static_cast<double>(m_count);
    m_squares += distance * (value - m_mean);
}

double RunningMean::standardErrorOfMean() const {
    if (m_count < 2) return 0;
    const double count = static_cast<double>(m_count);
    return std::sqrt(m_squares / (count - 1) / count);
}

std::vector<int> evaluationWindows(std::span<const int> tokens, const PerplexityOptions& options) {
    const auto window = static_cast<size_t>(options.window);
    const bool withBos = options.protocol == Protocol::half && options.bos >= 0;
    std::vector<int> text;
    if (withBos) text.push_back(options.bos);
    text.insert(text.end(), tokens.begin(), tokens.end());
    text.resize(text.size() / window * window);
    for (size_t first = 0; first < text.size() && withBos; first += window) text[first] = options.bos;
    return text;
}

Result<PerplexityResult> measurePerplexity(std::span<const int> tokens, const PerplexityOptions& options,
                                           const Scorer& model, const Scorer& reference,
                                           const MeasureProgress& progress) {
    assert(options.window >= 2);
    const std::vector<int> text = evaluationWindows(tokens, options);
    const size_t window = static_cast<size_t>(options.window);
    const uint64_t windows = text.size() / window;
    if (windows == 0) return textTooShort(tokens.size(), options.window);

    const int first = firstScoredPosition(options.protocol, options.window);
    const int last = options.window - 2;
    const uint64_t total = windows * window * (reference ? 2 : 1);
    uint64_t done = 0;
    RunningMean nll, referenceNll, divergence;
    uint64_t sameTop = 0;
    double largestDivergence = 0;
    std::vector<float> kept;  // the reference's logits, [last - first + 1, vocabulary]

    for (uint64_t index = 0; index < windows; index++) {
        const std::span<const int> ids(text.data() + index * window, window);
        std::optional<Error> failure;
        // Runs one engine over the window; `score` sees the logits of scored positions only.
        const auto run = [&](const Scorer& scorer, const auto& score) -> Result<void> {
            Result<void> result = scorer(ids, [&](int position, std::span<const float> logits) {
                done++;
                if (position >= first && position <= last) score(position, logits);
                if (!failure && progress && !progress(done, total)) failure = stopped();
                return !failure;
            });
            if (failure) return *failure;
            return result;
        };
        const auto target = [&ids](int position) { return ids[static_cast<size_t>(position) + 1]; };

        if (reference) {
            kept.clear();
            Result<void> ran = run(reference, [&](int position, std::span<const float> logits) {
                if (kept.empty()) kept.reserve(logits.size() * static_cast<size_t>(last - first + 1));
                kept.insert(kept.end(), logits.begin(), logits.end());
                const double value = negativeLogLikelihood(logits, target(position));
                if (!std::isfinite(value)) failure = notANumber("reference", index, position);
                referenceNll.add(value);
            });
            if (!ran) return ran.error();
        }
        Result<void> ran = run(model, [&](int position, std::span<const float> logits) {
            const double value = negativeLogLikelihood(logits, target(position));
            if (!std::isfinite(value)) failure = notANumber("model", index, position);
            nll.add(value);
            if (!reference || failure) return;
            if (kept.size() != logits.size() * static_cast<size_t>(last - first + 1)) {
                failure =
                    differentVocabularies(kept.size() / static_cast<size_t>(last - first + 1), logits.size());
                return;
            }
            const std::span<const float> row(
                kept.data() + static_cast<size_t>(position - first) * logits.size(), logits.size());
            const double distance = klDivergence(row, logits);
            if (!std::isfinite(distance)) failure = notANumber("model", index, position);
            divergence.add(distance);
            largestDivergence = std::max(largestDivergence, distance);
            sameTop += argmax(row) == argmax(logits) ? 1 : 0;
        });
        if (!ran) return ran.error();
    }

    PerplexityResult result;
    result.meanNll = nll.mean();
    result.perplexity = std::exp(nll.mean());
    result.standardError = result.perplexity * nll.standardErrorOfMean();
    result.tokens = nll.count();
    result.windows = windows;
    if (reference) {
        result.reference =
            ReferenceComparison{divergence.mean(), largestDivergence,
                                static_cast<double>(sameTop) / static_cast<double>(divergence.count()),
                                std::exp(referenceNll.mean())};
    }
    return result;
}

}  // namespace edgechat::quant
