// AWQ's scales (Lin et al. 2023): inputs that matter are made larger before quantization and smaller before
// the layer, so that their weights lose less.
#pragma once

#include <functional>
#include <string>

#include "quant/linear_quantizer.h"

namespace edgechat::quant {

/// Values of s that share one exponent.
enum class ScaleFamily {
    identity,    ///< 1
    activation,  ///< meanAbsolute^alpha
    both,        ///< meanAbsolute^alpha / meanWeight^(1 - alpha), AutoAWQ's duo scaling
    deviation    ///< sqrt(D)^alpha: what the other inputs do not already tell about an input
};

struct ScaleChoice {
    ScaleFamily family = ScaleFamily::identity;
    float alpha = 0;
    std::vector<float> scale;  ///< [size of the site]; empty: ones
    double loss = 0;           ///< sum over the linears of loss / energy, in the metric
    std::string text() const;  ///< "none", "activation 0.55"
};

/// What the search needs to know of one linear that reads at the site.
struct ScaleSearchLinear {
    PreparedRows rows;  ///< that are tried
    const SiteMetric* metric = nullptr;
    std::span<const float> rowScale;  ///< LinearScales::row
};

struct ScaleSearchOptions {
    LinearEffort effort;      ///< what the loss of a candidate is measured with
    bool allFamilies = true;  ///< else plain AWQ: `activation` alone
    bool secondPass = true;   ///< a finer grid around the best
    /// Inputs that must share a scale: input j has that of scale number shared[j]. Empty: each its own.
    std::vector<int> shared;
    /// Whether a candidate can be folded into what comes before the site.
    std::function<bool(const std::vector<float>& scale)> allowed;
};

/// Tries a grid of exponents for every family, the identity among them.
/// @param linears  one or more, in the order of `statistics`
ScaleChoice searchScale(const std::vector<ScaleSearchLinear>& linears, const SiteStatistics& statistics,
                        const ScaleSearchOptions& options, LinearQuantizer& quantizer);

}  // namespace edgechat::quant
