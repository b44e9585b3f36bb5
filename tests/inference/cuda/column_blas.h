// BLAS as its own documentation has it: matrices by columns, plain loops. What beta 0 or the other triangle
// leaves out is not read.
#pragma once

#include "inference/cuda/blas_arguments.h"

namespace edgechat::testing {

template <class In, class Out, class Scale>
void columnGemm(const inference::cuda::GemmArguments& g, Scale alpha, const In* a, const In* b, Scale beta,
                Out* c) {
    for (int i = 0; i < g.m; ++i) {
        for (int j = 0; j < g.n; ++j) {
            double sum = 0;
            for (int l = 0; l < g.k; ++l) {
                const auto left =
                    static_cast<double>(g.transposeA ? a[l + int64_t{i} * g.lda] : a[i + int64_t{l} * g.lda]);
                const auto right =
                    static_cast<double>(g.transposeB ? b[j + int64_t{l} * g.ldb] : b[l + int64_t{j} * g.ldb]);
                sum += left * right;
            }
            Out& out = c[i + int64_t{j} * g.ldc];
            const double before = beta == 0 ? 0 : static_cast<double>(beta) * static_cast<double>(out);
            out = static_cast<Out>(static_cast<double>(alpha) * sum + before);
        }
    }
}

/// The lower triangle, without transposition.
inline void columnSyrk(const inference::cuda::SyrkArguments& s, float alpha, const float* a, float beta,
                       float* c) {
    for (int j = 0; j < s.n; ++j) {
        for (int i = j; i < s.n; ++i) {
            double sum = 0;
            for (int l = 0; l < s.k; ++l)
                sum += static_cast<double>(a[i + int64_t{l} * s.lda]) *
                       static_cast<double>(a[j + int64_t{l} * s.lda]);
            float& out = c[i + int64_t{j} * s.ldc];
            const double before = beta == 0 ? 0 : static_cast<double>(beta) * static_cast<double>(out);
            out = static_cast<float>(static_cast<double>(alpha) * sum + before);
        }
    }
}

}  // namespace edgechat::testing
