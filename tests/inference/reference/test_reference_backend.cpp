// The reference forward pass against transformers' fp32 logits of the starter model (tests/data/README.md).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "inference/forward.h"
#include "inference/reference/reference_backend.h"

namespace edgechat::inference {
namespace {

struct Golden {
    std::vector<int32_t> tokens;
    struct Position {
        int32_t best;
        float logSumExp;
        std::vector<int32_t> ids;
        std::vector<float> logits;
    };
    std::vector<Position> positions;
};

Golden readGolden() {
    std::ifstream file(EDGECHAT_TESTS_DATA "/smollm2_reference_logits.bin", std::ios::binary);
    const auto read = [&](void* out, size_t bytes) {
        file.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes));
    };
    char magic[8], sha[64];
    uint32_t count = 0, kept = 0, textBytes = 0;
    read(magic, 8), read(sha, 64), read(&count, 4), read(&kept, 4), read(&textBytes, 4);
    Golden golden;
    if (!file || std::memcmp(magic, "ECREFLG1", 8) != 0 || count > 4096 || kept > 4096) return golden;
    golden.tokens.resize(count);
    read(golden.tokens.data(), 4 * count);
    for (uint32_t t = 0; t < count; ++t) {
        Golden::Position position{0, 0, std::vector<int32_t>(kept), std::vector<float>(kept)};
        float bestLogit;
        read(&position.best, 4), read(&bestLogit, 4), read(&position.logSumExp, 4);
        read(position.ids.data(), 4 * kept), read(position.logits.data(), 4 * kept);
        golden.positions.push_back(std::move(position));
    }
    EXPECT_TRUE(file.good());
    return golden;
}

TEST(ReferenceBackend, computesTheLogitsThatTransformersComputes) {
    const char* model = std::getenv("EDGECHAT_STARTER_MODEL");
    if (model == nullptr) GTEST_SKIP() << "EDGECHAT_STARTER_MODEL does not name the starter model";
    const Golden golden = readGolden();
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
            const Golden::Position& expected = golden.positions[first + t];
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
