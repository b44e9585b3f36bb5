// BLAS knows matrices by columns, we have them by rows. Read by columns, a matrix of ours is its transposed
// one, so a product of ours is the transposed factors' in the other order. No CUDA in here.
#pragma once

#include <cstdint>

namespace edgechat::inference::cuda {

/// c[m, n] = alpha left right + beta c, all by rows, `stride` elements from row to row. left is a[m, k], or
/// a[k, m] transposed; right is b[k, n], or b[n, k] transposed.
struct RowProduct {
    int64_t m = 0, n = 0, k = 0;
    bool leftTransposed = false, rightTransposed = false;
    int64_t aStride = 0, bStride = 0, cStride = 0;
};

/// What gemm is called with: C[m, n] = alpha op(A)[m, k] op(B)[k, n] + beta C by columns.
struct GemmArguments {
    bool transposeA = false, transposeB = false;
    int m = 0, n = 0, k = 0;
    int lda = 1, ldb = 1, ldc = 1;
};

/// BLAS' A is our b, its B our a.
constexpr GemmArguments gemmArguments(const RowProduct& product) {
    return {product.rightTransposed,           product.leftTransposed,
            static_cast<int>(product.n),       static_cast<int>(product.m),
            static_cast<int>(product.k),       static_cast<int>(product.bStride),
            static_cast<int>(product.aStride), static_cast<int>(product.cStride)};
}

/// The upper triangle of g[n, n] = alpha x[rows, n]^T x + beta g, all by rows.
struct RowGram {
    int64_t n = 0, rows = 0;
    int64_t xStride = 0, gStride = 0;
};

/// What syrk is called with: C[n, n] = alpha A[n, k] A^T + beta C by columns, without transposition and in
/// the lower triangle.
struct SyrkArguments {
    int n = 0, k = 0;
    int lda = 1, ldc = 1;
};

constexpr SyrkArguments syrkArguments(const RowGram& gram) {
    return {static_cast<int>(gram.n), static_cast<int>(gram.rows), static_cast<int>(gram.xStride),
            static_cast<int>(gram.gStride)};
}

/// BLAS counts with int.
constexpr bool fitsBlas(const RowProduct& p) {
    constexpr int64_t kMost = INT32_MAX;
    return p.m <= kMost && p.n <= kMost && p.k <= kMost && p.aStride <= kMost && p.bStride <= kMost &&
           p.cStride <= kMost;
}

}  // namespace edgechat::inference::cuda
