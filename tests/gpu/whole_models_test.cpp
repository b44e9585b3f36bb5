// Whole models on the GPU against what transformers computed with them: the committed small checkpoints of
// every family and storage form, as a prompt and token by token, and the starter model where it is present
// (EDGECHAT_STARTER_MODEL).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "inference/cuda/cuda.h"
#include "inference/forward.h"
#include "tests/data/starter_golden.h"
#include "tests/inference/parity/divergence.h"
#include "tests/inference/parity/parity_models.h"

namespace edgechat::inference {
namespace {

using testing::bestOf;
using testing::divergence;
using testing::Golden;
using testing::logProbabilities;
using testing::ParityFolder;
using testing::ParityModel;

constexpr float kApart = 0.05f;  // two best logits nearer than this are a tie for a quantized computation

/// What a way to compute may differ by.
struct Limits {
    double mostMeanKl;     // nats
    double leastSameBest;  // share of the positions whose best logit stands apart
};
constexpr Limits kFp16Cache{0.001, 0.99};
constexpr Limits kInt8Cache{0.005, 0.97};

using Rows = std::vector<std::vector<float>>;  // logits of every position

/// Logits of every position, `chunk` tokens at a time (no more than the backend takes).
Rows score(const Checkpoint& checkpoint, std::span<const int> ids, int context, KvKind kv, size_t chunk,
           cuda::DenseUse dense = cuda::DenseUse::never) {
    Result<std::unique_ptr<Backend>> backend = cuda::loadCudaBackend(checkpoint, {context, kv, 1, dense}, {});
    if (!backend) {
        ADD_FAILURE() << backend.error().message();
        return {};
    }
    const ModelConfig& config = checkpoint.config();
    const auto vocab = static_cast<size_t>(config.vocab);
    chunk = std::min(chunk, static_cast<size_t>((*backend)->maxBatch()));
    Rows rows;
    std::vector<float> logits(chunk * vocab);
    for (size_t at = 0; at < ids.size(); at += chunk) {
        const size_t count = std::min(chunk, ids.size() - at);
        forward(**backend, config, ids.subspan(at, count), static_cast<int>(at), static_cast<int>(count),
                logits.data());
        for (size_t t = 0; t < count; ++t) {
            const float* row = logits.data() + t * vocab;
            rows.emplace_back(row, row + vocab);
        }
    }
    const Result<void> status = (*backend)->status();
    EXPECT_TRUE(status) << status.error().message();
    return rows;
}

class WholeModel : public ::testing::TestWithParam<ParityModel> {
  protected:
    void SetUp() override {
        ASSERT_FALSE(m_golden.ids.empty()) << "cannot read " << GetParam().golden;
        Result<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(m_folder.path());
        ASSERT_TRUE(opened) << opened.error().message();
        m_checkpoint = std::move(*opened);
    }

    Rows scored(KvKind kv, size_t chunk, cuda::DenseUse dense = cuda::DenseUse::never) {
        return score(*m_checkpoint, m_golden.ids, GetParam().context, kv, chunk, dense);
    }

    void expectClose(const Rows& rows, const Limits& limits, const char* way) {
        ASSERT_EQ(rows.size(), m_golden.ids.size());
        double kl = 0;
        for (size_t kept = 0; kept < m_golden.positions.size(); ++kept) {
            kl += divergence(m_golden.logitsOf(kept), rows[static_cast<size_t>(m_golden.positions[kept])]);
        }
        kl /= static_cast<double>(m_golden.positions.size());
        int apart = 0, same = 0;
        for (size_t t = 0; t < rows.size(); ++t) {
            for (const float logit : rows[t]) ASSERT_TRUE(std::isfinite(logit)) << "position " << t;
            if (m_golden.gap[t] <= kApart) continue;
            ++apart;
            same += bestOf(rows[t]) == m_golden.best[t] ? 1 : 0;
        }
        ASSERT_GT(apart, 0);
        std::printf("%-28s %-22s mean KL %.1e nats, same best token %d of %d\n", GetParam().name.c_str(), way,
                    kl, same, apart);
        EXPECT_LE(kl, limits.mostMeanKl) << way;
        EXPECT_GE(static_cast<double>(same) / apart, limits.leastSameBest) << way;
    }

    ParityFolder m_folder{GetParam()};
    Golden m_golden = testing::readGolden(GetParam());
    std::unique_ptr<Checkpoint> m_checkpoint;
};

TEST_P(WholeModel, aPromptGivesTheLogitsOfTransformers) {
    expectClose(scored(KvKind::fp16, 1000), kFp16Cache, "as a prompt:");
}

TEST_P(WholeModel, aPromptByDenseProductsGivesTheLogitsOfTransformers) {
    expectClose(scored(KvKind::fp16, 1000, cuda::DenseUse::always), kFp16Cache, "by cuBLAS:");
}

TEST_P(WholeModel, tokenByTokenGivesTheLogitsOfTransformers) {
    expectClose(scored(KvKind::fp16, 1), kFp16Cache, "token by token:");
}

TEST_P(WholeModel, aCacheOf8BitsStaysClose) {
    expectClose(scored(KvKind::int8, 48), kInt8Cache, "8-bit cache:");
}

TEST_P(WholeModel, aSecondRunGivesTheSameBits) {
    EXPECT_EQ(scored(KvKind::fp16, 1), scored(KvKind::fp16, 1));
    EXPECT_EQ(scored(KvKind::int8, 70), scored(KvKind::int8, 70));
}

INSTANTIATE_TEST_SUITE_P(Models, WholeModel, ::testing::ValuesIn(testing::parityModels()),
                         [](const auto& info) { return info.param.name; });

TEST(StarterModel, givesTheLogitsOfTransformers) {
    const char* model = std::getenv("EDGECHAT_STARTER_MODEL");
    if (model == nullptr) GTEST_SKIP() << "EDGECHAT_STARTER_MODEL does not name the starter model";
    const testing::StarterGolden golden = testing::readStarterGolden();
    ASSERT_GE(golden.tokens.size(), 256u);
    const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(model);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    for (const size_t chunk : {size_t{1000}, size_t{1}}) {
        const Rows rows = score(**checkpoint, golden.tokens, 512, KvKind::fp16, chunk);
        ASSERT_EQ(rows.size(), golden.positions.size());
        // The ids that the file keeps hold most of the probability: what they lose is a lower bound of KL,
        // and the same for the rest as one event makes it the KL of a coarser distribution.
        double kl = 0;
        int same = 0;
        for (size_t t = 0; t < rows.size(); ++t) {
            const testing::StarterGolden::Position& expected = golden.positions[t];
            const std::vector<double> found = logProbabilities(rows[t]);
            double restExpected = 1, restFound = 1;
            for (size_t k = 0; k < expected.ids.size(); ++k) {
                const double p = double{expected.logits[k]} - expected.logSumExp;
                const double q = found[static_cast<size_t>(expected.ids[k])];
                kl += std::exp(p) * (p - q);
                restExpected -= std::exp(p), restFound -= std::exp(q);
            }
            if (restExpected > 1e-6 && restFound > 1e-6) {
                kl += restExpected * std::log(restExpected / restFound);
            }
            same += bestOf(rows[t]) == expected.best ? 1 : 0;
        }
        kl /= static_cast<double>(rows.size());
        std::printf("starter model, chunks of %zu: KL %.1e nats, same best token %d of %zu\n", chunk, kl,
                    same, rows.size());
        EXPECT_LE(kl, 0.001);
        EXPECT_GE(same, static_cast<int>(0.98 * static_cast<double>(rows.size())));
    }
}

}  // namespace
}  // namespace edgechat::inference
