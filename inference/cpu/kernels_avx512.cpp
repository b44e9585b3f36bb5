// The kernels of one instruction set; see kernels.h.
#include "inference/cpu/kernel_table.h"

#if defined(__x86_64__)
#include "inference/cpu/simd_avx512.h"

namespace edgechat::inference::cpu {

const Kernels* avx512Kernels() {
    static constexpr Kernels kKernels = makeKernels<Avx512>();
    return &kKernels;
}

}  // namespace edgechat::inference::cpu

#else

namespace edgechat::inference::cpu {

const Kernels* avx512Kernels() {
    return nullptr;
}

}  // namespace edgechat::inference::cpu

#endif
