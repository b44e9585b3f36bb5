#include "tests/gpu/bench_device.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace edgechat::gpu {

using inference::cuda::Memory;
using inference::cuda::Runtime;

namespace {

constexpr int kThreads = 256;

cudaStream_t streamOf(const Runtime& runtime) {
    return static_cast<cudaStream_t>(runtime.stream());
}

/// Four loads of 16 bytes under way in each thread, as the kernels for weights have them.
__global__ void __launch_bounds__(kThreads) readKernel(const uint4* from, uint64_t count, uint32_t* out) {
    const uint64_t stride = uint64_t{gridDim.x} * kThreads;
    uint32_t sum = 0;
    uint64_t i = uint64_t{blockIdx.x} * kThreads + threadIdx.x;
    for (; i + 3 * stride < count; i += 4 * stride) {
        uint4 value[4];
#pragma unroll
        for (int k = 0; k < 4; ++k) value[k] = __ldcs(from + i + k * stride);
#pragma unroll
        for (int k = 0; k < 4; ++k) sum ^= value[k].x ^ value[k].y ^ value[k].z ^ value[k].w;
    }
    // Hardly ever true, and then no harm: without a use the loads would go.
    if (sum == 0x9e3779b9u) *out = sum;
}

__global__ void __launch_bounds__(kThreads) copyKernel(const uint4* from, uint4* to, uint64_t count) {
    const uint64_t stride = uint64_t{gridDim.x} * kThreads;
    uint64_t i = uint64_t{blockIdx.x} * kThreads + threadIdx.x;
    for (; i + 3 * stride < count; i += 4 * stride) {
        uint4 value[4];
#pragma unroll
        for (int k = 0; k < 4; ++k) value[k] = __ldcs(from + i + k * stride);
#pragma unroll
        for (int k = 0; k < 4; ++k) __stcs(to + i + k * stride, value[k]);
    }
}

__global__ void __launch_bounds__(kThreads) fillKernel(uint32_t* out, uint64_t count) {
    for (uint64_t i = uint64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
         i += uint64_t{gridDim.x} * kThreads) {
        uint32_t z = static_cast<uint32_t>(i) * 0x9e3779b9u + 1;
        z = (z ^ (z >> 16)) * 0x21f0aaadu;
        z = (z ^ (z >> 15)) * 0x735a2d97u;
        out[i] = ((z ^ (z >> 15)) & 0x83ff83ffu) | 0x38003800u;
    }
}

}  // namespace

struct StreamClock::Events {
    std::vector<cudaEvent_t> all;
    size_t used = 0;
};

struct StreamClock::Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;

    /// On a thread of CUDA's, while the stream stands still. The pointer is one of its own to the gate.
    static void CUDART_CB wait(void* pointer) {
        const std::unique_ptr<std::shared_ptr<Gate>> own(static_cast<std::shared_ptr<Gate>*>(pointer));
        Gate& gate = **own;
        std::unique_lock<std::mutex> lock(gate.mutex);
        gate.changed.wait_for(lock, std::chrono::seconds(1), [&gate] { return gate.open; });
    }
};

StreamClock::StreamClock(Runtime& runtime) : m_runtime(runtime), m_events(new Events) {}

StreamClock::~StreamClock() {
    letGo();
    for (const cudaEvent_t event : m_events->all) cudaEventDestroy(event);
}

void StreamClock::mark() {
    if (m_events->used == m_events->all.size()) {
        cudaEvent_t event = nullptr;
        cudaEventCreate(&event);
        m_events->all.push_back(event);
    }
    cudaEventRecord(m_events->all[m_events->used++], streamOf(m_runtime));
}

std::vector<double> StreamClock::gaps() {
    std::vector<double> seconds;
    if (m_events->used > 0) cudaEventSynchronize(m_events->all[m_events->used - 1]);
    for (size_t i = 1; i < m_events->used; ++i) {
        float milliseconds = 0;
        cudaEventElapsedTime(&milliseconds, m_events->all[i - 1], m_events->all[i]);
        seconds.push_back(1e-3 * milliseconds);
    }
    m_events->used = 0;
    return seconds;
}

void StreamClock::hold() {
    m_gate = std::make_shared<Gate>();
    auto own = std::make_unique<std::shared_ptr<Gate>>(m_gate);
    if (cudaLaunchHostFunc(streamOf(m_runtime), Gate::wait, own.get()) == cudaSuccess) own.release();
}

void StreamClock::letGo() {
    if (m_gate == nullptr) return;
    {
        const std::lock_guard<std::mutex> lock(m_gate->mutex);
        m_gate->open = true;
    }
    m_gate->changed.notify_one();
    m_gate.reset();
}

DeviceFacts deviceFacts() {
    const auto version = [](int number) {
        return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
    };
    DeviceFacts facts;
    int driver = 0, runtime = 0, cache = 0, clock = 0, bus = 0, core = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, 0);
    cudaDeviceGetAttribute(&clock, cudaDevAttrMemoryClockRate, 0);
    cudaDeviceGetAttribute(&bus, cudaDevAttrGlobalMemoryBusWidth, 0);
    cudaDeviceGetAttribute(&core, cudaDevAttrClockRate, 0);
    facts.driver = version(driver);
    facts.runtime = version(runtime);
    facts.cacheBytes = static_cast<uint64_t>(cache);
    facts.memoryClockGHz = 1e-6 * clock;
    facts.busBits = bus;
    facts.clockGHz = 1e-6 * core;
    return facts;
}

void fillHalves(Runtime& runtime, void* data, uint64_t bytes) {
    const int blocks = runtime.properties().multiprocessors * 8;
    fillKernel<<<static_cast<unsigned>(blocks), kThreads, 0, streamOf(runtime)>>>(
        static_cast<uint32_t*>(data), bytes / 4);
}

Result<Bandwidth> measureBandwidth(Runtime& runtime, uint64_t bytes, int repetitions) {
    Result<Memory> taken = runtime.allocate(2 * bytes, "the measurement of bandwidth");
    if (!taken) return taken.error();
    const Memory& memory = *taken;
    fillHalves(runtime, memory.data(), 2 * bytes);
    const auto* from = memory.as<uint4>();
    auto* to = memory.as<uint4>(bytes);
    const auto blocks = static_cast<unsigned>(runtime.properties().multiprocessors * 8);
    const uint64_t step = uint64_t{blocks} * kThreads * 4;  // what all threads take in a round
    const uint64_t count = bytes / sizeof(uint4) / step * step;
    StreamClock clock(runtime);
    const auto fastest = [&](const auto& start) {
        start();
        for (int i = 0; i <= repetitions; ++i) {
            clock.mark();
            if (i < repetitions) start();
        }
        const std::vector<double> seconds = clock.gaps();
        return *std::min_element(seconds.begin(), seconds.end());
    };
    const double moved = static_cast<double>(count) * sizeof(uint4);
    Bandwidth bandwidth;
    bandwidth.read = moved / fastest([&] {
                         readKernel<<<blocks, kThreads, 0, streamOf(runtime)>>>(
                             from, count, reinterpret_cast<uint32_t*>(to));
                     });
    bandwidth.copy =
        2 * moved / fastest([&] { copyKernel<<<blocks, kThreads, 0, streamOf(runtime)>>>(from, to, count); });
    if (Result<void> done = runtime.synchronize(); !done) return done.error();
    return bandwidth;
}

}  // namespace edgechat::gpu
