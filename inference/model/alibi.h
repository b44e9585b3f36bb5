// Attention with linear biases (Press et al. 2022) as Falcon was trained with it: a head's bias at a key
// grows with the key's position, in bfloat16. The rounding is part of the model: slope, position and product
// are each rounded, so far keys share their biases in steps.
#pragma once

#include <vector>

namespace edgechat::inference {

/// [heads] slopes: 2^(-8 (h+1) / n) for the largest power of two n <= heads; heads beyond n take every other
/// slope of 2n heads.
std::vector<float> alibiSlopes(int heads);

/// What is added to a score of this head, before it is divided by sqrt(headSize), at a key's position.
float alibiBias(float slope, int position);

}  // namespace edgechat::inference
