#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "inference/cpu/thread_pool.h"

namespace edgechat::inference::cpu {
namespace {

TEST(ThreadPool, runsEveryChunkOfEveryLoopOnce) {
    for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        ASSERT_EQ(pool.threads(), threads);
        for (int loop = 0; loop < 3000; ++loop) {
            const int chunks =
                loop % 37;  // loops of changing length: a late claim must not reach into the next one
            std::vector<std::atomic<int>> runs(static_cast<size_t>(chunks));
            pool.parallelFor(chunks, [&](int chunk, int worker) {
                ASSERT_GE(worker, 0);
                ASSERT_LT(worker, threads);
                runs.at(static_cast<size_t>(chunk)).fetch_add(1);
            });
            for (const std::atomic<int>& count : runs) ASSERT_EQ(count.load(), 1);
        }
    }
}

TEST(ThreadPool, tellsOfTheFirstChunkThatFailed) {
    ThreadPool pool(3);
    for (const int firstBad : {0, 3, 19}) {
        std::atomic<int> runs{0};
        const Result<void> done = pool.tryParallelFor(20, [&](int chunk, int) -> Result<void> {
            runs.fetch_add(1);
            if (chunk < firstBad) return {};
            return Error{ErrorCode::badInput, std::to_string(chunk), "", "", "", ""};
        });
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().what, std::to_string(firstBad));
        EXPECT_EQ(runs.load(), 20);
    }
    EXPECT_TRUE(pool.tryParallelFor(20, [](int, int) -> Result<void> { return {}; }));
}

TEST(ThreadPool, writesOfALoopAreSeenAfterIt) {
    ThreadPool pool(3);
    std::vector<int> values(64);
    for (int loop = 1; loop <= 500; ++loop) {
        pool.parallelFor(64, [&](int chunk, int) { values[static_cast<size_t>(chunk)] = loop + chunk; });
        for (int i = 0; i < 64; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], loop + i);
    }
}

TEST(ThreadPool, startsAgainAfterItsThreadsSlept) {
    ThreadPool pool(2);
    std::atomic<int> runs{0};
    for (int round = 0; round < 3; ++round) {
        pool.parallelFor(8, [&](int, int) { runs.fetch_add(1); });
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than the workers spin
    }
    EXPECT_EQ(runs.load(), 24);
}

}  // namespace
}  // namespace edgechat::inference::cpu
