// The factors of a Gram matrix, multiplied again in fp64.
#include <gtest/gtest.h>

#include <cmath>

#include "quant/error_metric.h"
#include "tests/data/random_values.h"

namespace edgechat::quant {
namespace {

using namespace testing;
using inference::cpu::ThreadPool;

class Metric : public ::testing::Test {
  protected:
    /// Mean of x^T x over `tokens` random inputs, which hang together.
    static Gram gramOf(int64_t size, int64_t tokens, uint64_t seed = 1) {
        RandomValues random(seed);
        std::vector<double> sum(static_cast<size_t>(size * size));
        std::vector<double> x(static_cast<size_t>(size));
        for (int64_t t = 0; t < tokens; ++t) {
            double carried = 0;
            for (double& value : x) value = carried = 0.8 * carried + double{random.next()};
            for (int64_t i = 0; i < size; ++i) {
                for (int64_t j = i; j < size; ++j)
                    sum[static_cast<size_t>(i * size + j)] +=
                        x[static_cast<size_t>(i)] * x[static_cast<size_t>(j)] / static_cast<double>(tokens);
            }
        }
        Gram gram;
        gram.size = size;
        gram.values.assign(sum.begin(), sum.end());
        // what lies below the diagonal is not looked at, and written over
        for (int64_t i = 0; i < size; ++i) std::fill_n(gram.row(i), i, NAN);
        return gram;
    }

    static double meanDiagonal(const Gram& gram, int64_t first, int64_t count) {
        double sum = 0;
        for (int64_t i = first; i < first + count; ++i) sum += double{gram.diagonal(i)};
        return sum / static_cast<double>(count);
    }

    /// M diag(D) M^T is the block of `gram` from `first` on with the damping on its diagonal; a dead input is
    /// by itself.
    static void expectFactors(const ErrorMetric& metric, const Gram& gram, int64_t first,
                              double relativeTolerance) {
        const int64_t n = metric.size;
        ASSERT_GT(metric.damping, 0);
        ASSERT_EQ(metric.m.size(), static_cast<size_t>(n * n));
        ASSERT_EQ(metric.d.size(), static_cast<size_t>(n));
        const double mean = meanDiagonal(gram, first, n);
        const double tolerance = relativeTolerance * std::max(mean, 1e-30);
        for (int64_t i = 0; i < n; ++i) {
            ASSERT_GT(metric.d[static_cast<size_t>(i)], 0);
            ASSERT_EQ(metric.row(i)[i], 1);
        }
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t j = i; j < n; ++j) {
                double product = 0;
                for (int64_t k = j; k < n; ++k)
                    product += double{metric.row(i)[k]} * double{metric.d[static_cast<size_t>(k)]} *
                               double{metric.row(j)[k]};
                const bool dead = !(gram.diagonal(first + i) > 0) || !(gram.diagonal(first + j) > 0);
                double expected = dead ? 0 : double{gram.row(first + i)[first + j]};
                if (i == j && dead) {
                    ASSERT_GT(product, 0);
                    continue;
                }
                if (i == j) expected += double{metric.damping} * mean;
                ASSERT_NEAR(product, expected, tolerance) << n << ": " << i << " " << j;
            }
        }
    }

    ThreadPool m_pool{2};
    std::unique_ptr<DenseProduct> m_product = makeDenseProduct(m_pool);
    std::unique_ptr<DenseProduct> m_plain = makePlainProduct(m_pool);
};

TEST_F(Metric, isTheGramMatrixAgain) {
    for (const int64_t size : {1, 5, 127, 128, 129, 300}) {
        const Gram gram = gramOf(size, size);
        for (DenseProduct* product : {m_product.get(), m_plain.get()}) {
            const ErrorMetric metric = factorGram(gram, *product, m_pool);
            EXPECT_NEAR(double{metric.damping}, 0.003, 1e-6) << "no more than is needed";
            for (int64_t i = 0; i < size; ++i) {
                for (int64_t j = 0; j < i; ++j) ASSERT_EQ(metric.row(i)[j], gram.row(j)[i]) << "H lies below";
            }
            ASSERT_NO_FATAL_FAILURE(expectFactors(metric, gram, 0, 3e-5));
        }
    }
}

TEST_F(Metric, ofABlockIsThatBlocksAlone) {
    const Gram gram = gramOf(160, 400);
    for (const int64_t size : {1, 32, 128}) {
        for (const int64_t first : {int64_t{0}, int64_t{17}, 160 - size}) {
            const ErrorMetric metric = factorBlock(gram, first, size);
            ASSERT_EQ(metric.size, size);
            ASSERT_NO_FATAL_FAILURE(expectFactors(metric, gram, first, 1e-5));
        }
    }
}

TEST_F(Metric, ofInputsThatAreAlwaysZero) {
    for (const int64_t size : {5, 129, 300}) {
        Gram gram = gramOf(size, 40);
        for (int64_t dead = 0; dead < size; dead += 3) {
            for (int64_t i = 0; i < size; ++i) (i < dead ? gram.row(i)[dead] : gram.row(dead)[i]) = 0;
        }
        ASSERT_NO_FATAL_FAILURE(expectFactors(factorGram(gram, *m_product, m_pool), gram, 0, 3e-5));
        ASSERT_NO_FATAL_FAILURE(expectFactors(factorBlock(gram, 0, 5), gram, 0, 1e-5));
    }
    Gram nothing;
    nothing.size = 140;
    nothing.values.assign(140 * 140, 0.0f);
    ASSERT_NO_FATAL_FAILURE(expectFactors(factorGram(nothing, *m_product, m_pool), nothing, 0, 1));
    ASSERT_NO_FATAL_FAILURE(expectFactors(factorBlock(nothing, 12, 128), nothing, 12, 1));
}

TEST_F(Metric, ofFewTokens) {
    // rank 1, and rank 40 of 300
    for (const int64_t tokens : {1, 40}) {
        const Gram gram = gramOf(300, tokens);
        ASSERT_NO_FATAL_FAILURE(expectFactors(factorGram(gram, *m_product, m_pool), gram, 0, 1e-3));
        ASSERT_NO_FATAL_FAILURE(expectFactors(factorBlock(gram, 100, 128), gram, 100, 1e-4));
    }
}

TEST_F(Metric, dampsMoreWhereRoundingAsksForIt) {
    // Not a Gram matrix: its least eigenvalue is -0.05 of the mean, as rounding may leave one.
    const int64_t n = 150;
    Gram gram;
    gram.size = n;
    gram.values.assign(static_cast<size_t>(n * n), 0.0f);
    for (int64_t i = 0; i < n; ++i) gram.row(i)[i] = 1;
    gram.row(3)[140] = 1.05f;
    const ErrorMetric metric = factorGram(gram, *m_product, m_pool);
    EXPECT_NEAR(double{metric.damping}, 0.3, 1e-6);
    ASSERT_NO_FATAL_FAILURE(expectFactors(metric, gram, 0, 1e-5));
    // The same within the part that is factored first.
    gram.row(3)[140] = 0;
    gram.row(130)[149] = 1.05f;
    gram.row(129)[148] = 0.5f;
    ASSERT_NO_FATAL_FAILURE(expectFactors(factorGram(gram, *m_product, m_pool), gram, 0, 1e-5));
    gram.row(130)[149] = gram.row(129)[148] = 0;
    gram.row(3)[100] = 1.05f;
    gram.row(7)[140] = gram.row(9)[141] = gram.row(7)[141] = 0.3f;
    ASSERT_NO_FATAL_FAILURE(expectFactors(factorGram(gram, *m_product, m_pool), gram, 0, 1e-5));
    gram.row(3)[100] = gram.row(7)[140] = gram.row(9)[141] = gram.row(7)[141] = 0;
    // and one that no damping helps
    gram.row(3)[140] = 5;
    EXPECT_EQ(factorGram(gram, *m_product, m_pool).damping, 0);
}

TEST_F(Metric, thatIsNoNumberHasNoFactor) {
    for (const int64_t size : {5, 129, 300}) {
        const Gram whole = gramOf(size, 20);
        for (const float bad : {NAN, INFINITY}) {
            for (const int64_t column : {int64_t{0}, size / 2, size - 1}) {
                Gram gram = whole;
                gram.row(0)[column] = bad;
                EXPECT_EQ(factorGram(gram, *m_product, m_pool).damping, 0) << size << " " << column;
                const int64_t block = std::min<int64_t>(size, 128);
                EXPECT_EQ(factorBlock(gram, 0, block).damping == 0, column < block) << size << " " << column;
            }
        }
    }
}

TEST_F(Metric, isTheSameWithAnyNumberOfThreads) {
    const Gram gram = gramOf(300, 50);
    ThreadPool one(1);
    const ErrorMetric a = factorGram(gram, *makeDenseProduct(one), one),
                      b = factorGram(gram, *m_product, m_pool);
    EXPECT_TRUE(a.m == b.m && a.d == b.d);
}

}  // namespace
}  // namespace edgechat::quant
