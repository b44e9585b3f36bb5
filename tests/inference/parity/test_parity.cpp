// Every family and storage form against transformers: configuration, token ids, logits of the fp32 reference,
// and how far the CPU backend is from them. Then the CPU backend against itself: chunks, threads and turns.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "inference/cpu/cpu_backend.h"
#include "inference/engine.h"
#include "inference/forward.h"
#include "tests/inference/parity/divergence.h"
#include "tests/inference/parity/parity_models.h"

namespace edgechat::inference {
namespace {

using testing::bestOf;
using testing::divergence;
using testing::Golden;
using testing::ParityFolder;
using testing::ParityModel;

// The limits of the parity table in the README.
constexpr double kReferenceTolerance = 1e-3;  // of a logit
constexpr double kMostMeanKl = 0.005;         // nats
constexpr double kLeastSameBest = 0.97;
constexpr float kApart = 0.05f;  // two best logits nearer than this are a tie for a quantized computation

class Parity : public ::testing::TestWithParam<ParityModel> {
  protected:
    void SetUp() override { ASSERT_FALSE(m_golden.ids.empty()) << "cannot read " << GetParam().golden; }

    std::unique_ptr<Engine> load(Device device, int threads = 2) {
        EngineOptions options;
        options.device = device;
        options.threads = threads;
        options.context = GetParam().context;
        Result<std::unique_ptr<Engine>> engine = Engine::load(m_folder.path(), options);
        if (!engine) {
            ADD_FAILURE() << engine.error().message();
            return nullptr;
        }
        return std::move(*engine);
    }

    /// Logits of every position, [T][vocab].
    std::vector<std::vector<float>> score(Engine& engine) {
        std::vector<std::vector<float>> rows;
        const Result<void> scored = engine.score(m_golden.ids, [&rows](int, std::span<const float> logits) {
            rows.emplace_back(logits.begin(), logits.end());
            return true;
        });
        EXPECT_TRUE(scored) << scored.error().message();
        return rows;
    }

    ParityFolder m_folder{GetParam()};
    Golden m_golden = testing::readGolden(GetParam());
};

TEST_P(Parity, configurationSaysWhatTransformersSays) {
    const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(m_folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const ModelConfig& config = (*checkpoint)->config();
    const nlohmann::json& expect = GetParam().expect;
    EXPECT_EQ(config.layers, expect.at("layers"));
    EXPECT_EQ(config.hidden, expect.at("hidden"));
    EXPECT_EQ(config.heads, expect.at("heads"));
    EXPECT_EQ(config.kvHeads, expect.at("kv_heads"));
    EXPECT_EQ(config.headSize, expect.at("head_size"));
    EXPECT_EQ(config.ffn, expect.at("ffn"));
    EXPECT_EQ(config.vocab, expect.at("vocab"));
    EXPECT_EQ(config.tiedHead, expect.at("tied_head"));
    EXPECT_EQ(config.norm == NormKind::layer, expect.at("norm") == "layer");
    EXPECT_FLOAT_EQ(config.normEps, expect.at("norm_eps").get<float>());
    EXPECT_EQ(config.gatedMlp, expect.at("gated_mlp"));
    EXPECT_EQ(config.parallelResidual, expect.at("parallel_residual"));
    EXPECT_EQ(config.positions == PositionKind::alibi, expect.at("alibi"));
    EXPECT_EQ(config.slidingWindow, expect.at("sliding_window"));
    EXPECT_EQ(config.context, expect.at("trained_context"));
    EXPECT_EQ(config.parameters, GetParam().parameters);
}

TEST_P(Parity, tokenizerGivesTheSameIds) {
    const std::unique_ptr<Engine> engine = load(Device::cpu);
    ASSERT_TRUE(engine);
    const Tokenizer& tokenizer = engine->tokenizer();
    std::vector<int> ids = tokenizer.encode(testing::parityText(GetParam().textBytes), SpecialTokens::asText);
    if (tokenizer.addsBos()) ids.insert(ids.begin(), tokenizer.bos());
    EXPECT_EQ(ids, std::vector<int>(m_golden.ids.begin(), m_golden.ids.end()));
}

TEST_P(Parity, referenceComputesTheLogitsOfTransformers) {
    const std::unique_ptr<Engine> engine = load(Device::reference);
    ASSERT_TRUE(engine);
    const std::vector<std::vector<float>> rows = score(*engine);
    ASSERT_EQ(rows.size(), m_golden.ids.size());
    double worst = 0;
    for (size_t kept = 0; kept < m_golden.positions.size(); ++kept) {
        const std::span<const float> expected = m_golden.logitsOf(kept);
        const std::vector<float>& computed = rows[static_cast<size_t>(m_golden.positions[kept])];
        ASSERT_EQ(computed.size(), expected.size());
        for (size_t i = 0; i < expected.size(); ++i) {
            ASSERT_TRUE(std::isfinite(computed[i]));
            worst = std::max(worst, std::fabs(double{expected[i]} - computed[i]));
        }
    }
    EXPECT_LE(worst, kReferenceTolerance);
    // The positions whose logits are not kept, by their largest one.
    for (size_t t = 0; t < rows.size(); ++t) {
        const auto best = static_cast<size_t>(m_golden.best[t]);
        EXPECT_NEAR(rows[t][best], m_golden.bestLogit[t], kReferenceTolerance) << "position " << t;
        if (m_golden.gap[t] > 2 * kReferenceTolerance) {
            EXPECT_EQ(bestOf(rows[t]), m_golden.best[t]) << "position " << t;
        }
    }
    std::printf("%-28s reference: largest difference of a logit %.1e\n", GetParam().name.c_str(), worst);
}

TEST_P(Parity, cpuBackendStaysCloseToTransformers) {
    const std::unique_ptr<Engine> engine = load(Device::cpu);
    ASSERT_TRUE(engine);
    const std::vector<std::vector<float>> rows = score(*engine);
    ASSERT_EQ(rows.size(), m_golden.ids.size());
    double kl = 0;
    for (size_t kept = 0; kept < m_golden.positions.size(); ++kept) {
        kl += divergence(m_golden.logitsOf(kept), rows[static_cast<size_t>(m_golden.positions[kept])]);
    }
    kl /= static_cast<double>(m_golden.positions.size());
    int apart = 0, same = 0;
    for (size_t t = 0; t < rows.size(); ++t) {
        if (m_golden.gap[t] <= kApart) continue;
        ++apart;
        same += bestOf(rows[t]) == m_golden.best[t] ? 1 : 0;
    }
    ASSERT_GT(apart, 0);
    EXPECT_LE(kl, kMostMeanKl);
    EXPECT_GE(static_cast<double>(same) / apart, kLeastSameBest);
    std::printf("%-28s CPU: mean KL %.1e nats, same best token %d of %d\n", GetParam().name.c_str(), kl, same,
                apart);
}

TEST_P(Parity, chunksAndThreadsDoNotChangeALogit) {
    const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(m_folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const ModelConfig& config = (*checkpoint)->config();
    std::vector<float> expected;
    for (const int threads : {1, 2, 8}) {
        for (const size_t chunk : {size_t{128}, size_t{7}, size_t{1}}) {
            cpu::CpuOptions options;
            options.threads = threads;
            options.context = GetParam().context;
            const auto backend = cpu::CpuBackend::load(**checkpoint, options, {});
            ASSERT_TRUE(backend) << backend.error().message();
            std::vector<float> logits(static_cast<size_t>(config.vocab));
            const std::span<const int> ids(m_golden.ids);
            for (size_t at = 0; at < ids.size(); at += chunk) {
                const size_t count = std::min(chunk, ids.size() - at);
                forward(**backend, config, ids.subspan(at, count), static_cast<int>(at), 1, logits.data());
            }
            if (expected.empty()) expected = logits;
            EXPECT_EQ(logits, expected) << threads << " threads, chunks of " << chunk;
        }
    }
}

TEST_P(Parity, aSecondTurnIsTheSameAsOneLongPrompt) {
    const std::unique_ptr<Engine> engine = load(Device::cpu), fresh = load(Device::cpu);
    ASSERT_TRUE(engine && fresh);
    const auto half = m_golden.ids.begin() + static_cast<std::ptrdiff_t>(m_golden.ids.size() / 2);
    GenerateRequest first;
    first.prompt.assign(m_golden.ids.begin(), half);
    first.maxTokens = 12;
    first.stopAtEnd = false;
    first.sampling.temperature = 0;
    const Result<GenerateResult> answer = engine->generate(first);
    ASSERT_TRUE(answer) << answer.error().message();

    // The user takes back half of the answer and goes on.
    GenerateRequest second = first;
    second.prompt.insert(second.prompt.end(), answer->tokens.begin(), answer->tokens.begin() + 6);
    second.prompt.insert(second.prompt.end(), half, half + 30);
    const Result<GenerateResult> continued = engine->generate(second), oneShot = fresh->generate(second);
    ASSERT_TRUE(continued && oneShot);
    EXPECT_GE(continued->statistics.cachedTokens, static_cast<int>(first.prompt.size()) + 6);
    EXPECT_EQ(oneShot->statistics.cachedTokens, 0);
    EXPECT_EQ(continued->tokens, oneShot->tokens);
}

INSTANTIATE_TEST_SUITE_P(Models, Parity, ::testing::ValuesIn(testing::parityModels()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace edgechat::inference
