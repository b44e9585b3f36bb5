#include "quant/error_metric.h"

#include <algorithm>
#include <cmath>

namespace edgechat::quant {
namespace {

constexpr int64_t kPanel = 128;
constexpr float kFirstDamping = 0.003f, kMostDamping = 1.0f;

/// R of the square h = R R^T, R upper triangular, in place; fp64. False if a pivot is not positive.
bool factorSquare(std::vector<double>& h, int64_t n) {
    const auto at = [&h, n](int64_t i, int64_t j) -> double& { return h[static_cast<size_t>(i * n + j)]; };
    for (int64_t j = n - 1; j >= 0; --j) {
        double pivot = at(j, j);
        for (int64_t k = j + 1; k < n; ++k) pivot -= at(j, k) * at(j, k);
        if (!(pivot > 0) || !std::isfinite(pivot)) return false;
        at(j, j) = std::sqrt(pivot);
        for (int64_t i = 0; i < j; ++i) {
            double sum = at(i, j);
            for (int64_t k = j + 1; k < n; ++k) sum -= at(i, k) * at(j, k);
            at(i, j) = sum / at(j, j);
        }
    }
    return true;
}

/// The inverse of an upper triangular matrix, upper triangular.
std::vector<double> invertUpper(const std::vector<double>& r, int64_t n) {
    std::vector<double> inverse(r.size(), 0.0);
    const auto at = [n](int64_t i, int64_t j) { return static_cast<size_t>(i * n + j); };
    for (int64_t j = 0; j < n; ++j) {
        inverse[at(j, j)] = 1 / r[at(j, j)];
        for (int64_t i = j - 1; i >= 0; --i) {
            double sum = 0;
            for (int64_t k = i + 1; k <= j; ++k) sum += r[at(i, k)] * inverse[at(k, j)];
            inverse[at(i, j)] = -sum / r[at(i, i)];
        }
    }
    return inverse;
}

/// Turns the upper triangle of h[n, n] into R, h = R R^T, from the last panel of columns to the first.
bool factorUpper(float* h, int64_t n, DenseProduct& product) {
    std::vector<float> solved(static_cast<size_t>(n * kPanel)), pivots(static_cast<size_t>(kPanel * kPanel));
    std::vector<float> inverse32;
    for (int64_t end = n; end > 0;) {
        const int64_t first = (end - 1) / kPanel * kPanel, width = end - first;
        // Columns first..end of h -= R[0..end, end..n] R[first..end, end..n]^T; of the square on the diagonal
        // the upper half alone.
        std::fill(pivots.begin(), pivots.end(), 0.0f);
        if (end < n) {
            const MatrixView right(h + first * n + end, width, n - end, n);
            product.timesTransposed(right, right, 1, 0, pivots.data(), width);
            if (first > 0) {
                product.timesTransposed(MatrixView(h + end, first, n - end, n), right, -1, 1, h + first, n);
            }
        }
        std::vector<double> square(static_cast<size_t>(width * width));
        for (int64_t i = 0; i < width; ++i) {
            for (int64_t j = i; j < width; ++j)
                square[static_cast<size_t>(i * width + j)] = static_cast<double>(
                    h[(first + i) * n + first + j] - pivots[static_cast<size_t>(i * width + j)]);
        }
        if (!factorSquare(square, width)) return false;
        for (int64_t i = 0; i < width; ++i) {
            for (int64_t j = i; j < width; ++j)
                h[(first + i) * n + first + j] =
                    static_cast<float>(square[static_cast<size_t>(i * width + j)]);
        }
        if (first > 0) {
            const std::vector<double> inverse = invertUpper(square, width);
            inverse32.assign(inverse.begin(), inverse.end());
            product.timesTransposed(MatrixView(h + first, first, width, n),
                                    MatrixView(inverse32.data(), width, width), 1, 0, solved.data(), width);
            for (int64_t i = 0; i < first; ++i)
                std::copy_n(solved.data() + i * width, width, h + i * n + first);
        }
        end = first;
    }
    return true;
}

}  // namespace

void mirror(Gram& gram, inference::cpu::ThreadPool& pool) {
    const int64_t n = gram.size;
    constexpr int64_t kTile = 64;
    pool.parallelFor(static_cast<int>((n + kTile - 1) / kTile), [&](int tile, int) {
        const int64_t r = tile * kTile;
        for (int64_t c = r; c < n; c += kTile) {
            for (int64_t i = r; i < std::min(r + kTile, n); ++i) {
                for (int64_t j = std::max(c, i + 1); j < std::min(c + kTile, n); ++j)
                    gram.row(j)[i] = gram.row(i)[j];
            }
        }
    });
}

ErrorMetric factorGram(Gram gram, DenseProduct& product, inference::cpu::ThreadPool& pool) {
    const int64_t n = gram.size;
    // The lower triangle, which the factorization does not touch, keeps the matrix.
    std::vector<float> diagonal(static_cast<size_t>(n));
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
        diagonal[static_cast<size_t>(i)] = gram.diagonal(i);
        sum += static_cast<double>(gram.diagonal(i));
    }
    mirror(gram, pool);
    const auto mean = static_cast<float>(sum / static_cast<double>(std::max<int64_t>(n, 1)));
    ErrorMetric metric;
    metric.size = n;
    if (!std::isfinite(mean)) return metric;
    for (float damping = kFirstDamping; damping <= kMostDamping * 1.001f; damping *= 10) {
        if (damping > kFirstDamping) {
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t j = i + 1; j < n; ++j) gram.row(i)[j] = gram.row(j)[i];
            }
        }
        for (int64_t i = 0; i < n; ++i) {
            const float value = diagonal[static_cast<size_t>(i)];
            gram.row(i)[i] = value > 0 && mean > 0 ? value + damping * mean : 1.0f;
        }
        if (!factorUpper(gram.values.data(), n, product)) continue;
        metric.damping = damping;
        break;
    }
    if (metric.damping == 0) return metric;
    metric.m = std::move(gram.values);
    metric.d.resize(static_cast<size_t>(n));
    std::vector<float> inverse(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
        const float pivot = metric.m[static_cast<size_t>(i * n + i)];
        metric.d[static_cast<size_t>(i)] = pivot * pivot;
        inverse[static_cast<size_t>(i)] = 1 / pivot;
    }
    for (int64_t i = 0; i < n; ++i) {
        float* row = metric.m.data() + i * n;
        row[i] = 1;
        for (int64_t j = i + 1; j < n; ++j) row[j] *= inverse[static_cast<size_t>(j)];
    }
    return metric;
}

ErrorMetric factorBlock(const Gram& gram, int64_t first, int64_t count) {
    std::vector<double> square(static_cast<size_t>(count * count));
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(gram.diagonal(first + i));
    const double mean = sum / static_cast<double>(count);
    ErrorMetric metric;
    metric.size = count;
    if (!std::isfinite(mean)) return metric;
    for (float damping = kFirstDamping; damping <= kMostDamping * 1.001f; damping *= 10) {
        for (int64_t i = 0; i < count; ++i) {
            for (int64_t j = i; j < count; ++j)
                square[static_cast<size_t>(i * count + j)] =
                    static_cast<double>(gram.row(first + i)[first + j]);
            double& pivot = square[static_cast<size_t>(i * count + i)];
            pivot = pivot > 0 && mean > 0 ? pivot + static_cast<double>(damping) * mean : 1.0;
        }
        if (!factorSquare(square, count)) continue;
        metric.damping = damping;
        break;
    }
    if (metric.damping == 0) return metric;
    metric.m.assign(static_cast<size_t>(count * count), 0.0f);
    metric.d.resize(static_cast<size_t>(count));
    for (int64_t j = 0; j < count; ++j) {
        const double pivot = square[static_cast<size_t>(j * count + j)];
        metric.d[static_cast<size_t>(j)] = static_cast<float>(pivot * pivot);
        for (int64_t i = 0; i <= j; ++i) {
            metric.m[static_cast<size_t>(i * count + j)] =
                static_cast<float>(square[static_cast<size_t>(i * count + j)] / pivot);
        }
    }
    return metric;
}

}  // namespace edgechat::quant
