#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "inference/cuda/sampling.h"
#include "inference/sampling/sampler.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/device_vector.h"

namespace edgechat::testing {
namespace {

using inference::Sampler;
using inference::SamplingOptions;
using inference::cuda::beginSampling;
using inference::cuda::canSample;
using inference::cuda::SampleArguments;
using inference::cuda::SampleState;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

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

SamplingOptions greedy() {
    SamplingOptions options = plain();
    options.temperature = 0;
    return options;
}

/// One answer's sampling on the device.
class DeviceSampler {
  public:
    explicit DeviceSampler(const SamplingOptions& options)
        : m_state(1, beginSampling(options)),
          m_next(1, -1),
          m_token(needed(sharedRuntime().allocatePinned(sizeof(int), "a token"))) {}

    int sample(const std::vector<float>& values) {
        const DeviceVector<float> logits(values);
        SampleArguments arguments;
        arguments.logits = logits.data();
        arguments.vocabulary = static_cast<int>(values.size());
        arguments.state = m_state.data();
        arguments.next = m_next.data();
        arguments.token = m_token.as<int>();
        launchSample(sharedRuntime(), arguments);
        needed(sharedRuntime().synchronize());
        EXPECT_EQ(m_next.download()[0], *m_token.as<int>());
        return *m_token.as<int>();
    }
    SampleState state() const { return m_state.download()[0]; }

  private:
    DeviceVector<SampleState> m_state;
    DeviceVector<int> m_next;
    inference::cuda::Memory m_token;
};

enum class Shape { even, flat, peaked, tied, holes, gentle };
constexpr Shape kShapes[] = {Shape::even, Shape::flat,  Shape::peaked,
                             Shape::tied, Shape::holes, Shape::gentle};

std::vector<float> makeLogits(Shape shape, int vocabulary, RandomValues& random) {
    std::vector<float> logits = random.vector(static_cast<size_t>(vocabulary), 12.0f);
    for (float& logit : logits) {
        switch (shape) {
            case Shape::even:
                break;
            case Shape::flat:
                logit = 2.5f;
                break;
            case Shape::peaked:
                logit = logit > 11 ? 3 * logit : logit / 4;
                break;
            case Shape::tied:
                logit = std::round(logit / 3);
                break;
            case Shape::holes:
                logit = logit < 6 ? -kInfinity : logit > 11.5f ? kNan : logit;
                break;
            case Shape::gentle:
                logit /= 24;
                break;
        }
    }
    if (shape == Shape::holes) logits[0] = 1;
    return logits;
}

/// Both samplers choose the same tokens of one answer.
void expectSame(const SamplingOptions& options, int vocabulary, int tokens) {
    SCOPED_TRACE("vocabulary " + std::to_string(vocabulary) + ", temperature " +
                 std::to_string(options.temperature) + ", top-k " + std::to_string(options.topK) +
                 ", top-p " + std::to_string(options.topP) + ", min-p " + std::to_string(options.minP) +
                 ", penalty " + std::to_string(options.repeatPenalty));
    ASSERT_TRUE(canSample(options, vocabulary));
    RandomValues random(static_cast<uint64_t>(vocabulary) + options.seed);
    for (const Shape shape : kShapes) {
        Sampler sampler(options);
        DeviceSampler device(options);
        std::vector<int> answer;
        for (int i = 0; i < tokens; ++i) {
            const std::vector<float> logits = makeLogits(shape, vocabulary, random);
            std::vector<float> overwritten = logits;
            const int expected = sampler.sample(overwritten, answer);
            ASSERT_EQ(device.sample(logits), expected)
                << "shape " << static_cast<int>(shape) << ", token " << i;
            answer.push_back(expected);
        }
    }
}

/// Of all combinations one in five, so that each value meets most others.
std::vector<SamplingOptions> manyOptions() {
    std::vector<SamplingOptions> some;
    uint64_t seed = 0;
    for (const float temperature : {0.7f, 1.5f}) {
        for (const int topK : {0, 1, 40, 300}) {
            for (const float topP : {1.0f, 0.95f, 0.3f, 0.0f}) {
                for (const float minP : {0.0f, 0.05f, 1.5f}) {
                    if (++seed % 5 != 0) continue;
                    SamplingOptions options;
                    options.temperature = temperature;
                    options.topK = topK;
                    options.topP = topP;
                    options.minP = minP;
                    options.repeatPenalty = seed % 3 == 0 ? 1.0f : 1.1f;
                    options.repeatWindow = seed % 2 == 0 ? 64 : 3;
                    options.seed = seed;
                    some.push_back(options);
                }
            }
        }
    }
    return some;
}

TEST(CudaSampling, choosesAsTheProcessorDoesFromFew) {
    for (const SamplingOptions& options : manyOptions()) expectSame(options, 7, 4);
}

TEST(CudaSampling, choosesAsTheProcessorDoes) {
    for (const SamplingOptions& options : manyOptions()) expectSame(options, 1000, 4);
}

TEST(CudaSampling, choosesAsTheProcessorDoesFromALargeVocabulary) {
    SamplingOptions options;
    options.seed = 5;
    expectSame(options, 32003, 2);
    options.temperature = 2;
    options.topK = 0;
    expectSame(options, 32003, 1);
    options = plain();
    expectSame(options, 32003, 1);
}

TEST(CudaSampling, drawsInProportionToTheSoftmax) {
    const std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};
    constexpr int kDraws = 400;
    DeviceSampler sampler(plain());
    double counts[4] = {};
    for (int i = 0; i < kDraws; ++i) counts[sampler.sample(logits)] += 1.0 / kDraws;
    // Five standard deviations.
    EXPECT_NEAR(counts[0], 0.15, 0.090);
    EXPECT_NEAR(counts[1], 0.50, 0.125);
    EXPECT_LE(counts[2], 0.05 + 0.055);
    EXPECT_NEAR(counts[3], 0.30, 0.115);
}

TEST(CudaSampling, isGreedyAtTemperatureZeroWithTheSmallestIdOfEquals) {
    EXPECT_EQ(DeviceSampler(greedy()).sample({1, 3, 3, 2}), 1);
    std::vector<float> logits(2500, -5.0f);
    EXPECT_EQ(DeviceSampler(greedy()).sample(logits), 0);
    logits[2499] = logits[1700] = 1;
    EXPECT_EQ(DeviceSampler(greedy()).sample(logits), 1700);
    logits[2499] = 2;
    EXPECT_EQ(DeviceSampler(greedy()).sample(logits), 2499);
    EXPECT_EQ(DeviceSampler(greedy()).sample({-0.0f, 0.0f}), 0);
}

TEST(CudaSampling, givesATokenForLogitsThatAreNoNumbers) {
    const std::vector<std::vector<float>> broken = {{kNan, kNan, kNan},
                                                    {1, kNan, 2},
                                                    {kNan, 1, 2},
                                                    {-kInfinity, -kInfinity},
                                                    {1, kInfinity, kInfinity},
                                                    {-kInfinity, kNan, -1e30f}};
    for (SamplingOptions options : {greedy(), plain()}) {
        for (const std::vector<float>& logits : broken) {
            std::vector<float> overwritten = logits;
            EXPECT_EQ(DeviceSampler(options).sample(logits), Sampler(options).sample(overwritten, {}));
        }
    }
}

TEST(CudaSampling, punishesEachRecentTokenOnce) {
    SamplingOptions options = greedy();
    options.repeatPenalty = 2;
    options.repeatWindow = 2;
    DeviceSampler sampler(options);
    const std::vector<float> logits = {5, 8, -1, 3.5f};
    EXPECT_EQ(sampler.sample(logits), 1);
    EXPECT_EQ(sampler.sample(logits), 0);        // 8 / 2 < 5
    EXPECT_EQ(sampler.sample(logits), 1);        // 4, 2.5, 3.5
    EXPECT_EQ(sampler.sample({0, 9, 0, 4}), 1);  // 4.5: 1 is in the window, and again
    EXPECT_EQ(sampler.sample({0, 9, 0, 4}), 1);  // twice in the window, punished once
    EXPECT_EQ(sampler.sample({5, 9, 0, 4}), 0);
    EXPECT_EQ(sampler.sample({-1, -3, -2.5f, -2.5f}), 0);     // -2, -6
    EXPECT_EQ(sampler.sample({-1.5f, -3, -2.5f, -2.5f}), 2);  // -3: multiplied where it is not positive
}

TEST(CudaSampling, looksBackOverTheWholeWindow) {
    SamplingOptions options = greedy();
    options.repeatPenalty = 1.5f;
    options.repeatWindow = inference::cuda::kMostRecent;
    Sampler sampler(options);
    DeviceSampler device(options);
    RandomValues random(9);
    std::vector<int> answer;
    for (int i = 0; i < inference::cuda::kMostRecent + 40; ++i) {
        const std::vector<float> logits = random.vector(300, 2.0f);
        std::vector<float> overwritten = logits;
        answer.push_back(sampler.sample(overwritten, answer));
        ASSERT_EQ(device.sample(logits), answer.back()) << i;
    }
    EXPECT_EQ(device.state().chosen, static_cast<int>(answer.size()));
    EXPECT_EQ(device.state().counter, 0u);  // nothing was drawn
}

TEST(CudaSampling, tellsEqualDistancesApartByTheId) {
    // More equals than are gathered: the last digits of the place, which are the id's, decide.
    SamplingOptions options = plain();
    options.topK = 700;
    options.topP = 0.5f;
    expectSame(options, 5000, 4);
    options.topK = 0;
    expectSame(options, 5000, 4);
    options.topK = 1;
    DeviceSampler sampler(options);
    EXPECT_EQ(sampler.sample(std::vector<float>(5000, 3.0f)), 0);
    EXPECT_EQ(sampler.state().counter, 1u);
}

TEST(CudaSampling, saysWhatItCannotDo) {
    SamplingOptions options;
    EXPECT_TRUE(canSample(options, 152'064));
    EXPECT_FALSE(canSample(options, 2'000'000));
    options.repeatWindow = 257;
    EXPECT_FALSE(canSample(options, 1000));
    options.repeatPenalty = 1;
    EXPECT_TRUE(canSample(options, 1000));
}

}  // namespace
}  // namespace edgechat::testing
