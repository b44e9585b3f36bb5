// The kernels in whatever vectors the compiler's own target has; see kernels.h.
#include "quant/kernels/group_kernel.h"

namespace edgechat::quant {

const QuantizerKernels* portableQuantizerKernels() {
    static constexpr QuantizerKernels kKernels = tableOf("portable");
    return &kKernels;
}

}  // namespace edgechat::quant
