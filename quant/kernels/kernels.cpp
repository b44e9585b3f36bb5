#include "quant/kernels/kernels.h"

namespace edgechat::quant {

int usableQuantizerKernels(const QuantizerKernels* out[3]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        out[count++] = avx512QuantizerKernels();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[count++] = avx2QuantizerKernels();
#endif
    out[count++] = portableQuantizerKernels();
    return count;
}

const QuantizerKernels& quantizerKernels() {
    const QuantizerKernels* usable[3];
    usableQuantizerKernels(usable);
    return *usable[0];
}

}  // namespace edgechat::quant
