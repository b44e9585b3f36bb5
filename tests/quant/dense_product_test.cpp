// Dense products, with OpenBLAS where it is there and always without, against the loop that they stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "quant/dense_product.h"
#include "quant/kernels/kernels.h"
#include "tests/data/random_values.h"

namespace edgechat::quant {
namespace {

using namespace testing;
using inference::cpu::ThreadPool;

constexpr float kUntouched = 12345.0f;

using Make = std::function<std::unique_ptr<DenseProduct>(ThreadPool&)>;
struct Implementation {
    const char* name;
    Make make;
};

class Dense : public ::testing::TestWithParam<Implementation> {};

struct Shape {
    int64_t m, n, k;
};
constexpr Shape kShapes[] = {{1, 1, 1},     {1, 17, 3},    {5, 1, 7},      {2, 3, 0},      {4, 16, 512},
                             {3, 31, 513},  {17, 13, 11},  {64, 64, 64},   {257, 5, 33},   {5, 257, 33},
                             {127, 129, 2}, {1, 300, 600}, {300, 1, 1031}, {67, 521, 1025}};

/// Rows of random numbers with some between them that must not count.
struct Matrix {
    int64_t rows, columns, stride;
    std::vector<float> values;
    Matrix(int64_t rowCount, int64_t columnCount, int64_t gap, uint64_t seed)
        : rows(rowCount), columns(columnCount), stride(columnCount + gap) {
        values = RandomValues(seed).vector(static_cast<size_t>(rows * stride + 1));
        for (int64_t r = 0; r < rows; ++r) {
            for (int64_t c = columns; c < stride; ++c) values[static_cast<size_t>(r * stride + c)] = NAN;
        }
    }
    MatrixView view() const { return {values.data(), rows, columns, stride}; }
    double at(int64_t r, int64_t c) const { return double{values[static_cast<size_t>(r * stride + c)]}; }
};

/// Calls `call` on a result of [m, n] and compares every element, and what lies between the rows.
void compare(const Shape& shape, int64_t gap, float alpha, float beta, float before, double tolerance,
             const std::function<void(float* c, int64_t stride)>& call,
             const std::function<double(int64_t, int64_t)>& sum) {
    const int64_t stride = shape.n + gap;
    std::vector<float> c(static_cast<size_t>(shape.m * stride), kUntouched);
    for (int64_t i = 0; i < shape.m; ++i) std::fill_n(c.begin() + i * stride, shape.n, before);
    call(c.data(), stride);
    for (int64_t i = 0; i < shape.m; ++i) {
        for (int64_t j = 0; j < stride; ++j) {
            const float found = c[static_cast<size_t>(i * stride + j)];
            if (j >= shape.n) {
                ASSERT_EQ(found, kUntouched) << "behind row " << i;
                continue;
            }
            if (shape.m * shape.n * shape.k > 1'000'000 && (i * 7 + j) % 5 != 0) continue;  // some of many
            const double expected =
                (beta == 0 ? 0 : double{beta} * double{before}) + double{alpha} * sum(i, j);
            ASSERT_NEAR(double{found}, expected, tolerance)
                << shape.m << " " << shape.n << " " << shape.k << " at " << i << " " << j;
        }
    }
}

double toleranceOf(int64_t k) {
    return 1e-6 * (4 + static_cast<double>(k) / 4);
}

TEST_P(Dense, multipliesByAMatrixAndByATransposedOne) {
    ThreadPool pool(2);
    const std::unique_ptr<DenseProduct> product = GetParam().make(pool);
    for (const Shape& shape : kShapes) {
        for (const int64_t gap : {0, 3}) {
            const Matrix a(shape.m, shape.k, gap, 1), turned(shape.n, shape.k, gap, 2),
                straight(shape.k, shape.n, gap, 3);
            for (const float beta : {0.0f, 1.0f, -0.5f}) {
                // NaN in the result counts for nothing where beta is 0
                const float before = beta == 0 ? NAN : 0.75f;
                const double tolerance = toleranceOf(shape.k);
                ASSERT_NO_FATAL_FAILURE(compare(
                    shape, gap, 0.5f, beta, before, tolerance,
                    [&](float* c, int64_t stride) {
                        product->timesTransposed(a.view(), turned.view(), 0.5f, beta, c, stride);
                    },
                    [&](int64_t i, int64_t j) {
                        double sum = 0;
                        for (int64_t k = 0; k < shape.k; ++k) sum += a.at(i, k) * turned.at(j, k);
                        return sum;
                    }));
                ASSERT_NO_FATAL_FAILURE(compare(
                    shape, gap, -1, beta, before, tolerance,
                    [&](float* c, int64_t stride) {
                        product->times(a.view(), straight.view(), -1, beta, c, stride);
                    },
                    [&](int64_t i, int64_t j) {
                        double sum = 0;
                        for (int64_t k = 0; k < shape.k; ++k) sum += a.at(i, k) * straight.at(k, j);
                        return sum;
                    }));
            }
        }
    }
}

TEST_P(Dense, addsTheUpperTriangleOfAGramMatrix) {
    ThreadPool pool(2);
    const std::unique_ptr<DenseProduct> product = GetParam().make(pool);
    for (const int64_t n : {1, 2, 13, 64, 129, 257, 523}) {
        for (const int64_t tokens : {0, 1, 7, 514}) {
            const Matrix x(tokens, n, 2, 5);
            const int64_t stride = n + 3;
            std::vector<float> g(static_cast<size_t>(n * stride), kUntouched);
            for (int64_t i = 0; i < n; ++i) std::fill_n(g.begin() + i * stride + i, n - i, 0.25f);
            product->addGram(x.view(), g.data(), stride);
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t j = 0; j < stride; ++j) {
                    const float found = g[static_cast<size_t>(i * stride + j)];
                    if (j < i || j >= n) {
                        ASSERT_EQ(found, kUntouched) << n << ": " << i << " " << j;
                        continue;
                    }
                    if ((i * 7 + j) % 5 != 0 && n > 200) continue;  // some of many
                    double sum = 0.25;
                    for (int64_t t = 0; t < tokens; ++t) sum += x.at(t, i) * x.at(t, j);
                    ASSERT_NEAR(double{found}, sum, toleranceOf(4 * tokens)) << n << ": " << i << " " << j;
                }
            }
        }
    }
}

TEST_P(Dense, givesTheSameBitsWithAnyNumberOfThreads) {
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3, 1}) {
        ThreadPool pool(threads);
        const std::unique_ptr<DenseProduct> product = GetParam().make(pool);
        const Matrix a(301, 517, 0, 1), b(613, 517, 1, 2), c(517, 331, 0, 3);
        std::vector<float> result(301 * 613 + 301 * 331 + 517 * 517, 0.0f);
        product->timesTransposed(a.view(), b.view(), 1, 0, result.data(), 613);
        product->times(a.view(), c.view(), 1, 0, result.data() + 301 * 613, 331);
        product->addGram(a.view(), result.data() + 301 * 613 + 301 * 331, 517);
        results.push_back(std::move(result));
    }
    for (const std::vector<float>& other : results) EXPECT_TRUE(other == results.front());
}

std::vector<Implementation> implementations() {
    return {{"plain", makePlainProduct}, {"best", makeDenseProduct}};
}
INSTANTIATE_TEST_SUITE_P(Implementations, Dense, ::testing::ValuesIn(implementations()),
                         [](const ::testing::TestParamInfo<Implementation>& info) {
                             return std::string(info.param.name);
                         });

TEST(PanelKernels, multiply) {
    const QuantizerKernels* tables[3] = {};
    const int count = usableQuantizerKernels(tables);
    for (int i = 0; i < count; ++i) {
        const QuantizerKernels& table = *tables[i];
        for (int rows = 1; rows <= kPanelRows; ++rows) {
            for (const int64_t k : {0, 1, 2, 31, 97, 512}) {
                const Matrix a(rows, k, 5, 1), b(k, table.lanes, 0, 2);
                const int64_t stride = table.lanes + 1;
                std::vector<float> out(static_cast<size_t>(kPanelRows * stride), kUntouched);
                table.multiplyPanel(a.values.data(), a.stride, rows, b.values.data(), k, out.data(), stride);
                for (int r = 0; r < kPanelRows; ++r) {
                    for (int lane = 0; lane < stride; ++lane) {
                        const float found = out[static_cast<size_t>(r * stride + lane)];
                        if (r >= rows || lane == table.lanes) {
                            ASSERT_EQ(found, kUntouched);
                            continue;
                        }
                        double sum = 0;
                        for (int64_t j = 0; j < k; ++j) sum += a.at(r, j) * b.at(j, lane);
                        ASSERT_NEAR(double{found}, sum, toleranceOf(k))
                            << table.name << " " << rows << " " << k;
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace edgechat::quant
