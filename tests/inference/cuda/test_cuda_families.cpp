// Every part of the families' configurations on the CUDA backend, its kernels run by the harness: against the
// reference, one token at a time, a few and many, with both kinds of cache, and after a reused prefix.
#include <gtest/gtest.h>

#include <cmath>

#include "inference/cuda/cuda_backend.h"
#include "tests/inference/cuda/harness/host_cublas.h"
#include "tests/inference/cuda/harness/lanes.h"
#include "tests/inference/family_models.h"

namespace edgechat::inference {
namespace {

using namespace edgechat::testing;

constexpr int kContext = 1024;

std::unique_ptr<Backend> cudaBackend(const Family& family, KvKind kv = KvKind::fp16,
                                     cuda::DenseUse dense = cuda::DenseUse::never) {
    auto runtime = cuda::Runtime::open();
    const auto checkpoint = checkpointOf(family);
    auto backend = cuda::CudaBackend::load(std::move(*runtime), *checkpoint, {kContext, kv, 2, dense}, {});
    if (!backend) ADD_FAILURE() << backend.error().message();
    return backend ? std::move(*backend) : nullptr;
}

void expectClose(const std::vector<float>& expected, const std::vector<float>& found, float most) {
    ASSERT_EQ(expected.size(), found.size());
    float largest = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(std::isfinite(found[i])) << "logit " << i;
        largest = std::max(largest, std::fabs(expected[i] - found[i]));
    }
    EXPECT_LE(largest, most);
}

/// 4-bit families with a vocabulary of 8 bits, as the backend would keep it, so that both sides have the same
/// weights; a width that does not allow it makes a difference of the head's rounding.
std::vector<Family> cudaFamilies() {
    std::vector<Family> all = families();
    for (Family& family : all) {
        if (family.options.weights == TensorType::int4 && family.config.hidden % 32 == 0) {
            family.options.embedding = TensorType::q8_0;
        }
    }
    for (const TensorType vocabulary : {TensorType::q4_0, TensorType::q4_1}) {
        for (const bool tied : {false, true}) {
            Family family{std::string(tied ? "tied" : "own") + "HeadOf4Bits" +
                              (vocabulary == TensorType::q4_1 ? "WithOffsets" : ""),
                          smallConfig(),
                          {}};
            family.config.tiedHead = tied;
            family.options.weights = family.options.embedding = vocabulary;
            all.push_back(family);
        }
    }
    return all;
}

float tolerance(const Family& family) {
    const bool rounded =
        family.options.weights == TensorType::int4 && family.options.embedding != TensorType::q8_0;
    return rounded ? 6e-2f : 1e-2f;
}

class CudaFamilyTest : public ::testing::TestWithParam<Family> {
  protected:
    static std::vector<float> logits(Backend& backend, const std::vector<int>& tokens, int chunk,
                                     size_t first = 0) {
        return logitsOf(GetParam(), backend, tokens, chunk, first);
    }
};

INSTANTIATE_TEST_SUITE_P(Families, CudaFamilyTest, ::testing::ValuesIn(cudaFamilies()),
                         [](const auto& info) { return info.param.name; });

TEST_P(CudaFamilyTest, agreesWithTheReference) {
    const std::vector<int> tokens = someTokens(GetParam(), 90);
    const std::vector<float> expected = logits(*referenceOf(GetParam(), kContext), tokens, 64);
    for (const int chunk : {1, 5, 70}) {
        SCOPED_TRACE(chunk);
        seedLanes(static_cast<uint32_t>(chunk));
        expectClose(expected, logits(*cudaBackend(GetParam()), tokens, chunk), tolerance(GetParam()));
    }
}

TEST_P(CudaFamilyTest, agreesWithTheReferenceByDenseProducts) {
    const std::vector<int> tokens = someTokens(GetParam(), 90);
    const std::vector<float> expected = logits(*referenceOf(GetParam(), kContext), tokens, 64);
    const auto backend = cudaBackend(GetParam(), KvKind::fp16, cuda::DenseUse::always);
    expectClose(expected, logits(*backend, tokens, 70), tolerance(GetParam()));
}

TEST_P(CudaFamilyTest, goesOnWithoutCublasWhereThatRefuses) {
    const std::vector<int> tokens = someTokens(GetParam(), 40);
    const std::vector<float> expected = logits(*cudaBackend(GetParam()), tokens, 20);
    ASSERT_TRUE(allowCublasProducts(0));
    const auto backend = cudaBackend(GetParam(), KvKind::fp16, cuda::DenseUse::always);
    const std::vector<float> found = logits(*backend, tokens, 20);
    allowCublasProducts(-1);
    EXPECT_TRUE(sameBits(expected, found));
    EXPECT_TRUE(backend->status());
    EXPECT_EQ(static_cast<const cuda::CudaBackend&>(*backend).denseFrom(), 0);
}

TEST_P(CudaFamilyTest, staysCloseWithAnInt8Cache) {
    const std::vector<int> tokens = someTokens(GetParam(), 90);
    const std::vector<float> expected = logits(*referenceOf(GetParam(), kContext), tokens, 64);
    const auto vocab = static_cast<size_t>(GetParam().config.vocab);
    for (const int chunk : {1, 40}) {
        const std::vector<float> found = logits(*cudaBackend(GetParam(), KvKind::int8), tokens, chunk);
        EXPECT_LT(meanKl(expected, found, vocab), 1e-3) << chunk;
    }
}

TEST_P(CudaFamilyTest, goesOnAfterAReusedPrefix) {
    std::vector<int> tokens = someTokens(GetParam(), 120);
    const std::unique_ptr<Backend> backend = cudaBackend(GetParam());
    logits(*backend, tokens, 60);
    for (const size_t kept : {size_t{100}, size_t{40}}) {
        const auto from = static_cast<size_t>(backend->reusable(static_cast<int>(kept)));
        tokens.resize(kept);
        for (int i = 0; i < 12; ++i)
            tokens.push_back((i * 7 + static_cast<int>(kept)) % GetParam().config.vocab);
        const std::vector<float> again = logits(*backend, tokens, 6, from);
        const std::vector<float> fresh = logits(*referenceOf(GetParam(), kContext), tokens, 64);
        expectClose({fresh.end() - static_cast<std::ptrdiff_t>(again.size()), fresh.end()}, again,
                    tolerance(GetParam()));
    }
}

TEST_P(CudaFamilyTest, takesWhatItsPlanSays) {
    const std::unique_ptr<Backend> backend = cudaBackend(GetParam(), KvKind::int8);
    const auto& cuda = static_cast<const cuda::CudaBackend&>(*backend);
    const MemoryPlan plan = cuda::planCudaMemory(*checkpointOf(GetParam()), kContext, KvKind::int8);
    EXPECT_EQ(plan.weights, cuda.weightBytes());
    EXPECT_EQ(plan.kv, cuda.cacheBytes());
    EXPECT_GE(plan.scratch, cuda.scratchBytes()) << "planned for a GPU of more multiprocessors";
}

/// Kernels that a token starts, by the operations of a layer and what is around the layers.
uint64_t launchesOfAToken(const std::string& name) {
    for (const Family& family : families()) {
        if (family.name != name) continue;
        const std::unique_ptr<Backend> backend = cudaBackend(family);
        const auto& cuda = static_cast<const cuda::CudaBackend&>(*backend);
        const int token = 1;
        std::vector<float> logits(static_cast<size_t>(family.config.vocab));
        forward(*backend, family.config, {&token, 1}, 0, 1, logits.data());
        const uint64_t before = cuda.runtime().launches();
        forward(*backend, family.config, {&token, 1}, 1, 1, logits.data());
        return cuda.runtime().launches() - before;
    }
    return 0;
}

TEST(CudaLaunches, sevenALayerAndFourOfFalcon) {
    // Two layers; embedding, last norm and head.
    EXPECT_EQ(launchesOfAToken("llama"), 2 * 7 + 3U);
    EXPECT_EQ(launchesOfAToken("mistralWindow32"), 2 * 7 + 3U);
    EXPECT_EQ(launchesOfAToken("falcon7b"), 2 * 4 + 3U);
}

}  // namespace
}  // namespace edgechat::inference
