#include "quant/scale_search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace edgechat::quant {
namespace {

constexpr float kSmallest = 1e-4f;

/// mean_o |W_oj| / max |W_o| over j's group, over all linears: how large an input's weights are beside their
/// neighbours'.
std::vector<float> meanWeights(const std::vector<ScaleSearchLinear>& linears, int64_t size, int groupSize) {
    std::vector<double> sums(static_cast<size_t>(size));
    double rows = 0;
    for (const ScaleSearchLinear& linear : linears) {
        for (int64_t index = 0; index < linear.rows.count(); ++index) {
            const float* row = linear.rows.weights.data() + index * size;
            for (int64_t first = 0; first < size; first += groupSize) {
                float largest = 0;
                for (int64_t j = first; j < first + groupSize; ++j)
                    largest = std::max(largest, std::fabs(row[j]));
                for (int64_t j = first; j < first + groupSize; ++j) {
                    sums[static_cast<size_t>(j)] +=
                        static_cast<double>(std::fabs(row[j]) / (largest + 1e-6f));
                }
            }
            rows += 1;
        }
    }
    std::vector<float> means;
    for (const double sum : sums) means.push_back(static_cast<float>(sum / std::max(rows, 1.0)));
    return means;
}

/// Means over the inputs that share a scale, for each input.
std::vector<float> sharedMeans(std::vector<float> values, const std::vector<int>& shared) {
    if (shared.empty()) return values;
    std::vector<double> sums(static_cast<size_t>(*std::max_element(shared.begin(), shared.end())) + 1);
    std::vector<double> counts(sums.size());
    for (size_t j = 0; j < values.size(); ++j) {
        sums[static_cast<size_t>(shared[j])] += static_cast<double>(values[j]);
        counts[static_cast<size_t>(shared[j])] += 1;
    }
    for (size_t j = 0; j < values.size(); ++j) {
        const auto at = static_cast<size_t>(shared[j]);
        values[j] = static_cast<float>(sums[at] / counts[at]);
    }
    return values;
}

class Candidates {
  public:
    Candidates(const std::vector<ScaleSearchLinear>& linears, const SiteStatistics& statistics,
               const SiteMetric& metric, const std::vector<int>& shared) {
        m_activation = sharedMeans(statistics.meanAbsolute, shared);
        m_weight = sharedMeans(meanWeights(linears, statistics.size, metric.groupSize), shared);
        std::vector<float> d(static_cast<size_t>(statistics.size));
        for (size_t group = 0; group < metric.groups.size(); ++group) {
            for (int k = 0; k < metric.groupSize; ++k)
                d[group * static_cast<size_t>(metric.groupSize) + static_cast<size_t>(k)] =
                    std::sqrt(metric.groups[group].d[static_cast<size_t>(k)]);
        }
        if (metric.compensates()) {
            for (const SiteMetric::Block& block : metric.blocks) {
                for (int64_t k = 0; k < block.metric.size; ++k)
                    d[static_cast<size_t>(block.first + k)] =
                        std::sqrt(block.metric.d[static_cast<size_t>(k)]);
            }
        }
        m_deviation = sharedMeans(std::move(d), shared);
    }

    std::vector<float> make(ScaleFamily family, float alpha) const {
        std::vector<float> scale(m_activation.size(), 1.0f);
        for (size_t j = 0; j < scale.size(); ++j) {
            switch (family) {
                case ScaleFamily::identity:
                    break;
                case ScaleFamily::activation:
                    scale[j] = std::pow(m_activation[j], alpha);
                    break;
                case ScaleFamily::both:
                    scale[j] = std::pow(m_activation[j], alpha) / (std::pow(m_weight[j], 1 - alpha) + 1e-4f);
                    break;
                case ScaleFamily::deviation:
                    scale[j] = std::pow(m_deviation[j], alpha);
                    break;
            }
            if (!std::isfinite(scale[j])) scale[j] = 1;
            scale[j] = std::max(scale[j], kSmallest);
        }
        const auto [low, high] = std::minmax_element(scale.begin(), scale.end());
        const float middle = std::sqrt(*low * *high);
        for (float& s : scale) s /= middle;
        return scale;
    }

  private:
    std::vector<float> m_activation, m_weight, m_deviation;
};

}  // namespace

std::string ScaleChoice::text() const {
    if (scale.empty()) return "none";
    static constexpr const char* kNames[] = {"none", "activation", "both", "deviation"};
    char text[48];
    std::snprintf(text, sizeof text, "%s %.3g", kNames[static_cast<size_t>(family)],
                  static_cast<double>(alpha));
    return text;
}

ScaleChoice searchScale(const std::vector<ScaleSearchLinear>& linears, const SiteStatistics& statistics,
                        const ScaleSearchOptions& options, LinearQuantizer& quantizer) {
    const auto loss = [&](const std::vector<float>& scale) {
        double sum = 0;
        for (const ScaleSearchLinear& linear : linears) {
            const LinearScales scales = {scale, linear.rowScale};
            sum += quantizer.quantize(linear.rows, scales, *linear.metric, options.effort, {}, nullptr)
                       .training /
                   std::max(linear.rows.energy, 1e-30);
        }
        return sum;
    };
    ScaleChoice best;
    best.loss = loss({});
    const Candidates candidates(linears, statistics, *linears.front().metric, options.shared);
    const auto attempt = [&](ScaleFamily family, float alpha) {
        std::vector<float> scale = candidates.make(family, alpha);
        if (options.allowed && !options.allowed(scale)) return;
        const double found = loss(scale);
        if (found < best.loss) best = {family, alpha, std::move(scale), found};
    };
    const std::vector<ScaleFamily> families =
        options.allFamilies
            ? std::vector<ScaleFamily>{ScaleFamily::activation, ScaleFamily::both, ScaleFamily::deviation}
            : std::vector<ScaleFamily>{ScaleFamily::activation};
    for (const ScaleFamily family : families) {
        for (int i = family == ScaleFamily::both ? 0 : 1; i <= 7; ++i)
            attempt(family, static_cast<float>(i) / 7);
    }
    if (options.secondPass && best.family != ScaleFamily::identity) {
        for (const float step : {1.0f / 14, 1.0f / 28}) {
            const float middle = best.alpha;
            const ScaleFamily family = best.family;
            attempt(family, middle - step);
            attempt(family, middle + step);
        }
    }
    return best;
}

}  // namespace edgechat::quant
