// Fills a table of kernels for one set of vector operations. Included by one translation unit per instruction
// set: everything is local to it, so that code for one machine is never linked into the path of another.
#pragma once

#include "inference/cpu/attention_kernels.h"
#include "inference/cpu/elementwise_kernels.h"
#include "inference/cpu/kernels.h"
#include "inference/cpu/matmul_kernels.h"

namespace edgechat::inference::cpu {
namespace {

template <class Simd>
constexpr Kernels makeKernels() {
    return {Simd::kName,
            Simd::kLanes,
            multiplyTile<Simd>,
            quantize<Simd>,
            quantizeToken<Simd>,
            rmsNorm<Simd>,
            layerNorm<Simd>,
            ropeAdjacent<Simd>,
            ropeHalves<Simd>,
            activateMultiply<Simd, Silu>,
            activateMultiply<Simd, Gelu>,
            scaleBy<Simd>,
            attend<Simd>,
            mergeAttention<Simd>,
            storeKv<Simd>};
}

}  // namespace
}  // namespace edgechat::inference::cpu
