// Dense products without a library: the right factor is copied into panels of a vector of columns, and every
// panel goes over all rows of the left factor.
#include <algorithm>
#include <vector>

#include "quant/dense_product.h"
#include "quant/kernels/kernels.h"

namespace edgechat::quant {
namespace {

constexpr int64_t kDepth = 512;  // of a panel: at most 32 KiB, so that it stays in the first cache

/// An element of the right factor as [k, n].
struct RightFactor {
    MatrixView view;
    bool transposed;

    int64_t depth() const { return transposed ? view.columns : view.rows; }
    int64_t width() const { return transposed ? view.rows : view.columns; }
    float at(int64_t k, int64_t n) const {
        return transposed ? view.data[n * view.stride + k] : view.data[k * view.stride + n];
    }
};

class PlainProduct final : public DenseProduct {
  public:
    explicit PlainProduct(inference::cpu::ThreadPool& pool) : m_pool(pool) {}

    const char* name() const override { return quantizerKernels().name; }

    void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                         int64_t cStride) override {
        multiply(a, {b, true}, alpha, beta, c, cStride, false);
    }

    void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
               int64_t cStride) override {
        multiply(a, {b, false}, alpha, beta, c, cStride, false);
    }

    void addGram(const MatrixView& x, float* g, int64_t gStride) override {
        std::vector<float> turned(static_cast<size_t>(x.rows * x.columns));
        m_pool.parallelFor(static_cast<int>(x.columns), [&](int column, int) {
            for (int64_t row = 0; row < x.rows; ++row)
                turned[static_cast<size_t>(column * x.rows + row)] = x.data[row * x.stride + column];
        });
        multiply(MatrixView(turned.data(), x.columns, x.rows), {x, false}, 1, 1, g, gStride, true);
    }

  private:
    void multiply(const MatrixView& a, const RightFactor& b, float alpha, float beta, float* c,
                  int64_t cStride, bool upperOnly) {
        const QuantizerKernels& kernels = quantizerKernels();
        const int64_t lanes = kernels.lanes;
        const int64_t width = b.width(), depth = b.depth();
        const auto panels = static_cast<int>((width + lanes - 1) / lanes);
        m_pool.parallelFor(panels, [&](int panel, int) {
            const int64_t first = int64_t{panel} * lanes, columns = std::min<int64_t>(lanes, width - first);
            const int64_t rows = upperOnly ? std::min(a.rows, first + columns) : a.rows;
            std::vector<float> packed(static_cast<size_t>(kDepth * lanes));
            float sums[kPanelRows * kMostLanes];
            for (int64_t k = 0; k < std::max<int64_t>(depth, 1); k += kDepth) {
                const int64_t part = std::min(kDepth, depth - k);
                for (int64_t i = 0; i < part; ++i) {
                    for (int64_t n = 0; n < lanes; ++n)
                        packed[static_cast<size_t>(i * lanes + n)] = n < columns ? b.at(k + i, first + n) : 0;
                }
                for (int64_t row = 0; row < rows; row += kPanelRows) {
                    const auto count = static_cast<int>(std::min<int64_t>(kPanelRows, rows - row));
                    kernels.multiplyPanel(a.data + row * a.stride + k, a.stride, count, packed.data(), part,
                                          sums, lanes);
                    for (int r = 0; r < count; ++r) {
                        float* out = c + (row + r) * cStride + first;
                        for (int64_t n = 0; n < columns; ++n) {
                            if (upperOnly && first + n < row + r) continue;
                            const float before = k == 0 ? (beta == 0 ? 0 : beta * out[n]) : out[n];
                            out[n] = before + alpha * sums[r * lanes + n];
                        }
                    }
                }
            }
        });
    }

    inference::cpu::ThreadPool& m_pool;
};

}  // namespace

std::unique_ptr<DenseProduct> makePlainProduct(inference::cpu::ThreadPool& pool) {
    return std::make_unique<PlainProduct>(pool);
}

#ifndef EDGECHAT_HAS_OPENBLAS
std::unique_ptr<DenseProduct> makeDenseProduct(inference::cpu::ThreadPool& pool) {
    return makePlainProduct(pool);
}
#endif

}  // namespace edgechat::quant
