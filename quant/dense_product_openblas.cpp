// Dense products by OpenBLAS, which computes pieces of fixed sizes, each on one thread of our pool: its own
// threads wait for each other by giving up the processor, which takes forever when anything else runs. The
// pieces do not depend on the number of threads, so neither does the result.
#include <cblas.h>

#include <algorithm>

#include "quant/dense_product.h"

namespace edgechat::quant {
namespace {

constexpr int64_t kPiece = 256;  // rows or columns of the result

class OpenBlasProduct final : public DenseProduct {
  public:
    explicit OpenBlasProduct(inference::cpu::ThreadPool& pool) : m_pool(pool) { openblas_set_num_threads(1); }

    const char* name() const override { return "OpenBLAS"; }

    void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                         int64_t cStride) override {
        multiply(a, b, CblasTrans, b.rows, alpha, beta, c, cStride);
    }

    void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
               int64_t cStride) override {
        multiply(a, b, CblasNoTrans, b.columns, alpha, beta, c, cStride);
    }

    void addGram(const MatrixView& x, float* g, int64_t gStride) override {
        const int64_t n = x.columns;
        if (x.rows == 0 || n == 0) return;
        const int64_t pieces = (n + kPiece - 1) / kPiece;
        // The longest columns first, so that no thread is left with one at the end.
        m_pool.parallelFor(static_cast<int>(pieces), [&](int index, int) {
            const int64_t first = (pieces - 1 - index) * kPiece, width = std::min(kPiece, n - first);
            if (first > 0) {
                cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size(first), size(width), size(x.rows),
                            1, x.data, size(x.stride), x.data + first, size(x.stride), 1, g + first,
                            size(gStride));
            }
            cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, size(width), size(x.rows), 1, x.data + first,
                        size(x.stride), 1, g + first * gStride + first, size(gStride));
        });
    }

  private:
    static blasint size(int64_t n) { return static_cast<blasint>(n); }

    void multiply(const MatrixView& a, const MatrixView& b, CBLAS_TRANSPOSE right, int64_t columns,
                  float alpha, float beta, float* c, int64_t cStride) {
        if (a.rows == 0 || columns == 0) return;
        const bool byRows = a.rows >= columns;
        const int64_t length = byRows ? a.rows : columns;
        m_pool.parallelFor(static_cast<int>((length + kPiece - 1) / kPiece), [&](int index, int) {
            const int64_t first = index * kPiece, part = std::min(kPiece, length - first);
            const float* bPart = b.data;
            if (!byRows) bPart += right == CblasTrans ? first * b.stride : first;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, right, size(byRows ? part : a.rows),
                        size(byRows ? columns : part), size(a.columns), alpha,
                        byRows ? a.data + first * a.stride : a.data, size(a.stride), bPart, size(b.stride),
                        beta, byRows ? c + first * cStride : c + first, size(cStride));
        });
    }

    inference::cpu::ThreadPool& m_pool;
};

}  // namespace

std::unique_ptr<DenseProduct> makeDenseProduct(inference::cpu::ThreadPool& pool) {
    return std::make_unique<OpenBlasProduct>(pool);
}

}  // namespace edgechat::quant
