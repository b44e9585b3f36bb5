// What the kernels' primitives mean where no GPU is: a lane of a warp as a thread of the processor. Only
// declared here; the tests' harness runs blocks, warps and lanes (tests/inference/cuda/harness).
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgechat::inference::cuda::host {

int threadIndex();
int blockThreads();
int blockIndex(int axis);  ///< axis 0 to 2
int gridBlocks(int axis);

/// The block's dynamic shared memory, of the size that the launch gave.
std::byte* sharedMemory();

/// Every thread of the block arrives before one goes on.
void blockBarrier();

/// Every lane of the warp gives `bytes` (at most 64) and sees what all gave: lane i's at i * 64. Valid until
/// the lane's next call. `kind` names the operation: lanes that meet in different ones are an error.
const std::byte* exchange(const char* kind, const void* mine, size_t bytes);

/// As cp.async: the bytes arrive when this thread waits for the group that they were committed in, not
/// before.
void copyAsync16(void* shared, const void* global, bool valid);
void copyAsyncCommit();
void copyAsyncWait(int newest);  ///< all groups but the newest ones that were committed

}  // namespace edgechat::inference::cuda::host
