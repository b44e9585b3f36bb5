// SmoothQuant (Xiao et al. 2023): part of what makes activations hard to quantize moves into the weights, so
// that both fit in 8 bits: weights with one scale for each output, activations with one for each token, taken
// as they come.
#pragma once

#include "quant/awq.h"

namespace edgechat::quant {

/// How much of the activations' range moves into the weights, by family (the published values).
float smoothingStrength(const inference::ModelConfig& config);

/// One layer to W8A8. The norms in front of query, key and value and of gate and up take the scales; a site
/// whose error on inputs kept aside would grow stays as it is. LinearReport::rtnError is W8A8 without
/// smoothing.
/// @param statistics  of the layer's sites; used up
Result<QuantizedLayer> quantizeLayerInt8(const inference::ModelConfig& config, const LayerWeights& layer,
                                         std::map<InputSite, SiteStatistics> statistics,
                                         inference::cpu::ThreadPool& pool, DenseProduct& product);

}  // namespace edgechat::quant
