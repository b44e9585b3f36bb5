#include "inference/cpu/kernels.h"

namespace edgechat::inference::cpu {

std::vector<const Kernels*> usableKernels() {
    std::vector<const Kernels*> usable;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni") && avx512Kernels() != nullptr) {
        usable.push_back(avx512Kernels());
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && avx2Kernels() != nullptr) {
        usable.push_back(avx2Kernels());
    }
#endif
    usable.push_back(portableKernels());
    return usable;
}

}  // namespace edgechat::inference::cpu
