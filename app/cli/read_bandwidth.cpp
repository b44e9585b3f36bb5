#include "app/cli/read_bandwidth.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include "inference/model/memory_plan.h"

namespace edgechat::cli {
namespace {

constexpr uint64_t kSmallestBuffer = uint64_t{256} << 20;  // bytes
constexpr int kPasses = 8;
constexpr size_t kLanes = 16;  // independent sums: two AVX-512 registers, four of AVX2, eight of NEON

uint64_t bufferBytes() {
    uint64_t bytes = kSmallestBuffer;
#ifdef _SC_LEVEL3_CACHE_SIZE
    const long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (cache > 0) bytes = std::max(bytes, 2 * static_cast<uint64_t>(cache));
#endif
    return bytes;
}

/// Sums `count` words, a multiple of kLanes; adds and loads that the compiler turns into vector instructions.
uint64_t sumWords(const uint64_t* words, size_t count) {
    uint64_t sums[kLanes] = {};
    for (size_t i = 0; i < count; i += kLanes) {
        for (size_t lane = 0; lane < kLanes; lane++) sums[lane] += words[i + lane];
    }
    return std::accumulate(sums, sums + kLanes, uint64_t{0});
}

/// Runs `work(index)` on `threads` threads and returns the seconds from when all stood ready to when all had
/// ended.
template <class Work>
double timeTogether(int threads, const Work& work) {
    using Clock = std::chrono::steady_clock;
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> team;
    for (int index = 0; index < threads; index++) {
        team.emplace_back([&, index] {
            ready++;
            while (!go) std::this_thread::yield();
            work(index);
        });
    }
    while (ready < threads) std::this_thread::yield();
    const Clock::time_point begin = Clock::now();
    go = true;
    for (std::thread& thread : team) thread.join();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

double measureReadBandwidth(int threads) {
    const uint64_t bytes = bufferBytes();
    if (inference::availableMemory() < bytes + bytes / 4) return 0;
    const size_t share = bytes / sizeof(uint64_t) / static_cast<size_t>(threads) / kLanes * kLanes;
    const size_t words = share * static_cast<size_t>(threads);
    // Not value-initialised: each thread touches its own part first, so that it lies on the thread's memory
    // node.
    const std::unique_ptr<uint64_t[]> buffer(new (std::nothrow) uint64_t[words]);
    if (!buffer) return 0;
    const auto part = [&](int index) { return buffer.get() + static_cast<size_t>(index) * share; };
    timeTogether(threads, [&](int index) { std::iota(part(index), part(index) + share, uint64_t{1}); });

    double best = 0;
    std::atomic<uint64_t> sink{0};  // keeps the sums, and so the reads, alive
    for (int pass = 0; pass < kPasses; pass++) {
        const double seconds =
            timeTogether(threads, [&](int index) { sink += sumWords(part(index), share); });
        best = std::max(best, static_cast<double>(words * sizeof(uint64_t)) / seconds / 1e9);
    }
    return best;
}

}  // namespace edgechat::cli
