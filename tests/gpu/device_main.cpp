// The entry of the test programs that need a GPU: where there is none that works they have failed, in one
// line, rather than once for every test.
#include <gtest/gtest.h>

#include <cstdio>

#include "inference/cuda/cuda.h"
#include "inference/cuda/probe_verdict.h"

int main(int argc, char** argv) {
    using namespace edgechat::inference::cuda;
    ::testing::InitGoogleTest(&argc, argv);
    if (!::testing::GTEST_FLAG(list_tests) && probeCuda().state != CudaState::ready) {
        std::fprintf(stderr, "no GPU to test on: %s\n", unusable(probeCuda()).message().c_str());
        return 1;
    }
    return RUN_ALL_TESTS();
}
