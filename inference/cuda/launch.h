// Starts a kernel on a stream.
#pragma once

#include <cstddef>

#include "inference/cuda/runtime.h"
#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "inference/cuda/host_launch.h"
#endif

namespace edgechat::inference::cuda {

/// Blocks of a launch.
struct Grid {
    int x = 1, y = 1, z = 1;
};

/// What can go wrong is seen at the runtime's next synchronize().
/// @param shared  bytes of shared memory, at most 48 KiB
template <class Arguments>
void launch(Runtime& runtime, void (*kernel)(Arguments), Grid grid, int threads, size_t shared,
            const Arguments& arguments) {
    runtime.countLaunch();
#ifdef __CUDACC__
    kernel<<<dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                  static_cast<unsigned>(grid.z)),
             static_cast<unsigned>(threads), shared, static_cast<cudaStream_t>(runtime.stream())>>>(
        arguments);
#else
    static_cast<void>(runtime.stream());  // as above: there are runtimes that time what is started
    host::run(reinterpret_cast<const void*>(kernel), {grid.x, grid.y, grid.z}, threads, shared,
              [&] { kernel(arguments); });
#endif
}

}  // namespace edgechat::inference::cuda
