// The CPU forward pass against the reference on small random models of every weight type and odd shapes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/cpu/cpu_backend.h"
#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/data/gguf_writer.h"

namespace edgechat::inference {
namespace {

using edgechat::testing::TinyModelOptions;

class CpuBackendTest : public ::testing::Test {
  protected:
    std::unique_ptr<Checkpoint> write(const TinyModelOptions& options) {
        const std::filesystem::path path =
            std::filesystem::path(::testing::TempDir()) /
            ("cpu_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "_" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".gguf");
        EXPECT_TRUE(edgechat::testing::writeTinyModel(path, options));
        Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(path);
        std::filesystem::remove(path);  // an opened checkpoint keeps its file
        if (!checkpoint) {
            ADD_FAILURE() << checkpoint.error().message();
            return nullptr;
        }
        return std::move(*checkpoint);
    }

    std::unique_ptr<Backend> cpuBackend(const Checkpoint& checkpoint, int threads, KvKind kv = KvKind::fp16,
                                        const cpu::Kernels* kernels = nullptr, int context = 1024) {
        auto backend = cpu::CpuBackend::load(checkpoint, {threads, context, kv, kernels}, {});
        return backend ? std::move(*backend) : nullptr;
    }

    static std::vector<int> someTokens(int count, int vocab) {
        std::vector<int> tokens;
        for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + i * i * 11) % vocab);
        return tokens;
    }

    /// Logits of all tokens, computed in chunks of the given size.
    static std::vector<float> logits(Backend& backend, const ModelConfig& config,
                                     const std::vector<int>& tokens, int chunk) {
        std::vector<float> all(tokens.size() * static_cast<size_t>(config.vocab));
        for (size_t first = 0; first < tokens.size(); first += static_cast<size_t>(chunk)) {
            const size_t count = std::min(static_cast<size_t>(chunk), tokens.size() - first);
            forward(backend, config, std::span<const int>(tokens).subspan(first, count),
                    static_cast<int>(first), static_cast<int>(count),
                    all.data() + first * static_cast<size_t>(config.vocab));
        }
        return all;
    }

    /// Largest difference of two sets of logits relative to their spread.
    static double worstRelative(const std::vector<float>& a, const std::vector<float>& b) {
        double worst = 0, squares = 0;
        for (size_t i = 0; i < a.size(); ++i) {
            worst = std::max(worst, double{std::fabs(a[i] - b[i])});
            squares += double{b[i]} * b[i];
        }
        return worst / std::sqrt(squares / static_cast<double>(b.size()));
    }
};

TEST_F(CpuBackendTest, agreesWithTheReferenceForEveryWeightTypeAndInstructionSet) {
    // fp32 weights are computed in fp32 with an fp16 cache; quantized ones with int8 activations.
    for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q8_0,
                                  TensorType::q4_0, TensorType::q4_1}) {
        TinyModelOptions options;
        options.weights = options.embedding = type;
        std::unique_ptr<Checkpoint> checkpoint = write(options);
        ASSERT_TRUE(checkpoint);
        const ModelConfig config = checkpoint->config();
        const std::vector<int> tokens = someTokens(70, config.vocab);
        std::vector<std::vector<float>> found;
        for (const cpu::Kernels* kernels : cpu::usableKernels()) {
            std::unique_ptr<Backend> backend = cpuBackend(*checkpoint, 2, KvKind::fp16, kernels);
            ASSERT_TRUE(backend);
            found.push_back(logits(*backend, config, tokens, 32));
        }
        auto reference = reference::ReferenceBackend::load(std::move(checkpoint), 1, 1024, {});
        ASSERT_TRUE(reference);
        const std::vector<float> expected = logits(**reference, config, tokens, 32);
        const bool dense = type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16;
        for (const std::vector<float>& values : found) {
            EXPECT_LT(worstRelative(values, expected), dense ? 5e-3 : 0.15) << tensorTypeName(type);
        }
    }
}

TEST_F(CpuBackendTest, handlesShapesThatDoNotDivide) {
    TinyModelOptions options;
    options.hidden = 100, options.heads = 5, options.kvHeads = 1, options.headSize = 20, options.ffn = 90;
    options.weights = options.embedding = TensorType::f32;
    options.tiedHead = false;
    std::unique_ptr<Checkpoint> checkpoint = write(options);
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(300, config.vocab);
    std::unique_ptr<Backend> backend = cpuBackend(*checkpoint, 2);
    const std::vector<float> found = logits(*backend, config, tokens, 128);
    auto reference = reference::ReferenceBackend::load(std::move(checkpoint), 1, 1024, {});
    ASSERT_TRUE(reference);
    EXPECT_LT(worstRelative(found, logits(**reference, config, tokens, 64)), 5e-3);
}

TEST_F(CpuBackendTest, givesTheSameBitsForAnyThreadCountAndAnyChunks) {
    std::unique_ptr<Checkpoint> checkpoint = write({});
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(600, config.vocab);  // several attention segments
    const std::vector<float> expected = logits(*cpuBackend(*checkpoint, 1), config, tokens, 128);
    for (const int threads : {1, 2, 7}) {
        for (const int chunk : {1, 50, 128}) {
            const std::vector<float> found = logits(*cpuBackend(*checkpoint, threads), config, tokens, chunk);
            EXPECT_EQ(std::memcmp(found.data(), expected.data(), 4 * expected.size()), 0)
                << threads << " threads, chunks of " << chunk;
        }
    }
}

TEST_F(CpuBackendTest, staysCloseWithAnInt8Cache) {
    TinyModelOptions options;
    options.weights = options.embedding = TensorType::f32;
    std::unique_ptr<Checkpoint> checkpoint = write(options);
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(300, config.vocab);
    const std::vector<float> half = logits(*cpuBackend(*checkpoint, 2), config, tokens, 64);
    const std::vector<float> int8 = logits(*cpuBackend(*checkpoint, 2, KvKind::int8), config, tokens, 64);
    EXPECT_LT(worstRelative(int8, half), 0.05);
    EXPECT_GT(worstRelative(int8, half), 0) << "the int8 cache was not used";
}

TEST_F(CpuBackendTest, computesAgainFromAnEarlierPosition) {
    std::unique_ptr<Checkpoint> checkpoint = write({});
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    std::unique_ptr<Backend> backend = cpuBackend(*checkpoint, 2);
    std::vector<int> tokens = someTokens(90, config.vocab);
    logits(*backend, config, tokens, 64);
    for (size_t i = 40; i < tokens.size(); ++i) tokens[i] = (tokens[i] + 5) % config.vocab;
    std::vector<float> again(static_cast<size_t>(config.vocab));
    forward(*backend, config, std::span<const int>(tokens).subspan(40), 40, 1, again.data());
    const std::vector<float> fresh = logits(*cpuBackend(*checkpoint, 2), config, tokens, 128);
    EXPECT_EQ(std::memcmp(again.data(), fresh.data() + fresh.size() - again.size(), 4 * again.size()), 0);
}

TEST_F(CpuBackendTest, refusesHeadsThatItsKernelsHaveNoRoomFor) {
    TinyModelOptions options;
    options.heads = 1, options.kvHeads = 1, options.headSize = 320;
    std::unique_ptr<Checkpoint> checkpoint = write(options);
    ASSERT_TRUE(checkpoint);
    const auto backend = cpu::CpuBackend::load(*checkpoint, {1, 64, KvKind::fp16, nullptr}, {});
    ASSERT_FALSE(backend);
    EXPECT_EQ(backend.error().code, ErrorCode::badInput);
    EXPECT_NE(backend.error().message().find("head size: found 320, expected at most 256"), std::string::npos)
        << backend.error().message();

    options.headSize = 256;
    checkpoint = write(options);
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(20, config.vocab);
    const std::vector<float> found = logits(*cpuBackend(*checkpoint, 2), config, tokens, 20);
    auto reference = reference::ReferenceBackend::load(std::move(checkpoint), 1, 64, {});
    ASSERT_TRUE(reference);
    EXPECT_LT(worstRelative(found, logits(**reference, config, tokens, 20)), 0.02);
}

TEST_F(CpuBackendTest, stopsLoadingWhenAsked) {
    std::unique_ptr<Checkpoint> checkpoint = write({});
    ASSERT_TRUE(checkpoint);
    const auto backend = cpu::CpuBackend::load(*checkpoint, {1, 64, KvKind::fp16, nullptr},
                                               [](uint64_t, uint64_t) { return false; });
    ASSERT_FALSE(backend);
    EXPECT_EQ(backend.error().code, ErrorCode::interrupted);
}

}  // namespace
}  // namespace edgechat::inference
