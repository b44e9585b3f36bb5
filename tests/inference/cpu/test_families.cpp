// Every part of the families' configurations on small random models: the CPU against the reference, and a
// result that does not depend on chunks, threads, reused prefixes or on what a ring of keys has forgotten.
#include <gtest/gtest.h>

#include "inference/cpu/cpu_backend.h"
#include "tests/inference/family_models.h"

namespace edgechat::inference {
namespace {

using edgechat::testing::checkpointOf;
using edgechat::testing::families;
using edgechat::testing::Family;
using edgechat::testing::logitsOf;
using edgechat::testing::memoryCheckpoint;
using edgechat::testing::referenceOf;
using edgechat::testing::sameBits;
using edgechat::testing::smallConfig;

class FamilyTest : public ::testing::TestWithParam<Family> {
  protected:
    static constexpr int kContext = 1024;

    static std::unique_ptr<Backend> cpuBackend(int threads, const cpu::Kernels* kernels = nullptr,
                                               KvKind kv = KvKind::fp16) {
        const auto checkpoint = checkpointOf(GetParam());
        auto backend = cpu::CpuBackend::load(*checkpoint, {threads, kContext, kv, kernels}, {});
        return backend ? std::move(*backend) : nullptr;
    }

    static std::unique_ptr<Backend> referenceBackend() { return referenceOf(GetParam(), kContext); }
    static std::vector<int> someTokens(int count) { return edgechat::testing::someTokens(GetParam(), count); }
    static std::vector<float> logits(Backend& backend, const std::vector<int>& tokens, int chunk,
                                     size_t first = 0) {
        return logitsOf(GetParam(), backend, tokens, chunk, first);
    }
    static double meanKl(const std::vector<float>& p, const std::vector<float>& q) {
        return edgechat::testing::meanKl(p, q, static_cast<size_t>(GetParam().config.vocab));
    }
    static bool same(const std::vector<float>& a, const std::vector<float>& b) { return sameBits(a, b); }
};

INSTANTIATE_TEST_SUITE_P(Families, FamilyTest, ::testing::ValuesIn(families()),
                         [](const auto& info) { return info.param.name; });

TEST_P(FamilyTest, cpuAgreesWithTheReferenceOnEveryInstructionSet) {
    const std::vector<int> tokens = someTokens(330);
    const std::vector<float> expected = logits(*referenceBackend(), tokens, 64);
    for (const cpu::Kernels* kernels : cpu::usableKernels()) {
        const std::vector<float> found = logits(*cpuBackend(2, kernels), tokens, 128);
        const double divergence = meanKl(expected, found);
        EXPECT_LT(divergence, 2e-6) << kernels->name;
        EXPECT_GE(divergence, -1e-9) << kernels->name;
    }
}

TEST_P(FamilyTest, cpuStaysCloseWithAnInt8Cache) {
    const std::vector<int> tokens = someTokens(200);
    const std::vector<float> expected = logits(*referenceBackend(), tokens, 64);
    EXPECT_LT(meanKl(expected, logits(*cpuBackend(2, nullptr, KvKind::int8), tokens, 128)), 1e-3);
}

TEST_P(FamilyTest, givesTheSameBitsForAnyChunksAndThreads) {
    const std::vector<int> tokens = someTokens(600);  // several segments of attention
    const std::vector<float> expected = logits(*cpuBackend(1), tokens, 128);
    for (const auto& [threads, chunk] : {std::pair{2, 1}, {1, 7}, {8, 7}, {2, 64}, {8, 128}}) {
        EXPECT_TRUE(same(logits(*cpuBackend(threads), tokens, chunk), expected))
            << threads << " threads, chunks of " << chunk;
    }
}

TEST_P(FamilyTest, givesTheSameBitsAfterAReusedPrefix) {
    std::vector<int> tokens = someTokens(500);
    const std::unique_ptr<Backend> backend = cpuBackend(2);
    logits(*backend, tokens, 128);
    // Cut back three times and go on differently: shortly before the end, far before it, and again.
    for (const size_t kept : {size_t{470}, size_t{200}, size_t{520}}) {
        const auto from =
            static_cast<size_t>(backend->reusable(static_cast<int>(std::min(kept, tokens.size()))));
        if (GetParam().config.slidingWindow == 0) {
            EXPECT_EQ(from, std::min(kept, tokens.size()));
        }
        tokens.resize(std::min(kept, tokens.size()));
        for (int i = 0; i < 60; ++i)
            tokens.push_back((i * 7 + static_cast<int>(kept)) % GetParam().config.vocab);
        const std::vector<float> again = logits(*backend, tokens, 50, from);
        const std::vector<float> fresh = logits(*cpuBackend(2), tokens, 128);
        const std::vector<float> tail(fresh.end() - static_cast<std::ptrdiff_t>(again.size()), fresh.end());
        EXPECT_TRUE(same(again, tail)) << "kept " << kept << ", from " << from;
    }
}

TEST(SlidingWindow, knowsHowFarBackItCanGo) {
    ModelConfig config = smallConfig();
    config.slidingWindow = 40;  // a ring of 192: 39 before the first of a batch of 128, in runs of 64
    const auto checkpoint = memoryCheckpoint(config);
    auto backend = cpu::CpuBackend::load(*checkpoint, {1, 1024, KvKind::fp16, nullptr}, {});
    ASSERT_TRUE(backend);
    const auto compute = [&](int start, int count) {
        const std::vector<int> tokens(static_cast<size_t>(count), 3);
        float logits[96];
        forward(**backend, config, tokens, start, 1, logits);
    };
    for (int start = 0; start < 512; start += 128) compute(start, 128);
    // 512 - 192 = 320 is the oldest position left; the token at 359 sees 320 and later.
    EXPECT_EQ((*backend)->reusable(512), 512);
    EXPECT_EQ((*backend)->reusable(359), 359);
    EXPECT_EQ((*backend)->reusable(358), 0);
    EXPECT_EQ((*backend)->reusable(10), 0);
    compute(359, 1);
    EXPECT_EQ((*backend)->reusable(360), 360);
    EXPECT_EQ((*backend)->reusable(358), 0) << "what was written before the cut has overwritten it";
    compute(0, 100);
    EXPECT_EQ((*backend)->reusable(50), 50) << "a new text";
}

}  // namespace
}  // namespace edgechat::inference
