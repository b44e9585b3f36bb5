#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "inference/sampling/sampler.h"

namespace edgechat::inference {
namespace {

// Probabilities 0.15, 0.5, 0.05, 0.3 as logits.
const std::vector<float> kLogits = {std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};

SamplingOptions plain() {
    SamplingOptions options;
    options.temperature = 1;
    options.topK = 0;
    options.topP = 1;
    options.minP = 0;
    options.repeatPenalty = 1;
    options.seed = 42;
    return options;
}

/// Share of each token in many draws.
std::vector<double> shares(const SamplingOptions& options, std::vector<int> recent = {}) {
    constexpr int kDraws = 40000;
    Sampler sampler(options);
    std::vector<double> counts(kLogits.size());
    for (int i = 0; i < kDraws; ++i) {
        std::vector<float> logits = kLogits;
        counts[static_cast<size_t>(sampler.sample(logits, recent))] += 1.0 / kDraws;
    }
    return counts;
}

void expectShares(const std::vector<double>& found, const std::vector<double>& expected) {
    for (size_t i = 0; i < expected.size(); ++i) {
        // Five standard deviations of 40,000 draws.
        EXPECT_NEAR(found[i], expected[i], expected[i] == 0 ? 0 : 0.0125) << "token " << i;
    }
}

TEST(Sampler, drawsInProportionToTheSoftmax) {
    expectShares(shares(plain()), {0.15, 0.5, 0.05, 0.3});
}

TEST(Sampler, isGreedyAtTemperatureZeroWithTheSmallestIdOfEquals) {
    SamplingOptions options = plain();
    options.temperature = 0;
    Sampler sampler(options);
    std::vector<float> logits = {1, 3, 3, 2};
    EXPECT_EQ(sampler.sample(logits, {}), 1);
}

TEST(Sampler, sharpensWithALowTemperature) {
    SamplingOptions options = plain();
    options.temperature = 0.5f;  // p^2, normalized: 0.0225, 0.25, 0.0025, 0.09 of 0.365
    expectShares(shares(options), {0.0616, 0.6849, 0.0068, 0.2466});
}

TEST(Sampler, keepsTheKBest) {
    SamplingOptions options = plain();
    options.topK = 2;
    expectShares(shares(options), {0, 0.625, 0, 0.375});
}

TEST(Sampler, keepsTheSmallestSetThatReachesP) {
    SamplingOptions options = plain();
    options.topP = 0.75f;  // 0.5 is not enough, 0.5 + 0.3 is
    expectShares(shares(options), {0, 0.625, 0, 0.375});
    options.topP = 0.4f;
    expectShares(shares(options), {0, 1, 0, 0});
}

TEST(Sampler, dropsWhatIsTooFarBelowTheBest) {
    SamplingOptions options = plain();
    options.minP = 0.25f;  // 0.25 * 0.5 = 0.125
    expectShares(shares(options), {0.1579, 0.5263, 0, 0.3158});
}

TEST(Sampler, punishesTokensOfTheWindowOnce) {
    SamplingOptions options = plain();
    options.repeatPenalty = 2;
    options.repeatWindow = 3;
    // Token 1's logit ln 0.5 < 0 is doubled: 0.25; token 2 lies outside the window.
    expectShares(shares(options, {2, 1, 1, 1}), {0.2, 0.3333, 0.0667, 0.4});
    options.temperature = 0;
    std::vector<float> positive = {2, 3};
    EXPECT_EQ(Sampler(options).sample(positive, std::vector<int>{1}), 0) << "a positive logit is divided";
}

TEST(Sampler, repeatsItselfForASeedAndDiffersWithoutOne) {
    const auto draws = [](uint64_t seed) {
        SamplingOptions options = plain();
        options.seed = seed;
        Sampler sampler(options);
        std::vector<int> tokens;
        for (int i = 0; i < 64; ++i) {
            std::vector<float> logits = kLogits;
            tokens.push_back(sampler.sample(logits, {}));
        }
        return tokens;
    };
    EXPECT_EQ(draws(7), draws(7));
    EXPECT_NE(draws(7), draws(8));
    EXPECT_NE(draws(0), draws(0));
}

TEST(Sampler, givesATokenEvenForLogitsThatAreNotNumbers) {
    for (const float broken :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
        Sampler sampler(plain());
        std::vector<float> logits(5, broken);
        const int token = sampler.sample(logits, std::vector<int>{99, -1});
        EXPECT_GE(token, 0);
        EXPECT_LT(token, 5);
    }
}

}  // namespace
}  // namespace edgechat::inference
