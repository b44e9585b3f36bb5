// What quantizing the rows of a linear layer leaves of its outputs, against the matrix that was stored,
// multiplied out in fp64.
#include "quant/linear_quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "inference/model/tensor.h"
#include "tests/data/random_values.h"

namespace edgechat::quant {
namespace {

using namespace testing;
using inference::halfToFloat;

constexpr int kGroup = 32;
constexpr int64_t kRows = 21, kColumns = 160, kWindow = 16, kWindows = 40;

class Linear : public ::testing::Test {
  protected:
    Linear() {
        RandomValues random(3);
        m_weights = random.vector(static_cast<size_t>(kRows * kColumns), 0.1f);
        m_linear.info.type = inference::TensorType::f32;
        m_linear.info.rows = kRows;
        m_linear.info.columns = kColumns;
        m_linear.stored.resize(m_weights.size() * sizeof(float));
        std::memcpy(m_linear.stored.data(), m_weights.data(), m_linear.stored.size());
        // Inputs that hang together, some far stronger than others.
        m_inputs.resize(static_cast<size_t>(kWindows * kWindow * kColumns));
        for (int64_t t = 0; t < kWindows * kWindow; ++t) {
            float carried = 0;
            for (int64_t i = 0; i < kColumns; ++i) {
                carried = 0.8f * carried + random.next();
                m_inputs[static_cast<size_t>(t * kColumns + i)] =
                    carried * (i % 23 == 5 ? 12.0f : 1.0f + 0.02f * static_cast<float>(i));
            }
        }
    }

    SiteStatistics statistics(int parts = 1) {
        StatisticsPlan plan;
        plan.windows = kWindows;
        plan.window = kWindow;
        plan.heldOutWindows = 5;
        plan.blocks[InputSite::output] = parts;
        plan.blockMultiple = kGroup;
        StatisticsCollector collector(plan, *m_product);
        collector.add({InputSite::output, MatrixView(m_inputs.data(), kWindows * kWindow, kColumns), 0, {}});
        SiteStatistics site = collector.finish().at(InputSite::output);
        // What is added for want of tokens is taken off again: errors are to be those of these tokens.
        for (InputBlock& block : site.blocks) {
            if (site.tokens >= kManyTokens * block.gram.size) continue;
            const float added = static_cast<float>(block.gram.size) / static_cast<float>(site.tokens);
            for (int64_t i = 0; i < block.gram.size; ++i) block.gram.row(i)[i] /= 1 + added;
        }
        return site;
    }

    std::vector<int64_t> allRows() const {
        std::vector<int64_t> rows(kRows);
        std::iota(rows.begin(), rows.end(), 0);
        return rows;
    }

    struct Outcome {
        LinearLoss loss;
        QuantizedMatrix matrix;
        double error = 0,
               heldOutError = 0;  // of the outputs with what is stored: mean over tokens, rows summed
    };

    Outcome quantize(const LinearEffort& effort, bool ordered, int parts = 1) {
        SiteStatistics site = statistics(parts);
        if (ordered) reorder(site, orderByStrength(site, kGroup), m_pool);
        const std::vector<float> heldOut = site.heldOut;
        const SiteMetric metric = factorSite(site, kGroup, true, *m_product, m_pool);
        const PreparedRows rows = m_quantizer.prepare(m_linear, allRows(), metric.order, &site);
        std::vector<float> byRow, byInput;
        for (int64_t row = 0; row < kRows; ++row) byRow.push_back(row % 2 == 0 ? 1.0f : 0.5f);
        for (int64_t place = 0; place < kColumns; ++place) {
            const int64_t input = ordered ? metric.order[static_cast<size_t>(place)] : place;
            byInput.push_back(scaleOf(input));
        }
        Outcome outcome;
        outcome.matrix = emptyMatrix(kRows, kColumns, kGroup);
        outcome.loss =
            m_quantizer.quantize(rows, {byInput, byRow}, metric, effort, site.heldOutView(), &outcome.matrix);
        outcome.error = errorOf(outcome.matrix, byRow, false);
        outcome.heldOutError = errorOf(outcome.matrix, byRow, true);
        return outcome;
    }

    static float scaleOf(int64_t input) { return input % 23 == 5 ? 2.0f : 0.75f; }

    /// Every eighth window is kept aside.
    double errorOf(const QuantizedMatrix& matrix, const std::vector<float>& byRow, bool heldOut) const {
        double sum = 0;
        int64_t tokens = 0;
        for (int64_t t = 0; t < kWindows * kWindow; ++t) {
            if ((t / kWindow % 8 == 7) != heldOut) continue;
            ++tokens;
            for (int64_t row = 0; row < kRows; ++row) {
                double error = 0;
                for (int64_t k = 0; k < kColumns; ++k) {
                    const auto at = static_cast<size_t>(row * kColumns + k);
                    const auto group = static_cast<size_t>(row * (kColumns / kGroup) + k / kGroup);
                    const double value = double{halfToFloat(matrix.scales[group])} *
                                         (matrix.codes[at] - matrix.zeros[group]) /
                                         (double{scaleOf(k)} * double{byRow[static_cast<size_t>(row)]});
                    error += (double{m_weights[at]} - value) *
                             double{m_inputs[static_cast<size_t>(t * kColumns + k)]};
                }
                sum += error * error;
            }
        }
        return sum / static_cast<double>(tokens);
    }

    inference::cpu::ThreadPool m_pool{2};
    std::unique_ptr<DenseProduct> m_product = makeDenseProduct(m_pool);
    LinearQuantizer m_quantizer{m_pool, *m_product};
    std::vector<float> m_weights, m_inputs;
    DenseLinear m_linear;
};

constexpr LinearEffort kPlain = {LinearMethod::gptq, true, true, 1, 0};
constexpr LinearEffort kSwept = {LinearMethod::gptq, true, true, 1, 2};

TEST_F(Linear, saysTheErrorOfWhatItStores) {
    for (const LinearMethod method : {LinearMethod::nearest, LinearMethod::range, LinearMethod::gptq}) {
        for (const bool ordered : {false, true}) {
            for (const int sweeps : {0, 2}) {
                const Outcome outcome = quantize({method, true, true, 1, sweeps}, ordered);
                SCOPED_TRACE(std::string(linearMethodName(method)) + (ordered ? " ordered" : "") +
                             " sweeps " + std::to_string(sweeps));
                EXPECT_NEAR(outcome.loss.heldOut, outcome.heldOutError, 1e-4 * outcome.heldOutError);
                // The plain methods count no correlations between groups; damping adds to the metric's loss.
                if (method == LinearMethod::gptq) {
                    EXPECT_GE(outcome.loss.training, outcome.error * 0.999);
                    EXPECT_NEAR(outcome.loss.training, outcome.error, 0.06 * outcome.error);
                }
            }
        }
    }
}

TEST_F(Linear, answersForTheStrongInputsFirst) {
    SiteStatistics site = statistics();
    const SiteStatistics before = site;
    reorder(site, orderByStrength(site, kGroup), m_pool);
    ASSERT_EQ(site.order.size(), static_cast<size_t>(kColumns));
    std::vector<bool> seen(kColumns);
    for (int64_t p = 0; p < kColumns; ++p) {
        const int64_t input = site.order[static_cast<size_t>(p)];
        EXPECT_FALSE(seen[static_cast<size_t>(input)]);
        seen[static_cast<size_t>(input)] = true;
        EXPECT_EQ(input / kGroup, site.order[static_cast<size_t>(p / kGroup * kGroup)] / kGroup)
            << "groups stay whole";
        EXPECT_EQ(site.meanAbsolute[static_cast<size_t>(p)], before.meanAbsolute[static_cast<size_t>(input)]);
        EXPECT_EQ(site.largestAbsolute[static_cast<size_t>(p)],
                  before.largestAbsolute[static_cast<size_t>(input)]);
        EXPECT_EQ(site.heldOut[static_cast<size_t>(kColumns + p)],
                  before.heldOut[static_cast<size_t>(kColumns + input)]);
        for (int64_t q = p; q < kColumns; ++q) {
            const int64_t other = site.order[static_cast<size_t>(q)];
            EXPECT_EQ(site.blocks[0].gram.row(p)[q],
                      before.blocks[0].gram.row(std::min(input, other))[std::max(input, other)]);
        }
        if (p % kGroup > 0) {
            EXPECT_LE(site.blocks[0].gram.diagonal(p), site.blocks[0].gram.diagonal(p - 1));
        }
    }
}

/// A token of weight w counts as one of weight 1 whose inputs are sqrt(w) times as large, but for the sizes
/// of the inputs.
TEST_F(Linear, trustsFewTokensLess) {
    // Two inputs and four tokens, by hand: half as much again on the diagonal.
    const float four[] = {1, 2, -1, -1, 1, 2.5f, -1, -2};
    StatisticsPlan plan;
    plan.windows = 1;
    plan.window = 4;
    StatisticsCollector collector(plan, *m_product);
    collector.add({InputSite::output, MatrixView(four, 4, 2), 0, {}});
    const SiteStatistics site = collector.finish().at(InputSite::output);
    EXPECT_EQ(site.tokens, 4);
    const Gram& gram = site.blocks[0].gram;
    EXPECT_FLOAT_EQ(gram.row(0)[0], 1 * 1.5f);
    EXPECT_FLOAT_EQ(gram.row(0)[1], 7.5f / 4);
    EXPECT_FLOAT_EQ(gram.row(1)[1], 15.25f / 4 * 1.5f);
}

TEST_F(Linear, weighsTokens) {
    std::vector<float> weights, scaled = m_inputs;
    for (int64_t t = 0; t < kWindows * kWindow; ++t) {
        weights.push_back(t % 5 == 0 ? 9.0f : 0.25f);
        for (int64_t i = 0; i < kColumns; ++i)
            scaled[static_cast<size_t>(t * kColumns + i)] *= t % 5 == 0 ? 3.0f : 0.5f;
    }
    StatisticsPlan plan;
    plan.windows = kWindows;
    plan.window = kWindow;
    plan.heldOutWindows = 5;
    StatisticsCollector one(plan, *m_product), two(plan, *m_product), plain(plan, *m_product);
    one.add({InputSite::key, MatrixView(m_inputs.data(), kWindows * kWindow, kColumns), 0, weights});
    two.add({InputSite::key, MatrixView(scaled.data(), kWindows * kWindow, kColumns), 0, {}});
    plain.add({InputSite::key, MatrixView(m_inputs.data(), kWindows * kWindow, kColumns), 0, {}});
    const SiteStatistics weighted = one.finish().at(InputSite::key), as = two.finish().at(InputSite::key),
                         sizes = plain.finish().at(InputSite::key);
    EXPECT_EQ(weighted.blocks[0].gram.values, as.blocks[0].gram.values);
    EXPECT_EQ(weighted.heldOut, as.heldOut);
    EXPECT_EQ(weighted.meanAbsolute, sizes.meanAbsolute);
    EXPECT_EQ(weighted.largestAbsolute, sizes.largestAbsolute);
    EXPECT_NE(weighted.blocks[0].gram.values, sizes.blocks[0].gram.values);
}

TEST_F(Linear, losesLessInThatOrder) {
    EXPECT_LT(quantize(kPlain, true).error, 0.98 * quantize(kPlain, false).error);
}

TEST_F(Linear, losesLessWithEverySweep) {
    for (const bool ordered : {false, true}) {
        for (const int parts : {1, 2}) {
            double before = quantize(kPlain, ordered, parts).loss.training;
            const double first = before;
            for (int sweeps = 1; sweeps < 4; ++sweeps) {
                const Outcome outcome = quantize({LinearMethod::gptq, true, true, 1, sweeps}, ordered, parts);
                EXPECT_LE(outcome.loss.training, before * 1.0001);
                before = outcome.loss.training;
            }
            EXPECT_LT(before, 0.97 * first) << ordered << " " << parts;
        }
    }
    EXPECT_LT(quantize(kSwept, false).error, 0.98 * quantize(kPlain, false).error);
    EXPECT_LT(quantize(kSwept, true).error, 0.98 * quantize(kPlain, true).error);
}

}  // namespace
}  // namespace edgechat::quant
