// Rotary position embedding (Su et al. 2021): the angle of pair i at position p is p * base^(-2i / headSize),
// stretched in one of these ways for texts longer than those of the training:
//   linear   every frequency / factor (Chen et al. 2023)
//   dynamic  base * (factor * n / n0 - (factor - 1))^(headSize / (headSize - 2)), n0 the training's context
//   and
//            n that of the text ("NTK-aware"). n is the context that the model was loaded with, not the
//            length of the text so far: so chunks, turns and a reused prefix agree, and the numbers are those
//            of one text as long as the context.
//   yarn     frequencies with few turns in n0 / factor, those with many kept, a ramp between; cosines and
//   sines
//            are multiplied by 0.1 ln(factor) + 1 (Peng et al. 2023)
//   llama3   wavelengths longer than n0 / lowFrequencyFactor / factor, those shorter than n0 /
//            highFrequencyFactor kept, a blend between (Llama 3.1)
//   factors  a divisor for each frequency, from the file
#pragma once

#include <vector>

#include "inference/model/model_config.h"

namespace edgechat::inference {

/// [headSize / 2] angles per position, in fp32 as transformers keeps them.
/// @param context  tokens that the model was loaded for; dynamic scaling only
std::vector<float> ropeInverseFrequencies(const ModelConfig& config, int context);

/// What cosines and sines are multiplied by; 1 but for yarn.
float ropeMagnitude(const RopeScaling& scaling);

/// 0.1 * mscale * ln(factor) + 1, or 1 where nothing is stretched. A yarn checkpoint that gives mscale and
/// mscale_all_dim means the quotient of the two.
float yarnMagnitude(float factor, float mscale = 1);

}  // namespace edgechat::inference
