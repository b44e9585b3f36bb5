// What quantization wants to know about the inputs of linear layers: their second moments, how large each one
// is, and some of them as they are, to judge results by.
#pragma once

#include <map>
#include <vector>

#include "quant/error_metric.h"
#include "quant/layer_forward.h"

namespace edgechat::quant {

/// Inputs [first, first + count) of a layer whose correlations are kept together.
struct InputBlock {
    int64_t first = 0;
    Gram gram;  ///< mean of x^T x over the tokens counted
};

struct SiteStatistics {
    int64_t size = 0;
    std::vector<InputBlock> blocks;      ///< one, or several where one would take too much memory
    std::vector<float> meanAbsolute;     ///< [size]
    std::vector<float> largestAbsolute;  ///< [size]
    std::vector<float> heldOut;          ///< [heldOutTokens, size]: of windows that did not count above
    int64_t heldOutTokens = 0;

    /// Place p of all of the above belongs to input order[p]. Empty: to input p.
    std::vector<int64_t> order;

    MatrixView heldOutView() const { return MatrixView(heldOut.data(), heldOutTokens, size); }
};

/// Puts the inputs in the order in which GPTQ should answer for them: the strongest groups first and the
/// strongest inputs of a group first, so that what is left over for the last ones weighs little (act-order of
/// Frantar et al. 2023, with groups kept whole). Within each Gram block.
void orderByStrength(SiteStatistics& statistics, int groupSize);

constexpr int64_t kHeldOutTokens = 2048;

/// Which windows are held out and how much is kept.
struct StatisticsPlan {
    int64_t windows = 0;
    int window = 0;                              ///< tokens
    int64_t heldOutWindows = 0;                  ///< every (windows / heldOutWindows)-th
    int64_t heldOutTokensKept = kHeldOutTokens;  ///< at most so many of theirs
    std::map<InputSite, int> blocks;  ///< into how many parts a site's Gram matrix is cut; absent: one
    int blockMultiple = 128;          ///< inputs; parts are cut at multiples of it
    bool gram = true;                 ///< whether Gram matrices are wanted

    bool heldOut(int64_t windowIndex) const;
};

/// Collects the visits of one layer's forward pass.
class StatisticsCollector {
  public:
    StatisticsCollector(const StatisticsPlan& plan, DenseProduct& product)
        : m_plan(plan), m_product(product) {}

    /// @param firstToken  of all calibration tokens
    void add(InputSite site, const MatrixView& x, int64_t firstToken);
    /// The sums become means. Called once.
    std::map<InputSite, SiteStatistics> finish();

  private:
    SiteStatistics& site(InputSite site, int64_t size);

    const StatisticsPlan& m_plan;
    DenseProduct& m_product;
    std::map<InputSite, SiteStatistics> m_sites;
    std::map<InputSite, int64_t> m_tokens;
    std::map<InputSite, std::vector<double>> m_sums;
};

}  // namespace edgechat::quant
