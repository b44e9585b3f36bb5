// The kernel of a first small test: a product on the tensor cores by two warps, background copies, shared
// memory, a barrier and shuffles. Its numbers are small whole ones, so the result is exact. Valid in C++17.
#pragma once

#include <cstdint>

#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

constexpr int kProbeSize = 16;  ///< rows and columns of all matrices
constexpr int kProbeThreads = 64;

struct ProbeArguments {
    const uint16_t* a = nullptr;            ///< fp16 [16, 16]
    const uint16_t* bTransposed = nullptr;  ///< fp16 [16, 16]: row n has column n of b
    float* c = nullptr;                     ///< [16, 16] of a b, behind it 16 sums of its rows
};

constexpr int kProbeResults = kProbeSize * kProbeSize + kProbeSize;

void startProbeKernel(Runtime& runtime, const ProbeArguments& arguments);

/// The kernel as CUDA's functions take it.
const void* probeKernelAddress();

}  // namespace edgechat::inference::cuda
