// The kernels of one instruction set; see kernels.h.
#include "quant/kernels/kernels.h"

#if defined(__x86_64__)
#include "quant/kernels/group_kernel.h"
#endif

namespace edgechat::quant {

const QuantizerKernels* avx2QuantizerKernels() {
#if defined(__x86_64__)
    static constexpr QuantizerKernels kKernels = tableOf("avx2");
    return &kKernels;
#else
    return nullptr;
#endif
}

}  // namespace edgechat::quant
