#include "inference/cuda/probe_kernel.h"

#include "inference/cuda/launch.h"
#include "inference/cuda/ptx.cuh"

namespace edgechat::inference::cuda {

constexpr int kOperandBytes = kProbeSize * kProbeSize * 2;
constexpr int kSharedBytes = 2 * kOperandBytes + kProbeSize * kProbeSize * 4;  // 2 KiB: a, b, c

/// Warp w computes columns 8 w to 8 w + 7. One block of two warps, 2 KiB of shared memory, at most 64
/// registers.
EDGECHAT_KERNEL(kProbeThreads, 1) probeKernel(EDGECHAT_ARGUMENT ProbeArguments args) {
    std::byte* const shared = sharedMemory();
    const uint16_t* const a = reinterpret_cast<const uint16_t*>(shared);
    const uint16_t* const b = reinterpret_cast<const uint16_t*>(shared + kOperandBytes);
    float* const c = reinterpret_cast<float*>(shared + 2 * kOperandBytes);
    const int thread = threadIndex();
    // 32 pieces of 16 bytes each.
    const bool left = thread < kOperandBytes / 16;
    const int piece = left ? thread : thread - kOperandBytes / 16;
    copyAsync16(shared + 16 * thread,
                reinterpret_cast<const std::byte*>(left ? args.a : args.bTransposed) + 16 * piece, true);
    copyAsyncCommit();
    copyAsyncWait<0>();
    blockBarrier();

    const int g = laneIndex() / 4, j = laneIndex() % 4, column = 8 * warpIndex();
    const uint32_t leftWords[4] = {load4(a + g * kProbeSize + 2 * j), load4(a + (g + 8) * kProbeSize + 2 * j),
                                   load4(a + g * kProbeSize + 2 * j + 8),
                                   load4(a + (g + 8) * kProbeSize + 2 * j + 8)};
    const uint32_t rightWords[2] = {load4(b + (column + g) * kProbeSize + 2 * j),
                                    load4(b + (column + g) * kProbeSize + 2 * j + 8)};
    float sums[4] = {};
    multiplyAdd16x8x16(sums, leftWords, rightWords);
    for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * kProbeSize + column + 2 * j + i % 2] = sums[i];
    blockBarrier();

    // Four threads to a row of both warps' columns.
    const float* const quarter = c + 4 * thread;
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
        sum += quarter[i];
        args.c[4 * thread + i] = quarter[i];
    }
    sum += shuffleXor(sum, 1);
    sum += shuffleXor(sum, 2);
    if (thread % 4 == 0) args.c[kProbeSize * kProbeSize + thread / 4] = sum;
}

void startProbeKernel(Runtime& runtime, const ProbeArguments& arguments) {
    launch(runtime, &probeKernel, Grid{1, 1, 1}, kProbeThreads, kSharedBytes, arguments);
}

const void* probeKernelAddress() {
    return reinterpret_cast<const void*>(&probeKernel);
}

}  // namespace edgechat::inference::cuda
