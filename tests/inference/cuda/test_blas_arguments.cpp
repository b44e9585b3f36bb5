// What BLAS is called with for matrices by rows: a BLAS by columns, called so, gives the product by rows.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "inference/cuda/blas_arguments.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/column_blas.h"

namespace edgechat::inference::cuda {
namespace {

constexpr float kUntouched = 12345.0f;

/// By rows, with NaNs between them that must not count.
struct Rows {
    int64_t rows, columns, stride;
    std::vector<float> values;
    Rows(int64_t rowCount, int64_t columnCount, int64_t gap, uint64_t seed)
        : rows(rowCount), columns(columnCount), stride(columnCount + gap) {
        values = testing::RandomValues(seed).vector(static_cast<size_t>(rows * stride + 1));
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = columns; c < stride; ++c) values[static_cast<size_t>(r * stride + c)] = NAN;
    }
    double at(int64_t r, int64_t c) const { return double{values[static_cast<size_t>(r * stride + c)]}; }
};

TEST(BlasArguments, productsOfMatricesByRows) {
    struct Shape {
        int64_t m, n, k;
    };
    for (const Shape& shape : {Shape{1, 1, 1}, {3, 5, 7}, {7, 3, 5}, {5, 7, 3}, {2, 9, 1}, {8, 1, 6}}) {
        for (const bool leftTransposed : {false, true}) {
            for (const bool rightTransposed : {false, true}) {
                for (const int64_t gap : {0, 2}) {
                    for (const float beta : {0.0f, 1.0f, -0.5f}) {
                        const Rows a(leftTransposed ? shape.k : shape.m, leftTransposed ? shape.m : shape.k,
                                     gap, 1);
                        const Rows b(rightTransposed ? shape.n : shape.k, rightTransposed ? shape.k : shape.n,
                                     gap + 1, 2);
                        const int64_t stride = shape.n + 2 * gap;
                        std::vector<float> c(static_cast<size_t>(shape.m * stride), kUntouched);
                        for (int64_t i = 0; i < shape.m; ++i)
                            std::fill_n(c.begin() + i * stride, shape.n, beta == 0 ? NAN : 0.75f);
                        const RowProduct product{shape.m,         shape.n,  shape.k,  leftTransposed,
                                                 rightTransposed, a.stride, b.stride, stride};
                        testing::columnGemm(gemmArguments(product), 0.5f, b.values.data(), a.values.data(),
                                            beta, c.data());
                        for (int64_t i = 0; i < shape.m; ++i) {
                            for (int64_t j = 0; j < stride; ++j) {
                                const float found = c[static_cast<size_t>(i * stride + j)];
                                if (j >= shape.n) {
                                    ASSERT_EQ(found, kUntouched);
                                    continue;
                                }
                                double sum = 0;
                                for (int64_t k = 0; k < shape.k; ++k)
                                    sum += (leftTransposed ? a.at(k, i) : a.at(i, k)) *
                                           (rightTransposed ? b.at(j, k) : b.at(k, j));
                                ASSERT_NEAR(double{found}, 0.5 * sum + 0.75 * double{beta}, 1e-6)
                                    << shape.m << " " << shape.n << " " << shape.k << " " << leftTransposed
                                    << rightTransposed << " at " << i << " " << j;
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST(BlasArguments, upperTrianglesOfGramMatricesByRows) {
    for (const int64_t n : {1, 4, 7}) {
        for (const int64_t rows : {1, 3, 9}) {
            for (const int64_t gap : {0, 3}) {
                const Rows x(rows, n, gap, 5);
                const int64_t stride = n + 2 * gap;
                std::vector<float> g(static_cast<size_t>(n * stride), kUntouched);
                for (int64_t i = 0; i < n; ++i) std::fill_n(g.begin() + i * stride + i, n - i, 0.25f);
                testing::columnSyrk(syrkArguments({n, rows, x.stride, stride}), 2, x.values.data(), -1,
                                    g.data());
                for (int64_t i = 0; i < n; ++i) {
                    for (int64_t j = 0; j < stride; ++j) {
                        const float found = g[static_cast<size_t>(i * stride + j)];
                        if (j < i || j >= n) {
                            ASSERT_EQ(found, kUntouched) << i << " " << j;
                            continue;
                        }
                        double sum = 0;
                        for (int64_t t = 0; t < rows; ++t) sum += x.at(t, i) * x.at(t, j);
                        ASSERT_NEAR(double{found}, 2 * sum - 0.25, 1e-6) << i << " " << j;
                    }
                }
            }
        }
    }
}

TEST(BlasArguments, knowsWhatBlasCannotCount) {
    RowProduct product{1, 1, 1, false, false, 1, 1, 1};
    EXPECT_TRUE(fitsBlas(product));
    for (int64_t RowProduct::*part : {&RowProduct::m, &RowProduct::n, &RowProduct::k, &RowProduct::aStride,
                                      &RowProduct::bStride, &RowProduct::cStride}) {
        RowProduct large = product;
        large.*part = int64_t{1} << 31;
        EXPECT_FALSE(fitsBlas(large));
    }
}

}  // namespace
}  // namespace edgechat::inference::cuda
