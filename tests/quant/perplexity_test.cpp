// The measures of quant/perplexity.h on logits whose probabilities are known by hand.
#include "quant/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace edgechat::quant {
namespace {

// Logits whose softmax is 0.1, 0.2, 0.3, 0.4: logarithms of those, all 7 higher.
std::vector<float> ascending() {
    std::vector<float> logits;
    for (const double p : {0.1, 0.2, 0.3, 0.4}) logits.push_back(static_cast<float>(std::log(p) + 7));
    return logits;
}

const std::vector<float> kUniform = {2.0f, 2.0f, 2.0f, 2.0f};

// A model whose prediction depends on the token it follows, and that remembers what it was asked.
struct FakeModel {
    std::map<int, std::vector<float>> rows;      // by token; else kUniform
    std::vector<std::vector<int>> windows = {};  // as they came

    Scorer scorer() {
        return [this](std::span<const int> tokens, const auto& visit) -> Result<void> {
            windows.emplace_back(tokens.begin(), tokens.end());
            for (size_t t = 0; t < tokens.size(); t++) {
                const auto row = rows.find(tokens[t]);
                if (!visit(static_cast<int>(t), row == rows.end() ? kUniform : row->second)) {
                    Error error;
                    error.code = ErrorCode::interrupted;
                    return error;
                }
            }
            return {};
        };
    }
};

PerplexityOptions options(Protocol protocol, int window, int bos = -1) {
    PerplexityOptions result;
    result.protocol = protocol;
    result.window = window;
    result.bos = bos;
    return result;
}

TEST(LogSumExp, isExactForLogitsThatOverflowExp) {
    EXPECT_DOUBLE_EQ(logSumExp(std::vector<float>{1000, 1000}), 1000 + std::log(2.0));
    EXPECT_DOUBLE_EQ(logSumExp(std::vector<float>{-1000, -1000}), -1000 + std::log(2.0));
}

TEST(NegativeLogLikelihood, isMinusTheLogOfTheSoftmax) {
    EXPECT_NEAR(negativeLogLikelihood(ascending(), 0), 2.302585093, 1e-6);  // -ln 0.1
    EXPECT_NEAR(negativeLogLikelihood(ascending(), 3), 0.916290732, 1e-6);  // -ln 0.4
}

TEST(KlDivergence, isTheHandCalculatedOne) {
    // 0.25 (ln 2.5 + ln 1.25 + ln 0.8333 + ln 0.625)
    EXPECT_NEAR(klDivergence(kUniform, ascending()), 0.121777274, 1e-6);
    // 0.1 ln 0.4 + 0.2 ln 0.8 + 0.3 ln 1.2 + 0.4 ln 1.6: the order of the arguments matters
    EXPECT_NEAR(klDivergence(ascending(), kUniform), 0.106440135, 1e-6);
}

TEST(KlDivergence, doesNotSeeAShiftOfAllLogits) {
    std::vector<float> shifted = ascending();
    for (float& logit : shifted) logit += 16;
    EXPECT_NEAR(klDivergence(ascending(), shifted), 0, 1e-9);
    EXPECT_GE(klDivergence(ascending(), shifted), 0);
}

TEST(KlDivergence, countsAnImpossibleTokenOfTheReferenceAsNothing) {
    const float impossible = -std::numeric_limits<float>::infinity();
    // Reference 0.5, 0.5, 0 against 1/3 each: ln 1.5
    EXPECT_NEAR(klDivergence(std::vector<float>{0, 0, impossible}, std::vector<float>{0, 0, 0}),
                std::log(1.5), 1e-12);
}

TEST(Argmax, isTheSmallestOfEqualOnes) {
    EXPECT_EQ(argmax(std::vector<float>{1, 3, 3, 2}), 1);
    EXPECT_EQ(argmax(kUniform), 0);
}

TEST(RunningMean, hasTheStandardErrorOfTheSample) {
    RunningMean mean;
    for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) mean.add(value);
    EXPECT_DOUBLE_EQ(mean.mean(), 5);
    EXPECT_DOUBLE_EQ(mean.standardErrorOfMean(), std::sqrt(32.0 / 7 / 8));
}

TEST(Perplexity, ofAUniformModelIsTheVocabulary) {
    FakeModel model;
    const std::vector<int> tokens = {0, 1, 2, 3, 0, 1, 2, 3};
    const Result<PerplexityResult> result =
        measurePerplexity(tokens, options(Protocol::full, 4), model.scorer());
    ASSERT_TRUE(result);
    EXPECT_NEAR(result->perplexity, 4, 1e-12);
    EXPECT_NEAR(result->standardError, 0, 1e-12);
    EXPECT_NEAR(result->meanNll, std::log(4.0), 1e-12);
    EXPECT_FALSE(result->reference);
}

TEST(Perplexity, fullScoresAllTargetsOfEachWholeWindow) {
    FakeModel model;
    const std::vector<int> tokens = {0, 1, 2, 3, 3, 2, 1, 0, 1, 2, 3};
    const Result<PerplexityResult> result =
        measurePerplexity(tokens, options(Protocol::full, 4), model.scorer());
    ASSERT_TRUE(result);
    EXPECT_EQ(result->windows, 2u);
    EXPECT_EQ(result->tokens, 6u);
    EXPECT_EQ(model.windows, (std::vector<std::vector<int>>{{0, 1, 2, 3}, {3, 2, 1, 0}}));
}

TEST(Perplexity, meanAndStandardErrorAreThoseOfTheTargets) {
    // After token 0 the model gives 0.1 .. 0.4; elsewhere 0.25. Targets: 3 after 0 (0.4), 1 after 3 (0.25).
    FakeModel model{{{0, ascending()}}};
    const Result<PerplexityResult> result =
        measurePerplexity(std::vector<int>{0, 3, 1}, options(Protocol::full, 3), model.scorer());
    ASSERT_TRUE(result);
    const double a = -std::log(0.4), b = -std::log(0.25);
    EXPECT_NEAR(result->meanNll, (a + b) / 2, 1e-7);
    EXPECT_NEAR(result->perplexity, std::sqrt(10.0), 1e-6);  // exp of the mean: 1/sqrt(0.4 * 0.25)
    // Two values: the sample's variance is (b - a)^2 / 2, of the mean half of it.
    EXPECT_NEAR(result->standardError, std::sqrt(10.0) * (b - a) / 2, 1e-6);
}

TEST(Perplexity, halfScoresWhatFollowsTheMiddleOfTheWindow) {
    // Of a window of 8 llama.cpp scores the logits at positions 4, 5, 6, which predict tokens 5, 6, 7. Only
    // after token 1 is the model not uniform, and it stands at 3 and 7: neither is scored.
    FakeModel model{{{1, ascending()}}};
    const Result<PerplexityResult> result = measurePerplexity(std::vector<int>{0, 0, 0, 1, 0, 0, 0, 1},
                                                              options(Protocol::half, 8), model.scorer());
    ASSERT_TRUE(result);
    EXPECT_EQ(result->tokens, 3u);
    EXPECT_NEAR(result->perplexity, 4, 1e-12);
    EXPECT_EQ(firstScoredPosition(Protocol::half, 8), 4);
    EXPECT_EQ(firstScoredPosition(Protocol::half, 7), 3);
    EXPECT_EQ(firstScoredPosition(Protocol::full, 8), 0);
}

TEST(Perplexity, halfPutsBosInPlaceOfTheFirstTokenOfEachWindow) {
    // The text with BOS in front: 9 0 1 2 | 3 0 1 2; then 3 gives way to BOS.
    FakeModel model;
    const Result<PerplexityResult> result = measurePerplexity(std::vector<int>{0, 1, 2, 3, 0, 1, 2},
                                                              options(Protocol::half, 4, 9), model.scorer());
    ASSERT_TRUE(result);
    EXPECT_EQ(model.windows, (std::vector<std::vector<int>>{{9, 0, 1, 2}, {9, 0, 1, 2}}));
}

TEST(Perplexity, fullAddsNoBos) {
    FakeModel model;
    ASSERT_TRUE(
        measurePerplexity(std::vector<int>{0, 1, 2, 3}, options(Protocol::full, 4, 9), model.scorer()));
    EXPECT_EQ(model.windows, (std::vector<std::vector<int>>{{0, 1, 2, 3}}));
}

TEST(PerplexityWithReference, measuresTheDivergenceAtTheSamePositions) {
    // Scored positions: after 0 and after 1. After 0 the model is ascending, the reference uniform; after 1
    // both are ascending.
    FakeModel model{{{0, ascending()}, {1, ascending()}}};
    FakeModel reference{{{1, ascending()}}};
    const Result<PerplexityResult> result = measurePerplexity(
        std::vector<int>{0, 1, 3}, options(Protocol::full, 3), model.scorer(), reference.scorer());
    ASSERT_TRUE(result);
    ASSERT_TRUE(result->reference);
    EXPECT_NEAR(result->reference->meanKld, 0.121777274 / 2, 1e-6);
    EXPECT_NEAR(result->reference->maxKld, 0.121777274, 1e-6);
    EXPECT_DOUBLE_EQ(result->reference->sameTop, 0.5);                  // uniform puts 0 first, ascending 3
    EXPECT_NEAR(result->reference->perplexity, std::sqrt(10.0), 1e-6);  // 0.25 and 0.4
    EXPECT_NEAR(result->perplexity, std::sqrt(1 / (0.2 * 0.4)), 1e-6);
}

TEST(PerplexityWithReference, comparesEachWindowWithItsOwn) {
    // Two windows that differ: a reference kept from the first would show a divergence in the second.
    FakeModel model{{{0, ascending()}}};
    FakeModel reference{{{0, ascending()}}};
    const Result<PerplexityResult> result = measurePerplexity(
        std::vector<int>{0, 0, 1, 1}, options(Protocol::full, 2), model.scorer(), reference.scorer());
    ASSERT_TRUE(result);
    EXPECT_NEAR(result->reference->maxKld, 0, 1e-9);
    EXPECT_DOUBLE_EQ(result->reference->sameTop, 1);
}

TEST(PerplexityWithReference, refusesAnotherVocabulary) {
    FakeModel model;
    FakeModel reference{{{0, {1, 2, 3}}, {1, {1, 2, 3}}}};
    const Result<PerplexityResult> result = measurePerplexity(
        std::vector<int>{0, 1, 0}, options(Protocol::full, 3), model.scorer(), reference.scorer());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::badInput);
}

TEST(Perplexity, refusesATextShorterThanAWindow) {
    FakeModel model;
    const Result<PerplexityResult> result =
        measurePerplexity(std::vector<int>{0, 1, 2}, options(Protocol::full, 4), model.scorer());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::badInput);
    EXPECT_TRUE(model.windows.empty());
}

TEST(Perplexity, saysWhenALogitIsNotANumber) {
    FakeModel model{{{0, {0, std::numeric_limits<float>::quiet_NaN(), 0, 0}}}};
    const Result<PerplexityResult> result =
        measurePerplexity(std::vector<int>{0, 1}, options(Protocol::full, 2), model.scorer());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::internal);
}

TEST(Perplexity, endsWhenProgressSaysSo) {
    FakeModel model;
    uint64_t lastDone = 0, lastTotal = 0;
    const Result<PerplexityResult> result =
        measurePerplexity(std::vector<int>(16, 0), options(Protocol::full, 4), model.scorer(), {},
                          [&](uint64_t done, uint64_t total) {
                              lastDone = done;
                              lastTotal = total;
                              return done < 6;
                          });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::interrupted);
    EXPECT_EQ(lastDone, 6u);
    EXPECT_EQ(lastTotal, 16u);
}

}  // namespace
}  // namespace edgechat::quant
