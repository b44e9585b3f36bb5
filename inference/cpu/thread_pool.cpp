#include "inference/cpu/thread_pool.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace edgechat::inference::cpu {
namespace {

// About 30 µs of polling before a worker sleeps: longer than the gap between two loops of a token, shorter
// than anyone's scheduler slice.
constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    for (int worker = 1; worker < std::max(threads, 1); ++worker) {
        m_workers.emplace_back([this, worker] { work(worker); });
    }
}

ThreadPool::~ThreadPool() {
    m_quit.store(true);
    m_epoch.fetch_add(1);
    m_epoch.notify_all();
    for (std::thread& worker : m_workers) worker.join();
}

bool ThreadPool::claimAndRun(uint32_t epoch, int worker) {
    uint64_t left = m_left.load(std::memory_order_acquire);
    while (true) {
        const int unclaimed = static_cast<int>(left & 0xffffffffu);
        if (static_cast<uint32_t>(left >> 32) != epoch || unclaimed == 0) return false;
        const int chunk = m_chunks.load(std::memory_order_relaxed) - unclaimed;
        const Call call = m_call.load(std::memory_order_relaxed);
        void* const context = m_context.load(std::memory_order_relaxed);
        // Success proves that the loop is still the one whose fields were read: it cannot have ended with
        // this chunk unclaimed.
        if (m_left.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
            call(context, chunk, worker);
            m_done.fetch_add(1, std::memory_order_acq_rel);
            return true;
        }
    }
}

void ThreadPool::run(int chunks, Call call, void* context) {
    if (chunks <= 0) return;
    if (m_workers.empty() || chunks == 1) {
        for (int chunk = 0; chunk < chunks; ++chunk) call(context, chunk, 0);
        return;
    }
    const uint32_t epoch = m_epoch.load(std::memory_order_relaxed) + 1;
    // No claim can succeed between here and the store of m_left: the old loop has no chunk left.
    m_chunks.store(chunks, std::memory_order_relaxed);
    m_call.store(call, std::memory_order_relaxed);
    m_context.store(context, std::memory_order_relaxed);
    m_done.store(0, std::memory_order_relaxed);
    m_left.store(static_cast<uint64_t>(epoch) << 32 | static_cast<uint32_t>(chunks),
                 std::memory_order_release);
    m_epoch.store(epoch, std::memory_order_seq_cst);
    if (m_sleepers.load(std::memory_order_seq_cst) > 0) m_epoch.notify_all();

    while (claimAndRun(epoch, 0)) {
    }
    for (int spin = 0; m_done.load(std::memory_order_acquire) < chunks; ++spin) {
        if (spin < kSpins) {
            relax();
        } else {
            std::this_thread::yield();
        }
    }
}

void ThreadPool::work(int worker) {
    uint32_t seen = 0;
    while (true) {
        uint32_t epoch = m_epoch.load(std::memory_order_acquire);
        for (int spin = 0; epoch == seen && spin < kSpins; ++spin) {
            relax();
            epoch = m_epoch.load(std::memory_order_acquire);
        }
        if (epoch == seen) {
            m_sleepers.fetch_add(1, std::memory_order_seq_cst);
            m_epoch.wait(seen, std::memory_order_seq_cst);
            m_sleepers.fetch_sub(1, std::memory_order_seq_cst);
            continue;
        }
        if (m_quit.load()) return;
        seen = epoch;
        while (claimAndRun(epoch, worker)) {
        }
    }
}

}  // namespace edgechat::inference::cpu
