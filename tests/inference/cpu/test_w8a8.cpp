// W8A8 models on the CPU backend: what activations of 8 bits cost against the fp32 reference, and that
// results do not depend on threads, chunks or other matrices of the model.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/cpu/cpu_backend.h"
#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/inference/w8a8_models.h"

namespace edgechat::inference {
namespace {

using namespace edgechat::testing;

constexpr int kContext = 1024;

std::vector<float> cpuLogits(const Checkpoint& checkpoint, const std::vector<int>& tokens, int threads,
                             int chunk, const cpu::Kernels* kernels = nullptr) {
    auto backend = cpu::CpuBackend::load(checkpoint, {threads, kContext, KvKind::fp16, kernels}, {});
    return backend ? logitsOf(**backend, checkpoint.config(), tokens, chunk) : std::vector<float>();
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

class W8A8 : public ::testing::TestWithParam<W8A8Model> {};

INSTANTIATE_TEST_SUITE_P(, W8A8, ::testing::ValuesIn(kW8A8Models),
                         [](const auto& info) { return info.param.name; });

TEST_P(W8A8, cpuIsAsFarFromTheReferenceAsActivationsOf8BitsAre) {
    std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(150, config.vocab);
    std::vector<std::vector<float>> found;
    for (const cpu::Kernels* kernels : cpu::usableKernels())
        found.push_back(cpuLogits(*checkpoint, tokens, 2, 64, kernels));
    auto reference = reference::ReferenceBackend::load(std::move(checkpoint), 1, kContext, {});
    ASSERT_TRUE(reference);
    const std::vector<float> expected = logitsOf(**reference, config, tokens, 64);
    for (const std::vector<float>& values : found) {
        EXPECT_LT(relativeError(values, expected), GetParam().largestError);
        EXPECT_GT(relativeError(values, expected), 6e-4) << "activations were not quantized";
    }
}

TEST_P(W8A8, givesTheSameBitsForAnyThreadsAndChunks) {
    const std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const std::vector<int> tokens = someTokens(300, checkpoint->config().vocab);
    const std::vector<float> expected = cpuLogits(*checkpoint, tokens, 1, 128);
    for (const int threads : {1, 2, 8}) {
        for (const int chunk : {1, 7, 128}) {
            EXPECT_TRUE(same(cpuLogits(*checkpoint, tokens, threads, chunk), expected))
                << threads << " threads, chunks of " << chunk;
        }
    }
}

TEST_P(W8A8, planKnowsWhatTheBackendTakes) {
    const std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const auto backend = cpu::CpuBackend::load(*checkpoint, {2, kContext, KvKind::fp16, nullptr}, {});
    ASSERT_TRUE(backend);
    const MemoryPlan plan = planMemory(*checkpoint, kContext, KvKind::fp16);
    EXPECT_GE(plan.weights, (*backend)->weightBytes());  // tiles of 16 rows, or of 8
    EXPECT_LE(plan.weights, (*backend)->weightBytes() * 11 / 10);
    EXPECT_GE(plan.scratch, (*backend)->scratchBytes());
}

}  // namespace
}  // namespace edgechat::inference
