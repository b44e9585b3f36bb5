// Dense products by OpenBLAS.
#include <cblas.h>

#include "quant/dense_product.h"

namespace edgechat::quant {
namespace {

class OpenBlasProduct final : public DenseProduct {
  public:
    explicit OpenBlasProduct(int threads) { openblas_set_num_threads(threads); }

    const char* name() const override { return "OpenBLAS"; }

    void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                         int64_t cStride) override {
        if (a.rows == 0 || b.rows == 0) return;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size(a.rows), size(b.rows), size(a.columns), alpha,
                    a.data, size(a.stride), b.data, size(b.stride), beta, c, size(cStride));
    }

    void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
               int64_t cStride) override {
        if (a.rows == 0 || b.columns == 0) return;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(a.rows), size(b.columns), size(a.columns),
                    alpha, a.data, size(a.stride), b.data, size(b.stride), beta, c, size(cStride));
    }

    void addGram(const MatrixView& x, float* g, int64_t gStride) override {
        if (x.rows == 0 || x.columns == 0) return;
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, size(x.columns), size(x.rows), 1.0f, x.data,
                    size(x.stride), 1.0f, g, size(gStride));
    }

  private:
    static blasint size(int64_t n) { return static_cast<blasint>(n); }
};

}  // namespace

std::unique_ptr<DenseProduct> makeDenseProduct(inference::cpu::ThreadPool& pool) {
    return std::make_unique<OpenBlasProduct>(pool.threads());
}

}  // namespace edgechat::quant
