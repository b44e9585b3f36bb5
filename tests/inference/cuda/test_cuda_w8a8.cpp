// W8A8 models on the CUDA backend, its kernels run by the harness: the own kernels take activations in fp16,
// dense products round them to 8 bits.
#include <gtest/gtest.h>

#include "inference/cuda/cuda_backend.h"
#include "inference/reference/reference_backend.h"
#include "tests/inference/w8a8_models.h"

namespace edgechat::inference {
namespace {

using namespace edgechat::testing;

constexpr int kContext = 256;
/// An embedding or a head of floats becomes int8 in groups of 64, half a step of max / 127 at most.
constexpr double kVocabulary = 0.007;

class CudaW8A8 : public ::testing::TestWithParam<W8A8Model> {
  protected:
    std::vector<float> cudaLogits(cuda::DenseUse dense, int chunk) {
        auto runtime = cuda::Runtime::open();
        auto backend = cuda::CudaBackend::load(std::move(*runtime), *m_checkpoint,
                                               {kContext, KvKind::fp16, 1, dense}, {});
        if (!backend) ADD_FAILURE() << backend.error().message();
        return backend ? logitsOf(**backend, m_checkpoint->config(), m_tokens, chunk) : std::vector<float>();
    }

    void SetUp() override {
        auto reference = reference::ReferenceBackend::load(GetParam().open(), 1, kContext, {});
        ASSERT_TRUE(reference);
        m_expected = logitsOf(**reference, m_checkpoint->config(), m_tokens, 64);
    }

    const std::unique_ptr<Checkpoint> m_checkpoint = GetParam().open();
    const std::vector<int> m_tokens = someTokens(90, m_checkpoint->config().vocab);
    std::vector<float> m_expected;
};

INSTANTIATE_TEST_SUITE_P(, CudaW8A8, ::testing::ValuesIn(kW8A8Models),
                         [](const auto& info) { return info.param.name; });

TEST_P(CudaW8A8, ownKernelsRoundNoActivations) {
    for (const int chunk : {1, 70})
        EXPECT_LT(relativeError(cudaLogits(cuda::DenseUse::never, chunk), m_expected), kVocabulary) << chunk;
}

TEST_P(CudaW8A8, denseProductsAreAsFarFromTheReferenceAsActivationsOf8BitsAre) {
    const std::vector<float> found = cudaLogits(cuda::DenseUse::always, 45);
    EXPECT_LT(relativeError(found, m_expected), GetParam().largestError);
    EXPECT_GT(relativeError(found, cudaLogits(cuda::DenseUse::never, 45)), 6e-4)
        << "activations were not rounded";
}

}  // namespace
}  // namespace edgechat::inference
