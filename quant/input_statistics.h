// What quantization wants to know about the inputs of linear layers: their second moments, how large each one
// is, and some of them as they are, to judge results by.
#pragma once

#include <map>
#include <vector>

#include "quant/error_metric.h"
#include "quant/layer_forward.h"

namespace edgechat::quant {

/// Tokens for each input from which on second moments are taken at their word.
constexpr int64_t kManyTokens = 8;

/// Inputs [first, first + count) of a layer whose correlations are kept together.
struct InputBlock {
    int64_t first = 0;
    /// Mean of weight * x^T x over the tokens counted. With fewer than kManyTokens of them for each input the
    /// diagonal is larger by the share size / tokens: the fewer there are, the more of what two inputs seem
    /// to share is chance (shrinkage towards the diagonal, after Ledoit and Wolf 2004).
    Gram gram;
};

struct SiteStatistics {
    int64_t size = 0;
    int64_t tokens = 0;                  ///< counted in `blocks` and `meanAbsolute`
    std::vector<InputBlock> blocks;      ///< one, or several where one would take too much memory
    std::vector<float> meanAbsolute;     ///< [size]
    std::vector<float> largestAbsolute;  ///< [size]
    /// [heldOutTokens, size]: of windows that did not count above, times the root of their weights
    std::vector<float> heldOut;
    int64_t heldOutTokens = 0;

    /// Place p of all of the above belongs to input order[p]. Empty: to input p.
    std::vector<int64_t> order;

    MatrixView heldOutView() const { return MatrixView(heldOut.data(), heldOutTokens, size); }
};

/// Puts the values of inputs, [order.size()], where SiteStatistics::order has the inputs.
template <typename T>
void toPlaces(T* values, const std::vector<int64_t>& order) {
    const std::vector<T> before(values, values + order.size());
    for (size_t place = 0; place < order.size(); ++place)
        values[place] = before[static_cast<size_t>(order[place])];
}

/// The order in which GPTQ should answer for inputs: the strongest groups first and the strongest inputs of a
/// group first, so that what is left over for the last ones weighs little (act-order of Frantar et al. 2023,
/// with groups kept whole). Within each Gram block.
std::vector<int64_t> orderByStrength(const SiteStatistics& statistics, int groupSize);

/// Puts the inputs in that order. Once.
/// @param order  moves no input into another Gram block
void reorder(SiteStatistics& statistics, std::vector<int64_t> order, inference::cpu::ThreadPool& pool);

constexpr int64_t kHeldOutTokens = 2048;

/// Which windows are held out and how much is kept.
struct StatisticsPlan {
    int64_t windows = 0;
    int window = 0;                              ///< tokens
    int64_t heldOutWindows = 0;                  ///< every (windows / heldOutWindows)-th
    int64_t heldOutTokensKept = kHeldOutTokens;  ///< at most so many of theirs
    /// Into how many parts a site's Gram matrix is cut; absent: one. `key` and `value` as `attention`.
    std::map<InputSite, int> blocks;
    int blockMultiple = 128;  ///< inputs; parts are cut at multiples of it
    bool gram = true;         ///< whether Gram matrices are wanted

    bool heldOut(int64_t windowIndex) const;
};

/// Collects the visits of one layer's forward pass.
class StatisticsCollector {
  public:
    StatisticsCollector(const StatisticsPlan& plan, DenseProduct& product)
        : m_plan(plan), m_product(product) {}

    /// @param inputs  in whole windows; firstToken of all calibration tokens
    void add(const SiteInputs& inputs);
    /// The sums become means. Called once.
    std::map<InputSite, SiteStatistics> finish();

  private:
    SiteStatistics& site(InputSite site, int64_t size);

    const StatisticsPlan& m_plan;
    DenseProduct& m_product;
    std::map<InputSite, SiteStatistics> m_sites;
    std::map<InputSite, std::vector<double>> m_sums;
    std::vector<float> m_weighted;  // a window's inputs
};

}  // namespace edgechat::quant
