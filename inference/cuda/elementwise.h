// What is left between the linear maps: embedding and norms. C++17, for nvcc.
#pragma once

#include <cstdint>

#include "inference/cuda/packed_matrix.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

/// Plain data.
struct EmbedArguments {
    PackedMatrix embedding;       ///< of any kind; its row is the token's
    const int* tokens = nullptr;  ///< [T], on the device
    const int* start = nullptr;   ///< position of the first token, on the device
    int tokenCount = 0;
    float* x = nullptr;  ///< fp32 [T][hidden]
    int hidden = 0;
    const float* inverseFrequencies = nullptr;  ///< [pairs] or null: no RoPE
    int pairs = 0;
    float magnitude = 1;         ///< what cosines and sines are multiplied by
    float* rotations = nullptr;  ///< [T][pairs] of {cosine, sine}: of the angles position * inverseFrequency
};

/// x = rows of the embedding; rotations of the tokens' positions.
void launchEmbed(Runtime& runtime, const EmbedArguments& arguments);

/// Plain data.
struct NormArguments {
    const float* x = nullptr;    ///< fp32 [T][hidden]
    int tokens = 0, hidden = 0;  ///< hidden is even
    bool layerNorm = false;      ///< else RMSNorm
    float eps = 0;
    const float* weight = nullptr;  ///< [hidden]
    const float* bias = nullptr;    ///< [hidden] or null
    uint16_t* out = nullptr;        ///< fp16 [T][outStride]; what is behind `hidden` stays as it is
    int outStride = 0;              ///< even
};

/// out = norm(x), statistics in fp32.
void launchNorm(Runtime& runtime, const NormArguments& arguments);

}  // namespace edgechat::inference::cuda
