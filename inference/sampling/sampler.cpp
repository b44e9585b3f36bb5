#include "inference/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace edgechat::inference {
namespace {

// One step of SplitMix64 (Steele, Lea and Flood 2014): the n-th random number follows from seed and n alone.
uint64_t splitMix(uint64_t state) {
    state += 0x9e3779b97f4a7c15u;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebu;
    return state ^ (state >> 31);
}

int greedy(std::span<const float> logits) {
    // A NaN never compares greater, so a broken model still gives a token inside the vocabulary.
    size_t best = 0;
    for (size_t i = 1; i < logits.size(); ++i) {
        if (logits[i] > logits[best]) best = i;
    }
    return static_cast<int>(best);
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options) : m_options(options) {
    if (m_options.seed == 0) {
        std::random_device device;
        m_options.seed = static_cast<uint64_t>(device()) << 32 | device();
    }
}

double Sampler::nextUniform() {
    const uint64_t bits = splitMix(m_options.seed + 0x9e3779b97f4a7c15u * m_counter++);
    return static_cast<double>(bits >> 11) * 0x1p-53;
}

void Sampler::penalize(std::span<float> logits, std::span<const int> recent) const {
    if (m_options.repeatPenalty == 1.0f || m_options.repeatWindow <= 0) return;
    const size_t window = std::min(recent.size(), static_cast<size_t>(m_options.repeatWindow));
    std::vector<int> tokens(recent.end() - static_cast<std::ptrdiff_t>(window), recent.end());
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (const int token : tokens) {
        if (token < 0 || static_cast<size_t>(token) >= logits.size()) continue;
        float& logit = logits[static_cast<size_t>(token)];
        logit = logit > 0 ? logit / m_options.repeatPenalty : logit * m_options.repeatPenalty;
    }
}

int Sampler::sample(std::span<float> logits, std::span<const int> recent) {
    penalize(logits, recent);
    const int best = greedy(logits);
    if (m_options.temperature <= 0) return best;

    // Tokens below e^-30 of the best one cannot be drawn in a lifetime: most of a large vocabulary goes here.
    const float inverseTemperature = 1.0f / m_options.temperature;
    const float top = logits[static_cast<size_t>(best)];
    m_candidates.clear();
    for (size_t i = 0; i < logits.size(); ++i) {
        const float distance = (logits[i] - top) * inverseTemperature;
        if (distance > -30) m_candidates.push_back({static_cast<int>(i), distance});
    }
    if (m_candidates.empty()) return best;

    const auto better = [](const Candidate& a, const Candidate& b) {
        return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
    };
    if (m_options.topK > 0 && static_cast<size_t>(m_options.topK) < m_candidates.size()) {
        std::nth_element(m_candidates.begin(), m_candidates.begin() + m_options.topK, m_candidates.end(),
                         better);
        m_candidates.resize(static_cast<size_t>(m_options.topK));
    }
    std::sort(m_candidates.begin(), m_candidates.end(), better);

    double total = 0;
    for (Candidate& candidate : m_candidates) total += candidate.weight = std::exp(candidate.weight);
    size_t kept = m_candidates.size();
    if (m_options.topP < 1) {
        // The smallest set of best tokens whose probability reaches topP.
        double sum = 0;
        kept = 0;
        while (kept < m_candidates.size() && sum < m_options.topP * total) sum += m_candidates[kept++].weight;
        kept = std::max<size_t>(kept, 1);
    }
    if (m_options.minP > 0) {
        // The best candidate's weight is 1.
        while (kept > 1 && m_candidates[kept - 1].weight < m_options.minP) --kept;
    }

    double sum = 0;
    for (size_t i = 0; i < kept; ++i) sum += m_candidates[i].weight;
    double point = nextUniform() * sum;
    for (size_t i = 0; i < kept; ++i) {
        point -= m_candidates[i].weight;
        if (point < 0) return m_candidates[i].token;
    }
    return m_candidates[kept - 1].token;
}

}  // namespace edgechat::inference
