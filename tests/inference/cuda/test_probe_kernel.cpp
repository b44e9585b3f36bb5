// The kernel of the first small test gives the numbers that the probe asks for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "inference/cuda/probe_kernel.h"
#include "inference/model/tensor.h"
#include "tests/inference/cuda/harness/lanes.h"

namespace edgechat::inference::cuda {
namespace {

TEST(ProbeKernel, multipliesAndSumsRows) {
    constexpr int n = kProbeSize;
    auto runtime = Runtime::open();
    ASSERT_TRUE(runtime);
    auto memory = (*runtime)->allocatePinned(4 * n * n + 4 * kProbeResults, "test");
    ASSERT_TRUE(memory);
    auto* const a = memory->as<uint16_t>();
    auto* const b = memory->as<uint16_t>(2 * n * n);
    auto* const c = memory->as<float>(4 * n * n);
    for (const uint32_t seed : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u}) {
        testing::seedLanes(seed);
        const auto left = [seed](int row, int k) {
            return (row * 3 + k * 5 + static_cast<int>(seed)) % 9 - 4;
        };
        const auto right = [](int k, int column) { return (k * 11 + column * 2) % 7 - 3; };
        for (int i = 0; i < n; ++i) {
            for (int k = 0; k < n; ++k) {
                a[i * n + k] = floatToHalf(static_cast<float>(left(i, k)));
                b[i * n + k] = floatToHalf(static_cast<float>(right(k, i)));
            }
        }
        std::fill_n(c, kProbeResults, NAN);
        startProbeKernel(**runtime, {a, b, c});
        ASSERT_TRUE((*runtime)->synchronize());
        for (int row = 0; row < n; ++row) {
            int rowSum = 0;
            for (int column = 0; column < n; ++column) {
                int sum = 0;
                for (int k = 0; k < n; ++k) sum += left(row, k) * right(k, column);
                ASSERT_EQ(c[row * n + column], static_cast<float>(sum)) << row << " " << column;
                rowSum += sum;
            }
            ASSERT_EQ(c[n * n + row], static_cast<float>(rowSum)) << row;
        }
    }
}

}  // namespace
}  // namespace edgechat::inference::cuda
