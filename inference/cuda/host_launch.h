// A launch where no GPU is: the tests' harness runs the blocks one after the other
// (tests/inference/cuda/harness).
#pragma once

#include <array>
#include <cstddef>
#include <functional>

namespace edgechat::inference::cuda::host {

/// Runs `thread` once for every thread of every block. Ends the process with a message where lanes of a warp
/// meet in different operations, or wait for each other for ever, or where the launch gives the kernel more
/// shared memory than its budget.
/// @param kernel  the address by which it is known
void run(const void* kernel, std::array<int, 3> grid, int threads, size_t shared,
         const std::function<void()>& thread);

}  // namespace edgechat::inference::cuda::host
