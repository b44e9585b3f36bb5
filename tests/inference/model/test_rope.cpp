// Numbers of transformers 4.51.3: modeling_rope_utils.py, ROPE_INIT_FUNCTIONS, and build_alibi_tensor of
// modeling_falcon.py.
#include <gtest/gtest.h>

#include <utility>

#include "inference/model/alibi.h"
#include "inference/model/rope.h"

namespace edgechat::inference {
namespace {

using Expected = std::vector<std::pair<size_t, float>>;

ModelConfig ropeConfig(RopeScalingKind kind, float factor) {
    ModelConfig config;
    config.headSize = 64;
    config.context = 2048;
    config.ropeScaling.kind = kind;
    config.ropeScaling.factor = factor;
    return config;
}

void expectFrequencies(const ModelConfig& config, int context, const Expected& expected) {
    const std::vector<float> found = ropeInverseFrequencies(config, context);
    ASSERT_EQ(found.size(), static_cast<size_t>(config.headSize / 2));
    for (const auto& [i, value] : expected) EXPECT_NEAR(found[i], value, 2e-6f * value) << "pair " << i;
}

TEST(Rope, unscaled) {
    ModelConfig config = ropeConfig(RopeScalingKind::none, 1);
    config.headSize = 100;
    expectFrequencies(config, 4096,
                      {{0, 1.0f},
                       {1, 0.8317638039588928f},
                       {6, 0.33113113045692444f},
                       {25, 0.009999999776482582f},
                       {49, 0.0001202264174935408f}});
    EXPECT_EQ(ropeMagnitude(config.ropeScaling), 1.0f);
}

TEST(Rope, linear) {
    expectFrequencies(
        ropeConfig(RopeScalingKind::linear, 4), 4096,
        {{0, 0.25f}, {1, 0.18747355043888092f}, {16, 0.0024999999441206455f}, {31, 3.333803761051968e-05f}});
}

TEST(Rope, dynamicFollowsTheLoadedContextAndNotTheText) {
    ModelConfig config = ropeConfig(RopeScalingKind::dynamic, 2);
    expectFrequencies(config, 4096,
                      {{0, 1.0f},
                       {1, 0.7237839698791504f},
                       {16, 0.0056721000000834465f},
                       {24, 0.0004271848010830581f},
                       {31, 4.445071317604743e-05f}});
    const Expected unscaled = {
        {1, 0.7498942017555237f}, {16, 0.009999999776482582f}, {31, 0.0001333521504420787f}};
    expectFrequencies(config, 1000, unscaled);
    config.context = 8192, config.ropeScaling.originalContext = 2048;
    expectFrequencies(config, 1000, unscaled);
    expectFrequencies(config, 4096, {{16, 0.0056721000000834465f}});
}

TEST(Rope, yarn) {
    ModelConfig config = ropeConfig(RopeScalingKind::yarn, 4);
    config.context = 8192, config.ropeScaling.originalContext = 2048;
    expectFrequencies(config, 8192,
                      {{0, 1.0f},
                       {8, 0.10000000149011612f},
                       {12, 0.024325214326381683f},
                       {16, 0.005384615156799555f},
                       {20, 0.0009730085730552673f},
                       {24, 0.0002500000118743628f},
                       {31, 3.333803761051968e-05f}});
    EXPECT_FLOAT_EQ(ropeMagnitude(config.ropeScaling), 1.138629436111989f);

    config.ropeScaling.betaFast = 16, config.ropeScaling.betaSlow = 2;
    config.ropeScaling.attentionFactor = 0.75f;
    expectFrequencies(config, 8192,
                      {{8, 0.10000000149011612f},
                       {12, 0.025693506002426147f},
                       {16, 0.0043750000186264515f},
                       {20, 0.0007905694656074047f}});
    EXPECT_EQ(ropeMagnitude(config.ropeScaling), 0.75f);
    // mscale 0.707 and mscale_all_dim 0.5 of a factor of 4
    EXPECT_FLOAT_EQ(yarnMagnitude(4, 0.707f) / yarnMagnitude(4, 0.5f), 1.0268361529030026f);
    EXPECT_EQ(yarnMagnitude(0.5f), 1.0f);
}

TEST(Rope, llama3) {
    ModelConfig config = ropeConfig(RopeScalingKind::llama3, 8);
    config.headSize = 128, config.ropeBase = 500000, config.context = 131072;
    config.ropeScaling.originalContext = 8192;
    expectFrequencies(config, 4096,
                      {{0, 1.0f},
                       {1, 0.8146172165870667f},
                       {8, 0.193922758102417f},
                       {24, 0.00729266507551074f},
                       {32, 0.0005248460220173001f},
                       {40, 3.428102354519069e-05f},
                       {48, 6.647869668086059e-06f},
                       {63, 3.068925877869333e-07f}});
}

TEST(Rope, divisorsOfTheFile) {
    ModelConfig config = ropeConfig(RopeScalingKind::factors, 1);
    config.ropeScaling.divisors.assign(32, 1.0f);
    config.ropeScaling.divisors[16] = 8.0f;
    expectFrequencies(config, 4096, {{1, 0.7498942017555237f}, {16, 0.009999999776482582f / 8}});
}

TEST(Alibi, slopesForAnyNumberOfHeads) {
    EXPECT_EQ(alibiSlopes(6), (std::vector<float>{0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f, 0.125f}));
    EXPECT_EQ(alibiSlopes(8), (std::vector<float>{0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.015625f,
                                                  0.0078125f, 0.00390625f}));
    const std::vector<float> slopes = alibiSlopes(71);
    ASSERT_EQ(slopes.size(), 71u);
    for (const auto& [head, slope] : Expected{{0, 0.91796875f},
                                              {1, 0.83984375f},
                                              {31, 0.0625f},
                                              {62, 0.0042724609375f},
                                              {63, 0.00390625f},
                                              {64, 0.95703125f},
                                              {65, 0.87890625f},
                                              {70, 0.5703125f}}) {
        EXPECT_EQ(slopes[head], slope) << head;
    }
}

TEST(Alibi, roundsSlopePositionAndProductToBfloat16) {
    const std::vector<float> slopes = alibiSlopes(71);
    EXPECT_EQ(alibiBias(slopes[0], 3), 2.75f);
    EXPECT_EQ(alibiBias(slopes[0], 257), 235.0f);
    EXPECT_EQ(alibiBias(slopes[0], 1001), 916.0f);
    EXPECT_EQ(alibiBias(slopes[0], 2047), 1880.0f);
    EXPECT_EQ(alibiBias(slopes[70], 257), 146.0f);
    EXPECT_EQ(alibiBias(slopes[70], 1001), 572.0f);
}

}  // namespace
}  // namespace edgechat::inference
