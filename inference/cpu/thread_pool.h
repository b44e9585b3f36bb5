// A persistent pool whose threads claim chunks of a loop from one counter. Built for many short loops in a
// row (about 150 a token): the caller works too and waits only for chunks that were claimed, so a thread that
// the kernel took off its core holds nobody up.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "inference/result.h"

namespace edgechat::inference::cpu {

class ThreadPool {
  public:
    /// `threads` including the caller's own; at least 1.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(m_workers.size()) + 1; }

    /// Calls body(chunk, worker) once for every chunk in [0, chunks), worker in [0, threads()), and returns
    /// when all are done. One thread calls it at a time.
    template <class Body>
    void parallelFor(int chunks, Body&& body) {
        using Plain = std::remove_reference_t<Body>;
        run(
            chunks,
            [](void* context, int chunk, int worker) { (*static_cast<Plain*>(context))(chunk, worker); },
            const_cast<void*>(static_cast<const void*>(&body)));
    }

    /// The same of a body that gives a Result<void>: that of the first chunk that failed. The others run too.
    template <class Body>
    Result<void> tryParallelFor(int chunks, Body&& body) {
        std::mutex mutex;
        int failed = chunks;
        Result<void> all;
        parallelFor(chunks, [&](int chunk, int worker) {
            Result<void> done = body(chunk, worker);
            if (done) return;
            const std::lock_guard lock(mutex);
            if (chunk < failed) failed = chunk, all = std::move(done);
        });
        return all;
    }

  private:
    using Call = void (*)(void* context, int chunk, int worker);

    void run(int chunks, Call call, void* context);
    void work(int worker);
    bool claimAndRun(uint32_t epoch, int worker);

    // The running loop. m_left packs {epoch, chunks not yet claimed}: a claim succeeds only for the loop it
    // read, so the fields beside it are never used after that loop has ended.
    alignas(64) std::atomic<uint64_t> m_left{0};
    alignas(64) std::atomic<int> m_done{0};
    alignas(64) std::atomic<uint32_t> m_epoch{0};
    std::atomic<int> m_sleepers{0};
    std::atomic<bool> m_quit{false};
    std::atomic<int> m_chunks{0};
    std::atomic<Call> m_call{nullptr};
    std::atomic<void*> m_context{nullptr};
    std::vector<std::thread> m_workers;
};

}  // namespace edgechat::inference::cpu
