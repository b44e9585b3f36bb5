// The codes of one group of weights, from every table of kernels that this machine can run, against what
// kernels.h says about them, computed in fp64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "inference/model/tensor.h"
#include "quant/error_metric.h"
#include "quant/kernels/kernels.h"
#include "tests/data/random_values.h"

namespace edgechat::quant {
namespace {

using namespace testing;
using inference::floatToHalf;
using inference::halfToFloat;

std::vector<const QuantizerKernels*> tables() {
    const QuantizerKernels* all[3] = {};
    const int count = usableQuantizerKernels(all);
    return {all, all + count};
}

/// A group's inputs that hang together, as they do in a model: M and D of their Gram matrix.
struct Metric {
    std::vector<float> mTransposed, d;
    Metric() = default;
    Metric(int size, uint64_t seed) {
        RandomValues random(seed);
        Gram gram;
        gram.size = size;
        gram.values.assign(static_cast<size_t>(size * size), 0.0f);
        for (int token = 0; token < 3 * size; ++token) {
            float carried = 0;
            std::vector<float> x(static_cast<size_t>(size));
            for (float& value : x) value = carried = 0.7f * carried + random.next();
            x[static_cast<size_t>(size / 3)] *= 20;  // an outlier, as activations have
            for (int i = 0; i < size; ++i) {
                for (int j = i; j < size; ++j)
                    gram.row(i)[j] += x[static_cast<size_t>(i)] * x[static_cast<size_t>(j)];
            }
        }
        const ErrorMetric metric = factorBlock(gram, 0, size);
        d = metric.d;
        mTransposed.assign(static_cast<size_t>(size * size), 0.0f);
        for (int i = 0; i < size; ++i) {
            for (int k = i + 1; k < size; ++k)
                mTransposed[static_cast<size_t>(k * size + i)] = metric.row(i)[k];
        }
    }
};

struct Group {
    const QuantizerKernels& table;
    int size;
    std::vector<float> weights, feedback;
    Metric metric;
    std::vector<float> plainD;

    Group(const QuantizerKernels& kernels, int groupSize)
        : table(kernels),
          size(groupSize),
          weights(static_cast<size_t>(groupSize * kernels.lanes)),
          plainD(static_cast<size_t>(groupSize), 1.0f) {}

    size_t at(int k, int lane) const { return static_cast<size_t>(k * table.lanes + lane); }
    void fill(uint64_t seed, float centre, float spread) {
        RandomValues random(seed);
        for (float& weight : weights) weight = centre + spread * random.next();
    }
    GroupTask task(Rounding rounding = Rounding::nearest, bool search = false, bool refit = false,
                   int effort = 0) const {
        GroupTask task;
        task.weights = weights.data();
        task.feedback = feedback.empty() ? nullptr : feedback.data();
        task.mTransposed = metric.d.empty() ? nullptr : metric.mTransposed.data();
        task.d = metric.d.empty() ? plainD.data() : metric.d.data();
        task.groupSize = size;
        task.rounding = rounding;
        task.searchRange = search;
        task.refit = refit;
        task.effort = effort;
        return task;
    }

    double m(int i, int k) const {
        return metric.d.empty() ? 0 : double{metric.mTransposed[static_cast<size_t>(k * size + i)]};
    }
    /// sum_k d[k] (a[k] - (v[k] + sum_{i<k} v[i] m[i, k]))^2
    double loss(const std::vector<double>& values, int lane) const {
        double sum = 0;
        for (int k = 0; k < size; ++k) {
            double error = double{weights[at(k, lane)]} - values[static_cast<size_t>(k)];
            if (!feedback.empty()) error += double{feedback[at(k, lane)]};
            for (int i = 0; i < k; ++i)
                error += (double{weights[at(i, lane)]} - values[static_cast<size_t>(i)]) * m(i, k);
            sum += error * error * double{task().d[k]};
        }
        return sum;
    }
    double loss(const GroupResult& result, int lane) const {
        std::vector<double> values;
        for (int k = 0; k < size; ++k) values.push_back(double{result.values[at(k, lane)]});
        return loss(values, lane);
    }
    double energy(int lane) const { return loss(std::vector<double>(static_cast<size_t>(size)), lane); }

    GroupResult run(const GroupTask& task) const {
        GroupResult result;
        table.quantizeGroup(task, result);
        return result;
    }

    /// What holds for every result.
    void check(const GroupResult& result) const {
        for (int lane = 0; lane < table.lanes; ++lane) {
            const float scale = result.scale[lane], zero = result.zero[lane];
            ASSERT_GT(scale, 0) << "lane " << lane;
            ASSERT_EQ(scale, halfToFloat(floatToHalf(scale))) << "fp16 must hold it";
            ASSERT_TRUE(zero >= 0 && zero <= 15 && zero == std::floor(zero)) << zero;
            for (int k = 0; k < size; ++k) {
                ASSERT_LE(result.codes[at(k, lane)], 15);
                ASSERT_EQ(result.values[at(k, lane)],
                          scale * (static_cast<float>(result.codes[at(k, lane)]) - zero));
            }
            const double expected = loss(result, lane), all = energy(lane);
            ASSERT_NEAR(double{result.loss[lane]}, expected, 1e-3 * expected + 1e-5 * all + 1e-30)
                << "lane " << lane;
        }
    }
};

class GroupKernel : public ::testing::TestWithParam<const QuantizerKernels*> {
  protected:
    const QuantizerKernels& table() const { return *GetParam(); }
};

constexpr int kSizes[] = {32, 64, 128};

/// Codes in the plainest way: quantization.md of AutoAWQ with the range extended to zero, the scale rounded
/// to fp16 before the codes are taken from it.
TEST_P(GroupKernel, roundsToNearest) {
    for (const int size : kSizes) {
        for (const float centre : {0.0f, 0.6f, -0.6f}) {
            Group group(table(), size);
            group.fill(static_cast<uint64_t>(size), centre, 0.5f);
            const GroupResult result = group.run(group.task());
            ASSERT_NO_FATAL_FAILURE(group.check(result));
            for (int lane = 0; lane < table().lanes; ++lane) {
                double low = 0, high = 0;
                for (int k = 0; k < size; ++k) {
                    low = std::min(low, double{group.weights[group.at(k, lane)]});
                    high = std::max(high, double{group.weights[group.at(k, lane)]});
                }
                const double exact = (high - low) / 15, scale = double{result.scale[lane]};
                ASSERT_NEAR(scale, exact, exact * 0x1p-11 * 1.001);  // half a unit in the last place
                ASSERT_NEAR(double{result.zero[lane]}, std::clamp(-low / scale, 0.0, 15.0), 0.5001);
                for (int k = 0; k < size; ++k) {
                    const double weight = double{group.weights[group.at(k, lane)]};
                    const double level = std::clamp(weight / scale + double{result.zero[lane]}, 0.0, 15.0);
                    ASSERT_NEAR(static_cast<double>(result.codes[group.at(k, lane)]), level, 0.5001)
                        << "lane " << lane;
                }
            }
        }
    }
}

TEST_P(GroupKernel, sayTheLossOfWhatTheyChose) {
    for (const int size : {1, 3, 32, 64, 128}) {
        for (const bool metric : {false, true}) {
            for (const bool feedback : {false, true}) {
                Group group(table(), size);
                group.fill(7, 0.02f, 0.1f);
                if (metric) group.metric = Metric(size, 3);
                if (feedback) group.feedback = RandomValues(5).vector(group.weights.size(), 0.02f);
                for (const Rounding rounding : {Rounding::nearest, Rounding::compensated}) {
                    for (int options = 0; options < 8; ++options) {
                        SCOPED_TRACE(std::to_string(size) + (metric ? " metric" : "") +
                                     (feedback ? " feedback" : "") + " options " + std::to_string(options) +
                                     (rounding == Rounding::nearest ? " nearest" : " compensated"));
                        const GroupTask task =
                            group.task(rounding, (options & 1) != 0, (options & 2) != 0, options >> 2);
                        ASSERT_NO_FATAL_FAILURE(group.check(group.run(task)));
                    }
                }
            }
        }
    }
}

TEST_P(GroupKernel, aSearchIsNeverWorse) {
    for (const int size : kSizes) {
        for (uint64_t seed = 0; seed < 6; ++seed) {
            Group group(table(), size);
            group.fill(seed, seed % 2 == 0 ? 0.0f : 0.05f, 0.1f);
            for (int lane = 0; lane < table().lanes; lane += 2) group.weights[group.at(3, lane)] = 0.6f;
            if (seed % 3 != 0) group.metric = Metric(size, seed);
            for (const Rounding rounding : {Rounding::nearest, Rounding::compensated}) {
                const GroupResult plain = group.run(group.task(rounding));
                for (int effort = 0; effort < 2; ++effort) {
                    const GroupResult search = group.run(group.task(rounding, true, false, effort));
                    const GroupResult refit = group.run(group.task(rounding, true, true, effort));
                    for (int lane = 0; lane < table().lanes; ++lane) {
                        const double before = group.loss(plain, lane), all = group.energy(lane);
                        EXPECT_LE(group.loss(search, lane), before * 1.0001 + 1e-6 * all);
                        EXPECT_LE(group.loss(refit, lane), before * 1.0001 + 1e-6 * all);
                    }
                }
            }
        }
    }
}

TEST_P(GroupKernel, aSearchAndARefitPayOff) {
    double plain = 0, search = 0, refit = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        Group group(table(), 64);
        group.fill(seed, 0, 0.1f);
        for (int lane = 0; lane < table().lanes; ++lane)
            group.weights[group.at(static_cast<int>(seed), lane)] *= 3;
        const GroupResult results[] = {group.run(group.task()),
                                       group.run(group.task(Rounding::nearest, true)),
                                       group.run(group.task(Rounding::nearest, true, true, 1))};
        for (int lane = 0; lane < table().lanes; ++lane) {
            plain += group.loss(results[0], lane);
            search += group.loss(results[1], lane);
            refit += group.loss(results[2], lane);
        }
    }
    EXPECT_LT(search, 0.99 * plain);
    EXPECT_LT(refit, 0.99 * search);
}

/// What is there stays, row by row, unless something better is found.
TEST_P(GroupKernel, keepsWhatIsBetter) {
    for (const bool metric : {false, true}) {
        Group group(table(), 64);
        group.fill(4, 0.01f, 0.1f);
        if (metric) group.metric = Metric(64, 9);
        const GroupResult good = group.run(group.task(Rounding::compensated, true, true, 1));
        GroupResult present = good;
        for (int lane = 0; lane < table().lanes; lane += 2) {  // every other row is poor
            for (int k = 0; k < 64; ++k) present.codes[group.at(k, lane)] ^= 4;
        }
        GroupTask task = group.task(Rounding::compensated);
        task.present = &present;
        const GroupResult result = group.run(task);
        const GroupResult plain = group.run(group.task(Rounding::compensated));
        ASSERT_NO_FATAL_FAILURE(group.check(result));
        for (int lane = 0; lane < table().lanes; ++lane) {
            const GroupResult& expected = lane % 2 == 0 ? plain : good;
            EXPECT_EQ(result.scale[lane], expected.scale[lane]);
            EXPECT_EQ(result.zero[lane], expected.zero[lane]);
            for (int k = 0; k < 64; ++k)
                EXPECT_EQ(result.codes[group.at(k, lane)], expected.codes[group.at(k, lane)]) << lane;
            std::vector<double> before;
            for (int k = 0; k < 64; ++k)
                before.push_back(double{present.scale[lane]} *
                                 (present.codes[group.at(k, lane)] - double{present.zero[lane]}));
            const double gain = group.loss(before, lane) - group.loss(result, lane);
            EXPECT_NEAR(double{result.gain[lane]}, gain, 1e-3 * std::fabs(gain) + 1e-5 * group.energy(lane));
        }
    }
}

TEST_P(GroupKernel, compensationPaysOffInTheMean) {
    double nearest = 0, compensated = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        Group group(table(), 64);
        group.fill(seed, 0, 0.1f);
        group.metric = Metric(64, seed + 100);
        const GroupResult one = group.run(group.task()), two = group.run(group.task(Rounding::compensated));
        for (int lane = 0; lane < table().lanes; ++lane) {
            nearest += group.loss(one, lane);
            compensated += group.loss(two, lane);
        }
    }
    EXPECT_LT(compensated, 0.9 * nearest);
}

TEST_P(GroupKernel, givesARowTheSameWhateverLiesBesideIt) {
    Group group(table(), 128), alone(table(), 128);
    group.fill(11, 0, 0.1f);
    group.metric = alone.metric = Metric(128, 2);
    const GroupResult result = group.run(group.task(Rounding::compensated, true, true, 1));
    const int last = table().lanes - 1;
    for (int k = 0; k < 128; ++k) {
        for (int lane = 0; lane < table().lanes; ++lane)
            alone.weights[alone.at(k, lane)] = group.weights[group.at(k, last - lane)];
    }
    const GroupResult mirrored = alone.run(alone.task(Rounding::compensated, true, true, 1));
    for (int lane = 0; lane < table().lanes; ++lane) {
        EXPECT_EQ(result.scale[lane], mirrored.scale[last - lane]);
        EXPECT_EQ(result.zero[lane], mirrored.zero[last - lane]);
        for (int k = 0; k < 128; ++k)
            EXPECT_EQ(result.codes[group.at(k, lane)], mirrored.codes[group.at(k, last - lane)]);
    }
}

/// Weights that leave little to choose, and those at the ends of what fp16 and fp32 hold.
TEST_P(GroupKernel, standsOddWeights) {
    struct Odd {
        const char* name;
        float centre, spread;
        double mostError;  // relative to the largest weight; negative: not asked
    };
    const Odd odd[] = {{"zeros", 0, 0, 0},
                       {"one constant", 0.37f, 0, 1e-3},
                       {"a negative constant", -0.37f, 0, 1e-3},
                       {"all positive", 1.5f, 0.5f, 0.04},
                       {"all negative", -1.5f, 0.5f, 0.04},
                       {"tiny", 0, 2e-6f, 0.2},
                       {"tiny, below fp16", 0, 1e-12f, 1},
                       {"subnormal in fp32", 0, 1e-40f, -1},
                       {"large", 0, 60000, 0.07},
                       {"too large for a scale in fp16", 0, 1e8f, -1},
                       {"whose square overflows", 0, 1e25f, -1},
                       {"the largest", 0, 3e38f, -1}};
    for (const Odd& one : odd) {
        SCOPED_TRACE(one.name);
        Group group(table(), 32);
        group.fill(1, one.centre, one.spread);
        for (const bool metric : {false, true}) {
            if (metric) group.metric = Metric(32, 9);
            for (const Rounding rounding : {Rounding::nearest, Rounding::compensated}) {
                for (int options = 0; options < 4; ++options) {
                    const GroupResult result =
                        group.run(group.task(rounding, (options & 1) != 0, (options & 2) != 0, 1));
                    double most = 0, largest = 0;
                    for (int lane = 0; lane < table().lanes; ++lane) {
                        ASSERT_GT(result.scale[lane], 0);
                        ASSERT_EQ(result.scale[lane], halfToFloat(floatToHalf(result.scale[lane])));
                        ASSERT_TRUE(result.zero[lane] >= 0 && result.zero[lane] <= 15);
                        for (int k = 0; k < 32; ++k) {
                            ASSERT_LE(result.codes[group.at(k, lane)], 15);
                            const float value = result.values[group.at(k, lane)];
                            ASSERT_TRUE(std::isfinite(value));
                            const float weight = group.weights[group.at(k, lane)];
                            most = std::max(most, std::abs(double{value} - double{weight}));
                            largest = std::max(largest, std::abs(double{weight}));
                        }
                    }
                    if (one.mostError >= 0 && !metric && options == 0) {
                        EXPECT_LE(most, one.mostError * largest);
                    }
                }
            }
        }
    }
}

TEST(GroupKernels, areTheBestFirst) {
    const std::vector<const QuantizerKernels*> all = tables();
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.front(), &quantizerKernels());
    EXPECT_EQ(all.back(), portableQuantizerKernels());
    for (const QuantizerKernels* table : all) {
        EXPECT_GE(table->lanes, 1);
        EXPECT_LE(table->lanes, kMostLanes);
    }
}

/// They may round differently where two levels are equally near, so the losses are compared.
TEST(GroupKernels, areAsGoodAsEachOther) {
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (const QuantizerKernels* table : tables()) {
        double sum = 0;
        for (int row = 0; row < 64; row += table->lanes) {
            Group group(*table, 64);
            group.metric = Metric(64, 4);
            for (int lane = 0; lane < table->lanes; ++lane) {
                RandomValues random(static_cast<uint64_t>(row + lane));
                for (int k = 0; k < 64; ++k) group.weights[group.at(k, lane)] = random.next();
            }
            const GroupResult result = group.run(group.task(Rounding::compensated, true, true, 1));
            for (int lane = 0; lane < table->lanes; ++lane) sum += group.loss(result, lane);
        }
        least = std::min(least, sum);
        most = std::max(most, sum);
    }
    EXPECT_LE(most, 1.02 * least);
}

INSTANTIATE_TEST_SUITE_P(Tables, GroupKernel, ::testing::ValuesIn(tables()),
                         [](const ::testing::TestParamInfo<const QuantizerKernels*>& info) {
                             return std::string(info.param->name);
                         });

}  // namespace
}  // namespace edgechat::quant
