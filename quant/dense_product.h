// The seam for dense products in fp32: everything in quantization that is worth a BLAS (or later a GPU) goes
// through these three calls.
#pragma once

#include <cstdint>
#include <memory>

#include "inference/cpu/thread_pool.h"

namespace edgechat::quant {

/// Rows of floats, `stride` apart.
struct MatrixView {
    const float* data = nullptr;
    int64_t rows = 0, columns = 0, stride = 0;

    MatrixView() = default;
    MatrixView(const float* values, int64_t rowCount, int64_t columnCount, int64_t rowStride = 0)
        : data(values),
          rows(rowCount),
          columns(columnCount),
          stride(rowStride == 0 ? columnCount : rowStride) {}
};

/// One thread calls it; it uses the threads that it was made with. The same calls give the same bits on the
/// same machine.
class DenseProduct {
  public:
    virtual ~DenseProduct() = default;
    virtual const char* name() const = 0;

    /// c[m, n] = beta c + alpha a[m, k] b[n, k]^T
    virtual void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                                 int64_t cStride) = 0;
    /// c[m, n] = beta c + alpha a[m, k] b[k, n]
    virtual void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                       int64_t cStride) = 0;
    /// The upper triangle of g[n, n] += x[m, n]^T x; what lies below is left alone.
    virtual void addGram(const MatrixView& x, float* g, int64_t gStride) = 0;
};

/// OpenBLAS where the program was built with it, else the plain one.
/// @param pool  used by the plain one; outlives the result
std::unique_ptr<DenseProduct> makeDenseProduct(inference::cpu::ThreadPool& pool);
/// cuBLAS for what is worth the way to a GPU, where there is one that works and the library, and `otherwise`
/// for the rest. Else `otherwise` itself.
std::unique_ptr<DenseProduct> makeCublasProduct(std::unique_ptr<DenseProduct> otherwise);
/// Our own, always there.
std::unique_ptr<DenseProduct> makePlainProduct(inference::cpu::ThreadPool& pool);

}  // namespace edgechat::quant
