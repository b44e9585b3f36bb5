// Dense products by OpenBLAS, which computes pieces of fixed sizes, each on one thread of our pool: its own
// threads wait for each other by giving up the processor, which takes forever when anything else runs. The
// pieces do not depend on the number of threads, so neither does the result.
#include <cblas.h>

#include <algorithm>

#include "quant/dense_product.h"

namespace edgechat::quant {
namespace {

constexpr int64_t kPiece = 256;      // rows or columns of the result
constexpr int64_t kLeast = 64;       // a smaller one spends its time on copies of the factors
constexpr int64_t kManyPieces = 12;  // enough to keep six cores busy to the end

/// How a result of rows x columns is cut.
struct Pieces {
    int64_t height, width, down, across;

    Pieces(int64_t rows, int64_t columns)
        : height(std::min(kPiece, rows)), width(std::min(4 * kPiece, columns)) {
        count(rows, columns);
        while (count(rows, columns) < kManyPieces && std::max(height, width) >= 2 * kLeast)
            (height >= width ? height : width) /= 2;
    }
    int64_t count() const { return down * across; }

  private:
    int64_t count(int64_t rows, int64_t columns) {
        down = (rows + height - 1) / height;
        across = (columns + width - 1) / width;
        return count();
    }
};

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
        const Pieces pieces(a.rows, columns);
        m_pool.parallelFor(static_cast<int>(pieces.count()), [&](int index, int) {
            const int64_t row = index % pieces.down * pieces.height;
            const int64_t column = index / pieces.down * pieces.width;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, right, size(std::min(pieces.height, a.rows - row)),
                        size(std::min(pieces.width, columns - column)), size(a.columns), alpha,
                        a.data + row * a.stride, size(a.stride),
                        b.data + (right == CblasTrans ? column * b.stride : column), size(b.stride), beta,
                        c + row * cStride + column, size(cStride));
        });
    }

    inference::cpu::ThreadPool& m_pool;
};

}  // namespace

std::unique_ptr<DenseProduct> makeDenseProduct(inference::cpu::ThreadPool& pool) {
    return std::make_unique<OpenBlasProduct>(pool);
}

}  // namespace edgechat::quant
