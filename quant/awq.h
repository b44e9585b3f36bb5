// One decoder layer to 4 bits: scales for each input site, folded into what comes before it, then ranges and
// codes of each linear layer, every step kept only where it lowers the error on inputs that were kept aside.
#pragma once

#include <string>
#include <vector>

#include "quant/layer_forward.h"
#include "quant/linear_quantizer.h"
#include "quant/recipe.h"
#include "quant/scale_search.h"

namespace edgechat::quant {

/// How one linear layer came out. Errors are mean squared errors of its output on inputs kept aside, relative
/// to its mean square, tokens weighed as InputWeights says; of at most kReportedRows rows.
struct LinearReport {
    std::string name;  ///< the tensor's
    int groupSize = 0;
    double rtnError = 0;   ///< of plain round to nearest with the same groups
    double error = 0;      ///< of what was chosen
    std::string method;    ///< "gptq", "range", "rtn", "int8", "fp16"
    std::string scale;     ///< "none", "activation 0.55"
    std::string fallback;  ///< why it is not the recipe's best; empty: it is
};
constexpr int64_t kReportedRows = 512;

struct QuantizedLayer {
    OutputLayer output;
    std::vector<LinearReport> report;
};

/// @param statistics  of the layer's sites; used up
/// @param stopped  asked between pieces of the work; true ends it with ErrorCode::interrupted
Result<QuantizedLayer> quantizeLayerInt4(const inference::ModelConfig& config, const LayerWeights& layer,
                                         std::map<InputSite, SiteStatistics> statistics, const Recipe& recipe,
                                         const OutputForm& form, inference::cpu::ThreadPool& pool,
                                         DenseProduct& product, const std::function<bool()>& stopped);

}  // namespace edgechat::quant
