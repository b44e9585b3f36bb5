// The kernels of one instruction set; see kernels.h.
#include "inference/cpu/kernel_table.h"
#include "inference/cpu/simd_portable.h"

namespace edgechat::inference::cpu {

const Kernels* portableKernels() {
    static constexpr Kernels kKernels = makeKernels<Portable>();
    return &kKernels;
}

}  // namespace edgechat::inference::cpu
