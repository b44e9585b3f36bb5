// The reference forward pass against transformers' fp32 logits of the starter model (tests/data/README.md).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/data/starter_golden.h"

namespace edgechat::inference {
namespace {

TEST(ReferenceBackend, computesTheLogitsThatTransformersComputes) {
    const char* model = std::getenv("EDGECHAT_STARTER_MODEL");
    if (model == nullptr) GTEST_SKIP() << "EDGECHAT_STARTER_MODEL does not name the starter model";
    const testing::StarterGolden golden = testing::readStarterGolden();
    ASSERT_GE(golden.tokens.size(), 256u);
    Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(model);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const ModelConfig config = (*checkpoint)->config();
    auto backend = reference::ReferenceBackend::load(std::move(*checkpoint), 2, 512, {});
    ASSERT_TRUE(backend) << backend.error().message();

    const size_t vocab = static_cast<size_t>(config.vocab);
    std::vector<float> logits(64 * vocab);
    float worst = 0;
    for (size_t first = 0; first < golden.tokens.size(); first += 64) {
        const size_t count = std::min<size_t>(64, golden.tokens.size() - first);
        forward(**backend, config, std::span<const int>(golden.tokens).subspan(first, count),
                static_cast<int>(first), static_cast<int>(count), logits.data());
        for (size_t t = 0; t < count; ++t) {
            const testing::StarterGolden::Position& expected = golden.positions[first + t];
            const float* found = logits.data() + t * vocab;
            for (size_t k = 0; k < expected.ids.size(); ++k) {
                worst = std::max(worst, std::fabs(found[expected.ids[k]] - expected.logits[k]));
            }
            double sum = 0;
            for (size_t i = 0; i < vocab; ++i) sum += std::exp(double{found[i]} - expected.logSumExp);
            ASSERT_NEAR(std::log(sum), 0, 1e-3)
                << "the logits that the file does not keep, position " << first + t;
            ASSERT_EQ(std::max_element(found, found + vocab) - found, expected.best);
        }
    }
    EXPECT_LE(worst, 1e-3f);
    RecordProperty("worst_difference", std::to_string(worst));
}

}  // namespace
}  // namespace edgechat::inference
