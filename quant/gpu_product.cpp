#include "quant/gpu_product.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace edgechat::quant {
namespace {

using inference::cuda::Cublas;
using inference::cuda::Memory;
using inference::cuda::RowGram;
using inference::cuda::RowProduct;
using inference::cuda::Runtime;

MatrixView part(const MatrixView& view, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    return {view.data + row * view.stride + column, rows, columns, view.stride};
}

/// What a result is made of: c = beta c + the tile.
struct Result2d {
    float* c;
    int64_t stride;
    float beta;
};

class GpuProduct final : public DenseProduct {
  public:
    struct Buffers {
        Memory factors, result;  ///< on the device
        Memory fetched;          ///< pinned, as large as `result`
        Memory staging[2];       ///< pinned
    };

    GpuProduct(std::unique_ptr<Runtime> runtime, std::unique_ptr<Cublas> cublas, Buffers buffers,
               const GpuTiles& tiles, std::unique_ptr<DenseProduct> otherwise)
        : m_otherwise(std::move(otherwise)),
          m_runtime(std::move(runtime)),
          m_cublas(std::move(cublas)),
          m_buffers(std::move(buffers)),
          m_tiles(tiles) {}

    const char* name() const override { return m_name.c_str(); }

    void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                         int64_t cStride) override {
        if (!worthwhile(a.rows, b.rows, a.columns)) {
            m_otherwise->timesTransposed(a, b, alpha, beta, c, cStride);
        } else {
            multiply(a, b, true, alpha, {c, cStride, beta});
        }
    }

    void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
               int64_t cStride) override {
        if (!worthwhile(a.rows, b.columns, a.columns)) {
            m_otherwise->times(a, b, alpha, beta, c, cStride);
        } else {
            multiply(a, b, false, alpha, {c, cStride, beta});
        }
    }

    void addGram(const MatrixView& x, float* g, int64_t gStride) override {
        const int64_t rows = x.columns > 0 ? 2 * factorFloats() / x.columns : 0;
        if (!worthwhile(x.columns, x.columns, x.rows) || rows == 0) {
            m_otherwise->addGram(x, g, gStride);
            return;
        }
        for (int64_t row = 0; row < x.rows; row += rows)
            addGramOf(part(x, row, std::min(rows, x.rows - row), 0, x.columns), {g, gStride, 1});
    }

  private:
    int64_t factorFloats() const { return m_tiles.side * m_tiles.depth; }
    float* leftTile() const { return m_buffers.factors.as<float>(); }
    float* rightTile() const { return leftTile() + factorFloats(); }
    float* resultTile() const { return m_buffers.result.as<float>(); }

    bool worthwhile(int64_t m, int64_t n, int64_t k) const {
        const auto work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
        const auto bytes = 4.0 * (static_cast<double>(m + n) * static_cast<double>(k) +
                                  2.0 * static_cast<double>(m) * static_cast<double>(n));
        return !m_failed && work >= m_tiles.leastWork && work >= m_tiles.leastWorkPerByte * bytes;
    }

    void multiply(const MatrixView& a, const MatrixView& b, bool transposed, float alpha,
                  const Result2d& result) {
        const int64_t n = transposed ? b.rows : b.columns;
        m_left = m_right = nullptr;
        for (int64_t column = 0; column < n; column += m_tiles.side) {
            const int64_t width = std::min(m_tiles.side, n - column);
            const MatrixView right =
                transposed ? part(b, column, width, 0, b.columns) : part(b, 0, b.rows, column, width);
            for (int64_t row = 0; row < a.rows; row += m_tiles.side) {
                const MatrixView left = part(a, row, std::min(m_tiles.side, a.rows - row), 0, a.columns);
                const Result2d tile{result.c + row * result.stride + column, result.stride, result.beta};
                if (!m_failed && multiplyTile(left, right, transposed, alpha) &&
                    fetch(tile, left.rows, width, false))
                    continue;
                fail();
                if (transposed) {
                    m_otherwise->timesTransposed(left, right, alpha, tile.beta, tile.c, tile.stride);
                } else {
                    m_otherwise->times(left, right, alpha, tile.beta, tile.c, tile.stride);
                }
            }
        }
    }

    /// Leaves alpha left right in the result's buffer.
    bool multiplyTile(const MatrixView& left, const MatrixView& right, bool transposed, float alpha) {
        const int64_t depth = left.columns, width = transposed ? right.rows : right.columns;
        for (int64_t k = 0; k < depth; k += m_tiles.depth) {
            const int64_t length = std::min(m_tiles.depth, depth - k);
            const MatrixView a = part(left, 0, left.rows, k, length);
            const MatrixView b =
                transposed ? part(right, 0, width, k, length) : part(right, k, length, 0, width);
            // Where the whole factor is one tile it is there from the tile before.
            if (std::exchange(m_left, a.data) != a.data) upload(a, leftTile());
            if (std::exchange(m_right, b.data) != b.data) upload(b, rightTile());
            const RowProduct product{left.rows, width, length, false, transposed, length, b.columns, width};
            if (!m_cublas->sgemm(product, alpha, leftTile(), rightTile(), k == 0 ? 0.0f : 1.0f, resultTile()))
                return false;
        }
        return true;
    }

    /// Of rows that fit in a buffer together.
    void addGramOf(const MatrixView& x, const Result2d& g) {
        const int64_t n = x.columns;
        const float* const onDevice = leftTile();
        if (!m_failed) upload(x, leftTile());
        for (int64_t column = 0; column < n; column += m_tiles.side) {
            const int64_t width = std::min(m_tiles.side, n - column);
            for (int64_t row = 0; row <= column; row += m_tiles.side) {
                const int64_t height = std::min(m_tiles.side, n - row);
                const bool diagonal = row == column;
                const Result2d tile{g.c + row * g.stride + column, g.stride, g.beta};
                float* const sums = resultTile();
                if (!m_failed &&
                    (diagonal ? m_cublas->ssyrkUpper({width, x.rows, n, width}, 1, onDevice + column, 0, sums)
                              : m_cublas->sgemm({height, width, x.rows, true, false, n, n, width}, 1,
                                                onDevice + row, onDevice + column, 0, sums)) &&
                    fetch(tile, height, width, diagonal))
                    continue;
                fail();
                addGramTile(x, row, height, column, width, tile);
            }
        }
    }

    void addGramTile(const MatrixView& x, int64_t row, int64_t height, int64_t column, int64_t width,
                     const Result2d& tile) {
        const MatrixView right = part(x, 0, x.rows, column, width);
        if (row == column) {
            m_otherwise->addGram(right, tile.c, tile.stride);
            return;
        }
        std::vector<float> turned(static_cast<size_t>(height * x.rows));
        for (int64_t i = 0; i < height; ++i) {
            for (int64_t k = 0; k < x.rows; ++k)
                turned[static_cast<size_t>(i * x.rows + k)] = x.data[k * x.stride + row + i];
        }
        m_otherwise->times(MatrixView(turned.data(), height, x.rows), right, 1, 1, tile.c, tile.stride);
    }

    /// The rows without gaps, through two pinned buffers in turns.
    void upload(const MatrixView& view, float* to) {
        const int64_t pieceColumns = std::min(view.columns, m_tiles.staging);
        const int64_t pieceRows = m_tiles.staging / pieceColumns;
        for (int64_t row = 0; row < view.rows; row += pieceRows) {
            const int64_t rows = std::min(pieceRows, view.rows - row);
            // More than one piece of a row where a row is longer than a buffer.
            for (int64_t column = 0; column < view.columns; column += pieceColumns) {
                const int64_t columns = std::min(pieceColumns, view.columns - column);
                m_half = 1 - m_half;
                auto* const staging = m_buffers.staging[m_half].as<float>();
                m_runtime->waitForMark(m_half);
                for (int64_t r = 0; r < rows; ++r)
                    std::memcpy(staging + r * columns, view.data + (row + r) * view.stride + column,
                                static_cast<size_t>(columns) * sizeof(float));
                m_runtime->copyToDevice(to + row * view.columns + column, staging,
                                        static_cast<uint64_t>(rows * columns) * sizeof(float));
                m_runtime->mark(m_half);
            }
        }
    }

    /// Adds the result's buffer to where it belongs. Nothing of it is touched when the GPU has failed.
    bool fetch(const Result2d& tile, int64_t rows, int64_t columns, bool upper) {
        auto* const from = m_buffers.fetched.as<float>();
        m_runtime->copyFromDevice(from, m_buffers.result.data(),
                                  static_cast<uint64_t>(rows * columns) * sizeof(float));
        if (!m_runtime->synchronize()) return false;
        for (int64_t r = 0; r < rows; ++r) {
            float* const out = tile.c + r * tile.stride;
            const float* const in = from + r * columns;
            const int64_t first = upper ? r : 0;
            if (tile.beta == 0) {
                std::copy(in + first, in + columns, out + first);
            } else {
                for (int64_t i = first; i < columns; ++i) out[i] = tile.beta * out[i] + in[i];
            }
        }
        return true;
    }

    void fail() {
        if (std::exchange(m_failed, true)) return;
        m_name += std::string(" and ") + m_otherwise->name();
    }

    const std::unique_ptr<DenseProduct> m_otherwise;
    const std::unique_ptr<Runtime> m_runtime;
    const std::unique_ptr<Cublas> m_cublas;
    const Buffers m_buffers;
    const GpuTiles m_tiles;
    std::string m_name = "cuBLAS";
    bool m_failed = false;
    int m_half = 0;
    const float* m_left = nullptr;  ///< whose tile of a factor is on the device
    const float* m_right = nullptr;
};

}  // namespace

std::unique_ptr<DenseProduct> makeGpuProduct(std::unique_ptr<Runtime> runtime, std::unique_ptr<Cublas> cublas,
                                             const GpuTiles& tiles, std::unique_ptr<DenseProduct> otherwise) {
    GpuProduct::Buffers buffers;
    bool complete = true;
    const auto take = [&](Memory& memory, int64_t floats, bool pinned) {
        constexpr const char* kWhat = "the products of quantization";
        const auto bytes = static_cast<uint64_t>(floats) * sizeof(float);
        if (!complete) return;
        Result<Memory> taken =
            pinned ? runtime->allocatePinned(bytes, kWhat) : runtime->allocate(bytes, kWhat);
        complete = static_cast<bool>(taken);
        if (complete) memory = std::move(*taken);
    };
    take(buffers.factors, 2 * tiles.side * tiles.depth, false);
    take(buffers.result, tiles.side * tiles.side, false);
    take(buffers.fetched, tiles.side * tiles.side, true);
    for (Memory& staging : buffers.staging) take(staging, tiles.staging, true);
    if (!complete) return otherwise;
    return std::make_unique<GpuProduct>(std::move(runtime), std::move(cublas), std::move(buffers), tiles,
                                        std::move(otherwise));
}

}  // namespace edgechat::quant
