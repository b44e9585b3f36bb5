// Chooses the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace edgechat::inference {

struct SamplingOptions {
    float temperature = 0.7f;    ///< 0: greedy, the smallest id among equal logits
    int topK = 40;               ///< 0: off
    float topP = 0.95f;          ///< 1: off
    float minP = 0.05f;          ///< 0: off; keeps tokens of at least minP times the best one's probability
    float repeatPenalty = 1.1f;  ///< 1: off; logits of recent tokens are divided (if > 0) or multiplied by it
    int repeatWindow = 64;       ///< tokens of the answer looked back at
    uint64_t seed = 0;           ///< 0: a fresh one for each answer
};

/// The order is transformers': penalty, temperature, top-k, top-p, min-p.
/// One answer's sampler: its random numbers follow from the seed alone. Not thread-safe.
class Sampler {
  public:
    explicit Sampler(const SamplingOptions& options);
    const SamplingOptions& options() const { return m_options; }  ///< with the seed that is used
    /// `logits` [vocab] is overwritten. `recent`: the answer's tokens so far, newest last; the
    /// prompt is not among them, or the token that ends each of its turns would be punished too.
    int sample(std::span<float> logits, std::span<const int> recent);

  private:
    double nextUniform();
    void penalize(std::span<float> logits, std::span<const int> recent) const;

    struct Candidate {
        int token;
        float weight;  ///< logit, then exp(logit - best)
    };

    SamplingOptions m_options;
    uint64_t m_counter = 0;
    std::vector<Candidate> m_candidates;
};

}  // namespace edgechat::inference
