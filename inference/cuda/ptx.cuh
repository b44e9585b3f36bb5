// What kernels are written with: the machine's own operations behind small functions. With nvcc each is an
// instruction of PTX (or CUDA's name for one); without it each has the same meaning in plain C++, so that
// every kernel runs on a processor too, a block at a time (host_lanes.h). Nothing else in this folder knows
// which of the two it is compiled for, but launch.h.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define EDGECHAT_DEVICE __device__ __forceinline__
/// Before a kernel's name: `threads` is the most that a block has, `blocks` how many of them an SM should
/// hold.
#define EDGECHAT_KERNEL(threads, blocks) __global__ void __launch_bounds__(threads, blocks)
#define EDGECHAT_ARGUMENT const __grid_constant__
#define EDGECHAT_UNROLL _Pragma("unroll")
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define EDGECHAT_TURING 1
#else
#define EDGECHAT_TURING 0
#endif
#else
#define EDGECHAT_TURING 0
#include "inference/cuda/host_half.h"
#include "inference/cuda/host_lanes.h"
#define EDGECHAT_DEVICE inline
#define EDGECHAT_KERNEL(threads, blocks) void
#define EDGECHAT_ARGUMENT const
#define EDGECHAT_UNROLL
#endif

namespace edgechat::inference::cuda {

constexpr int kWarp = 32;  ///< lanes of a warp

/// Two fp16 in one register.
struct Half2 {
    uint32_t bits;
};

/// Sixteen bytes, moved at once.
struct alignas(16) Words4 {
    uint32_t word[4];
};

// ---- where a thread stands; blocks have one dimension, grids up to three ----

EDGECHAT_DEVICE int threadIndex() {
#ifdef __CUDACC__
    return static_cast<int>(threadIdx.x);
#else
    return host::threadIndex();
#endif
}

EDGECHAT_DEVICE int blockThreads() {
#ifdef __CUDACC__
    return static_cast<int>(blockDim.x);
#else
    return host::blockThreads();
#endif
}

EDGECHAT_DEVICE int laneIndex() {
    return static_cast<int>(static_cast<unsigned>(threadIndex()) % kWarp);
}

EDGECHAT_DEVICE int warpIndex() {
    return static_cast<int>(static_cast<unsigned>(threadIndex()) / kWarp);
}

EDGECHAT_DEVICE int blockX() {
#ifdef __CUDACC__
    return static_cast<int>(blockIdx.x);
#else
    return host::blockIndex(0);
#endif
}

EDGECHAT_DEVICE int blockY() {
#ifdef __CUDACC__
    return static_cast<int>(blockIdx.y);
#else
    return host::blockIndex(1);
#endif
}

EDGECHAT_DEVICE int blockZ() {
#ifdef __CUDACC__
    return static_cast<int>(blockIdx.z);
#else
    return host::blockIndex(2);
#endif
}

EDGECHAT_DEVICE int gridX() {
#ifdef __CUDACC__
    return static_cast<int>(gridDim.x);
#else
    return host::gridBlocks(0);
#endif
}

EDGECHAT_DEVICE int gridY() {
#ifdef __CUDACC__
    return static_cast<int>(gridDim.y);
#else
    return host::gridBlocks(1);
#endif
}

/// The block's shared memory. All of it is dynamic: a launch says how many bytes. Its start is aligned to 16.
EDGECHAT_DEVICE std::byte* sharedMemory() {
#ifdef __CUDACC__
    extern __shared__ Words4 edgechatSharedMemory[];
    return reinterpret_cast<std::byte*>(edgechatSharedMemory);
#else
    return host::sharedMemory();
#endif
}

// ---- threads with each other ----

EDGECHAT_DEVICE void blockBarrier() {
#ifdef __CUDACC__
    __syncthreads();
#else
    host::blockBarrier();
#endif
}

/// Orders the lanes' accesses to memory. All lanes of the warp call it.
EDGECHAT_DEVICE void warpBarrier() {
#ifdef __CUDACC__
    __syncwarp();
#else
    host::exchange("warpBarrier", nullptr, 0);
#endif
}

/// The value of the lane whose index differs in the bits of `mask`. All lanes of the warp call it.
template <class T>
EDGECHAT_DEVICE T shuffleXor(T value, int mask) {
    static_assert(sizeof(T) == 4);
#ifdef __CUDACC__
    return __shfl_xor_sync(0xffffffffu, value, mask);
#else
    const std::byte* all = host::exchange("shuffleXor", &value, sizeof value);
    std::memcpy(&value, all + 64 * (laneIndex() ^ mask), sizeof value);
    return value;
#endif
}

/// The value of lane `from`. All lanes of the warp call it.
template <class T>
EDGECHAT_DEVICE T shuffle(T value, int from) {
    static_assert(sizeof(T) == 4);
#ifdef __CUDACC__
    return __shfl_sync(0xffffffffu, value, from);
#else
    const std::byte* all = host::exchange("shuffle", &value, sizeof value);
    std::memcpy(&value, all + 64 * (from % kWarp), sizeof value);
    return value;
#endif
}

/// Counts blocks that arrive: gives 0, 1, ... `last` and then wraps to 0 by itself.
EDGECHAT_DEVICE uint32_t atomicTicket(uint32_t* counter, uint32_t last) {
#ifdef __CUDACC__
    return atomicInc(counter, last);
#else
    const uint32_t old = *counter;
    *counter = old >= last ? 0 : old + 1;
    return old;
#endif
}

/// What this thread wrote before is seen by whoever sees what it writes after.
EDGECHAT_DEVICE void deviceFence() {
#ifdef __CUDACC__
    __threadfence();
#endif
}

// ---- memory ----

/// Weights: read once by one warp, so past the first-level cache. `address` is a multiple of 16.
EDGECHAT_DEVICE Words4 loadStreaming16(const void* address) {
    Words4 value;
#ifdef __CUDACC__
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.word[0]), "=r"(value.word[1]), "=r"(value.word[2]), "=r"(value.word[3])
                 : "l"(address));
#else
    std::memcpy(&value, __builtin_assume_aligned(address, 16), sizeof value);
#endif
    return value;
}

/// What other warps read too. `address` is a multiple of 16.
EDGECHAT_DEVICE Words4 load16(const void* address) {
    return *static_cast<const Words4*>(address);
}

EDGECHAT_DEVICE uint32_t load4(const void* address) {
    return *static_cast<const uint32_t*>(address);
}

/// Sixteen bytes from global to shared memory in the background; zeros, and nothing is read, where not
/// `valid`. Both addresses are multiples of 16.
EDGECHAT_DEVICE void copyAsync16(void* shared, const void* global, bool valid) {
#if EDGECHAT_TURING
    // Turing copies through registers, at once.
    const Words4 zeros = {{0, 0, 0, 0}};
    *static_cast<Words4*>(shared) = valid ? *static_cast<const Words4*>(global) : zeros;
#elif defined(__CUDACC__)
    const uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(global),
                 "r"(valid ? 16 : 0)
                 : "memory");
#else
    host::copyAsync16(shared, global, valid);
#endif
}

EDGECHAT_DEVICE void copyAsyncCommit() {
#if defined(__CUDACC__) && !EDGECHAT_TURING
    asm volatile("cp.async.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
    host::copyAsyncCommit();
#endif
}

/// Waits for this thread's copies but those of the `newest` groups that it committed last.
template <int newest>
EDGECHAT_DEVICE void copyAsyncWait() {
#if defined(__CUDACC__) && !EDGECHAT_TURING
    asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
#elif !defined(__CUDACC__)
    host::copyAsyncWait(newest);
#endif
}

// ---- bits ----

/// (a & b) | c in one instruction.
EDGECHAT_DEVICE uint32_t andOr(uint32_t a, uint32_t b, uint32_t c) {
#ifdef __CUDACC__
    uint32_t result;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
#else
    return (a & b) | c;
#endif
}

/// Bytes of {b, a} by the four indices of `selector`: 0 to 3 are a's, 4 to 7 are b's.
EDGECHAT_DEVICE uint32_t permuteBytes(uint32_t a, uint32_t b, uint32_t selector) {
#ifdef __CUDACC__
    return __byte_perm(a, b, selector);
#else
    const uint64_t both = uint64_t{b} << 32 | a;
    uint32_t result = 0;
    for (int i = 0; i < 4; ++i) {
        const uint32_t index = selector >> 4 * i & 7;
        result |= static_cast<uint32_t>(both >> 8 * index & 0xff) << 8 * i;
    }
    return result;
#endif
}

EDGECHAT_DEVICE uint32_t floatBits(float value) {
#ifdef __CUDACC__
    return __float_as_uint(value);
#else
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
#endif
}

EDGECHAT_DEVICE float bitsToFloat(uint32_t bits) {
#ifdef __CUDACC__
    return __uint_as_float(bits);
#else
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
#endif
}

// ---- fp16 ----

/// Rounds to nearest even; what fp16 does not hold becomes an infinity.
EDGECHAT_DEVICE Half2 toHalf2(float low, float high) {
    Half2 result;
#if EDGECHAT_TURING
    asm("{\n.reg .f16 low, high;\n"
        "cvt.rn.f16.f32 high, %1;\ncvt.rn.f16.f32 low, %2;\nmov.b32 %0, {low, high};\n}"
        : "=r"(result.bits)
        : "f"(high), "f"(low));
#elif defined(__CUDACC__)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result.bits) : "f"(high), "f"(low));
#else
    result.bits = static_cast<uint32_t>(host::halfBits(high)) << 16 | host::halfBits(low);
#endif
    return result;
}

EDGECHAT_DEVICE uint16_t toHalf(float value) {
    return static_cast<uint16_t>(toHalf2(value, 0.0f).bits);
}

EDGECHAT_DEVICE float halfValue(uint16_t bits) {
#ifdef __CUDACC__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    return host::halfValue(bits);
#endif
}

EDGECHAT_DEVICE float lowValue(Half2 pair) {
    return halfValue(static_cast<uint16_t>(pair.bits));
}

EDGECHAT_DEVICE float highValue(Half2 pair) {
    return halfValue(static_cast<uint16_t>(pair.bits >> 16));
}

/// Both halves the same.
EDGECHAT_DEVICE Half2 both(uint16_t half) {
    return {half * 0x10001u};
}

EDGECHAT_DEVICE Half2 add(Half2 a, Half2 b) {
#ifdef __CUDACC__
    Half2 result;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(result.bits) : "r"(a.bits), "r"(b.bits));
    return result;
#else
    return toHalf2(lowValue(a) + lowValue(b), highValue(a) + highValue(b));
#endif
}

/// a * b + c, rounded once.
EDGECHAT_DEVICE Half2 multiplyAdd(Half2 a, Half2 b, Half2 c) {
#ifdef __CUDACC__
    Half2 result;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(result.bits) : "r"(a.bits), "r"(b.bits), "r"(c.bits));
    return result;
#else
    // A product of two fp16 and a sum with a third are exact in double.
    const auto once = [](double x, double y, double z) { return host::halfBits(x * y + z); };
    const uint32_t low = once(lowValue(a), lowValue(b), lowValue(c));
    return {static_cast<uint32_t>(once(highValue(a), highValue(b), highValue(c))) << 16 | low};
#endif
}

// ---- fp32 ----

EDGECHAT_DEVICE float exp2Fast(float x) {
#ifdef __CUDACC__
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
#else
    return std::exp2(x);
#endif
}

/// c[16, 8] += a[16, 16] b[16, 8] on the tensor cores, fp16 products in fp32 sums (mma.m16n8k16). With
/// l = lane, g = l / 4 and j = l % 4 a lane holds
///   a: {g, 2j}, {g, 2j + 1} | {g + 8, 2j..} | {g, 2j + 8..} | {g + 8, 2j + 8..}
///   b: {2j, g}, {2j + 1, g} | {2j + 8.., g}
///   c: {g, 2j} | {g, 2j + 1} | {g + 8, 2j} | {g + 8, 2j + 1}
/// All lanes of the warp call it.
EDGECHAT_DEVICE void multiplyAdd16x8x16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if EDGECHAT_TURING
    const auto half = [&c](uint32_t a0, uint32_t a1, uint32_t b0) {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
            "{%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a0), "r"(a1), "r"(b0));
    };
    half(a[0], a[1], b[0]);
    half(a[2], a[3], b[1]);
#elif defined(__CUDACC__)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const std::byte* all = host::exchange("multiplyAdd16x8x16", mine, sizeof mine);
    const auto word = [all](int lane, int index) {
        uint32_t bits;
        std::memcpy(&bits, all + 64 * lane + 4 * index, sizeof bits);
        return bits;
    };
    const int g = laneIndex() / 4, j = laneIndex() % 4;
    for (int k2 = 0; k2 < 8; ++k2) {  // pairs of k: 2 k2, 2 k2 + 1
        const int upper = k2 / 4, from = k2 % 4;
        for (int row = 0; row < 2; ++row) {
            const Half2 left{word(4 * g + from, 2 * upper + row)};
            for (int column = 0; column < 2; ++column) {
                const Half2 right{word(4 * (2 * j + column) + from, 4 + upper)};
                c[2 * row + column] += lowValue(left) * lowValue(right) + highValue(left) * highValue(right);
            }
        }
    }
#endif
}

// ---- over the lanes of a warp ----

EDGECHAT_DEVICE float warpSum(float value) {
    EDGECHAT_UNROLL
    for (int mask = kWarp / 2; mask > 0; mask /= 2) value += shuffleXor(value, mask);
    return value;
}

EDGECHAT_DEVICE float warpMaximum(float value) {
    EDGECHAT_UNROLL
    for (int mask = kWarp / 2; mask > 0; mask /= 2) value = fmaxf(value, shuffleXor(value, mask));
    return value;
}

// ---- memory, in other sizes ----

struct alignas(8) Words2 {
    uint32_t word[2];
};

/// `address` is a multiple of 8.
EDGECHAT_DEVICE Words2 load8(const void* address) {
    return *static_cast<const Words2*>(address);
}

/// `address` is a multiple of 8.
EDGECHAT_DEVICE void store8(void* address, Words2 value) {
    *static_cast<Words2*>(address) = value;
}

/// `address` is a multiple of 16.
EDGECHAT_DEVICE void store16(void* address, Words4 value) {
    *static_cast<Words4*>(address) = value;
}

/// What other blocks of the same launch wrote: past the first-level cache, which does not follow them.
EDGECHAT_DEVICE uint32_t loadCoherent4(const void* address) {
    uint32_t value;
#ifdef __CUDACC__
    asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
#else
    std::memcpy(&value, __builtin_assume_aligned(address, 4), sizeof value);
#endif
    return value;
}

/// `address` is a multiple of 16.
EDGECHAT_DEVICE Words4 loadCoherent16(const void* address) {
    Words4 value;
#ifdef __CUDACC__
    asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.word[0]), "=r"(value.word[1]), "=r"(value.word[2]), "=r"(value.word[3])
                 : "l"(address)
                 : "memory");
#else
    std::memcpy(&value, __builtin_assume_aligned(address, 16), sizeof value);
#endif
    return value;
}

// ---- counters that threads share ----

/// Adds, and gives what was there before.
EDGECHAT_DEVICE uint32_t atomicAddTo(uint32_t* counter, uint32_t value) {
#ifdef __CUDACC__
    return atomicAdd(counter, value);
#else
    const uint32_t old = *counter;
    *counter = old + value;
    return old;
#endif
}

// ---- loads that happen or not, without a branch: where not `valid`, `value` stays and nothing is read ----

/// As loadStreaming16.
EDGECHAT_DEVICE void loadStreaming16If(Words4& value, const void* address, bool valid) {
#ifdef __CUDACC__
    asm volatile(
        "{.reg .pred p; setp.ne.s32 p, %5, 0;"
        "@p ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];}"
        : "+r"(value.word[0]), "+r"(value.word[1]), "+r"(value.word[2]), "+r"(value.word[3])
        : "l"(address), "r"(static_cast<int>(valid)));
#else
    if (valid) value = loadStreaming16(address);
#endif
}

/// Nothing writes it while the kernel runs.
EDGECHAT_DEVICE void load4If(uint32_t& value, const void* address, bool valid) {
#ifdef __CUDACC__
    asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; @p ld.global.nc.u32 %0, [%1];}"
                 : "+r"(value)
                 : "l"(address), "r"(static_cast<int>(valid)));
#else
    if (valid) value = load4(address);
#endif
}

/// One byte, which nothing writes while the kernel runs.
EDGECHAT_DEVICE void load1If(uint32_t& value, const void* address, bool valid) {
#ifdef __CUDACC__
    asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; @p ld.global.nc.u8 %0, [%1];}"
                 : "+r"(value)
                 : "l"(address), "r"(static_cast<int>(valid)));
#else
    if (valid) value = *static_cast<const uint8_t*>(address);
#endif
}

// ---- what addresses are made of ----

/// The upper half of the product.
EDGECHAT_DEVICE uint32_t multiplyHigh(uint32_t a, uint32_t b) {
#ifdef __CUDACC__
    return __umulhi(a, b);
#else
    return static_cast<uint32_t>(uint64_t{a} * b >> 32);
#endif
}

/// The same pointer, worked out here and kept in registers: the compiler would otherwise take it apart into
/// what the parts of a loop have in common, and add them up again for every load.
template <class T>
EDGECHAT_DEVICE T* whole(T* pointer) {
#ifdef __CUDACC__
    asm volatile("" : "+l"(pointer));
#endif
    return pointer;
}

}  // namespace edgechat::inference::cuda
