// The kernels of one instruction set; see kernels.h.
#include "inference/cpu/kernel_table.h"

#if defined(__x86_64__)
#include "inference/cpu/simd_avx2.h"

namespace edgechat::inference::cpu {

const Kernels* avx2Kernels() {
    static constexpr Kernels kKernels = makeKernels<Avx2>();
    return &kKernels;
}

}  // namespace edgechat::inference::cpu

#else

namespace edgechat::inference::cpu {

const Kernels* avx2Kernels() {
    return nullptr;
}

}  // namespace edgechat::inference::cpu

#endif
