#include "tests/gpu/timed_runtime.h"

#include <gtest/gtest.h>

#include "tests/inference/cuda/harness/bench_device.h"

namespace edgechat::gpu {
namespace {

using inference::cuda::Runtime;

/// Notes whether the stream was held when somebody waited for it.
class WatchedRuntime final : public testing::ForwardingRuntime {
  public:
    explicit WatchedRuntime(std::vector<bool>& heldAtWaits)
        : ForwardingRuntime(std::move(*Runtime::open())), m_heldAtWaits(heldAtWaits) {}

    Result<void> synchronize() override {
        m_heldAtWaits.push_back(streamIsHeld());
        return m_inner->synchronize();
    }

  private:
    std::vector<bool>& m_heldAtWaits;
};

class TimedRuntimeTest : public ::testing::Test {
  protected:
    void launch(const char* label) {
        m_runtime.setLabel(label);
        static_cast<void>(m_runtime.stream());
    }

    std::vector<bool> m_heldAtWaits;
    TimedRuntime m_runtime{std::make_unique<WatchedRuntime>(m_heldAtWaits)};
};

TEST_F(TimedRuntimeTest, holdsTheStreamFromTheFirstLaunchUntilSomebodyWaits) {
    m_runtime.startTiming();
    EXPECT_TRUE(m_runtime.synchronize());
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_FALSE(streamIsHeld());
        launch("norm");
        launch("up");
        EXPECT_TRUE(streamIsHeld());
        EXPECT_TRUE(m_runtime.synchronize());
    }
    EXPECT_EQ(m_heldAtWaits, (std::vector{false, false, false}));
}

TEST_F(TimedRuntimeTest, countsLaunchesAndNeitherCopiesNorWaits) {
    std::map<std::string, TimedRuntime::Kernel> times;
    int to = 0;
    const int from = 1;
    launch("not timed");
    m_runtime.startTiming();
    launch("up");
    EXPECT_TRUE(m_runtime.synchronize());
    launch("up");
    launch("head");
    m_runtime.copyFromDevice(&to, &from, sizeof to);
    EXPECT_TRUE(m_runtime.synchronize());
    m_runtime.stopTiming(times);
    ASSERT_EQ(times.size(), 2u);
    EXPECT_EQ(times["up"].launches, 2);
    EXPECT_EQ(times["head"].launches, 1);
    // The clock ticks a microsecond from mark to mark.
    EXPECT_NEAR(times["up"].seconds, 2e-6, 1e-9);
    EXPECT_NEAR(times["head"].seconds, 1e-6, 1e-9);
}

TEST_F(TimedRuntimeTest, leavesNothingHeldWhereNobodyWaited) {
    std::map<std::string, TimedRuntime::Kernel> times;
    m_runtime.startTiming();
    launch("norm");
    m_runtime.stopTiming(times);
    EXPECT_FALSE(streamIsHeld());
    EXPECT_EQ(times["norm"].launches, 1);
}

}  // namespace
}  // namespace edgechat::gpu
