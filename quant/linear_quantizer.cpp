#include "quant/linear_quantizer.h"

#include <algorithm>

#include "inference/model/tensor.h"

namespace edgechat::quant {
namespace {

constexpr int64_t kRowsAtOnce = 512;  // a multiple of kMostLanes

}  // namespace

const char* linearMethodName(LinearMethod method) {
    switch (method) {
        case LinearMethod::nearest:
            return "rtn";
        case LinearMethod::range:
            return "range";
        case LinearMethod::gptq:
            return "gptq";
    }
    return "";
}

bool SiteMetric::compensates() const {
    return !blocks.empty() && std::all_of(blocks.begin(), blocks.end(),
                                          [](const Block& block) { return !block.metric.m.empty(); });
}

SiteMetric factorSite(SiteStatistics& statistics, int groupSize, bool whole, DenseProduct& product) {
    SiteMetric metric;
    metric.groupSize = groupSize;
    for (InputBlock& block : statistics.blocks) {
        for (int64_t first = 0; first < block.gram.size; first += groupSize)
            metric.groups.push_back(factorBlock(block.gram, first, groupSize));
        if (whole) metric.blocks.push_back({block.first, factorGram(std::move(block.gram), product)});
    }
    return metric;
}

std::vector<int64_t> someRows(int64_t rows, int64_t count) {
    std::vector<int64_t> some;
    count = std::min(count, rows);
    for (int64_t i = 0; i < count; ++i) some.push_back(i * rows / count);
    return some;
}

double LinearQuantizer::squaredProduct(const MatrixView& heldOut, const MatrixView& errors) {
    double sum = 0;
    constexpr int64_t kTokens = 512;
    for (int64_t first = 0; first < heldOut.rows; first += kTokens) {
        const int64_t tokens = std::min(kTokens, heldOut.rows - first);
        m_outputs.resize(static_cast<size_t>(tokens * errors.rows));
        m_product.timesTransposed(
            MatrixView(heldOut.data + first * heldOut.stride, tokens, heldOut.columns, heldOut.stride),
            errors, 1, 0, m_outputs.data(), errors.rows);
        for (int64_t t = 0; t < tokens; ++t) {
            float row = 0;
            for (int64_t i = 0; i < errors.rows; ++i) {
                const float y = m_outputs[static_cast<size_t>(t * errors.rows + i)];
                row += y * y;
            }
            sum += static_cast<double>(row);
        }
    }
    return sum / static_cast<double>(std::max<int64_t>(heldOut.rows, 1));
}

double LinearQuantizer::outputEnergy(const DenseLinear& weights, std::span<const int64_t> rows,
                                     const MatrixView& heldOut) {
    double energy = 0;
    const int64_t columns = weights.columns();
    for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
        const auto count = static_cast<int>(std::min<size_t>(kRowsAtOnce, rows.size() - first));
        m_weights.resize(static_cast<size_t>(count * columns));
        m_pool.parallelFor(count, [&](int row, int) {
            weights.expandRow(rows[first + static_cast<size_t>(row)], m_weights.data() + row * columns);
        });
        energy += squaredProduct(heldOut, MatrixView(m_weights.data(), count, columns));
    }
    return energy;
}

LinearLoss LinearQuantizer::quantize(const LinearInput& input, std::span<const int64_t> rows,
                                     const SiteMetric& metric, const LinearEffort& effort,
                                     const MatrixView& heldOut, int64_t heldOutRows, QuantizedMatrix* out) {
    const int64_t columns = input.weights->columns();
    if (out != nullptr) {
        const int64_t all = input.weights->rows(), groups = columns / metric.groupSize;
        out->rows = all;
        out->columns = columns;
        out->groupSize = metric.groupSize;
        out->codes.resize(static_cast<size_t>(all * columns));
        out->scales.resize(static_cast<size_t>(all * groups));
        out->zeros.resize(static_cast<size_t>(all * groups));
    }
    LinearLoss loss;
    for (int64_t first = 0; first < static_cast<int64_t>(rows.size()); first += kRowsAtOnce) {
        const int64_t count = std::min<int64_t>(kRowsAtOnce, static_cast<int64_t>(rows.size()) - first);
        quantizeTile(input, rows.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), metric,
                     effort, out, loss);
        const int64_t measured = std::clamp<int64_t>(heldOutRows - first, 0, count);
        if (heldOut.rows > 0 && measured > 0)
            loss.heldOut += squaredProduct(heldOut, MatrixView(m_errors.data(), measured, columns));
    }
    return loss;
}

void LinearQuantizer::quantizeTile(const LinearInput& input, std::span<const int64_t> rows,
                                   const SiteMetric& metric, const LinearEffort& effort, QuantizedMatrix* out,
                                   LinearLoss& loss) {
    const int64_t columns = input.weights->columns(), count = static_cast<int64_t>(rows.size());
    const int g = metric.groupSize;
    m_weights.resize(static_cast<size_t>(count * columns));
    m_errors.resize(m_weights.size());
    m_feedback.resize(static_cast<size_t>(count * g));
    m_pool.parallelFor(static_cast<int>(count), [&](int row, int) {
        float* w = m_weights.data() + row * columns;
        const int64_t source = rows[static_cast<size_t>(row)];
        input.weights->expandRow(source, w);
        const float rowScale = input.rowScale.empty() ? 1 : input.rowScale[static_cast<size_t>(source)];
        for (int64_t k = 0; k < columns; ++k)
            w[k] *= input.inputScale.empty() ? rowScale : rowScale * input.inputScale[static_cast<size_t>(k)];
    });

    const bool compensated = effort.method == LinearMethod::gptq;
    const int lanes = quantizerKernels().lanes;
    std::vector<float> mTransposed(static_cast<size_t>(g) * static_cast<size_t>(g)),
        d(static_cast<size_t>(g));
    std::vector<double> losses(static_cast<size_t>((count + lanes - 1) / lanes));
    size_t block = 0;
    for (int64_t group = 0; group < columns / g; ++group) {
        const int64_t first = group * g;
        // The metric of the group's inputs as they are scaled: M_ik s_k / s_i, D_k / s_k^2.
        const ErrorMetric* source = &metric.groups[static_cast<size_t>(group)];
        int64_t offset = 0, blockFirst = first;
        if (compensated) {
            while (block + 1 < metric.blocks.size() && metric.blocks[block + 1].first <= first) ++block;
            source = &metric.blocks[block].metric;
            blockFirst = metric.blocks[block].first;
            offset = first - blockFirst;
        }
        const auto scale = [&input, first](int k) {
            return input.inputScale.empty() ? 1.0f : input.inputScale[static_cast<size_t>(first + k)];
        };
        for (int k = 0; k < g; ++k) {
            d[static_cast<size_t>(k)] = source->d[static_cast<size_t>(offset + k)] / (scale(k) * scale(k));
            for (int i = 0; i < k; ++i)
                mTransposed[static_cast<size_t>(k * g + i)] =
                    source->row(offset + i)[offset + k] * scale(k) / scale(i);
        }
        const bool feeds = compensated && offset > 0;
        if (feeds) {
            m_product.times(MatrixView(m_errors.data() + blockFirst, count, offset, columns),
                            MatrixView(source->m.data() + offset, offset, g, source->size), 1, 0,
                            m_feedback.data(), g);
            if (!input.inputScale.empty() || !input.rowScale.empty()) {
                for (int64_t row = 0; row < count; ++row) {
                    const float rowScale =
                        input.rowScale.empty()
                            ? 1
                            : input.rowScale[static_cast<size_t>(rows[static_cast<size_t>(row)])];
                    for (int k = 0; k < g; ++k)
                        m_feedback[static_cast<size_t>(row * g + k)] *= scale(k) * rowScale;
                }
            }
        }
        quantizeGroups(input, rows, metric, effort, group, mTransposed.data(), d.data(),
                       feeds ? m_feedback.data() : nullptr, out, losses);
    }
    for (const double part : losses) loss.training += part;
}

void LinearQuantizer::quantizeGroups(const LinearInput& input, std::span<const int64_t> rows,
                                     const SiteMetric& metric, const LinearEffort& effort, int64_t group,
                                     const float* mTransposed, const float* d, const float* feedback,
                                     QuantizedMatrix* out, std::vector<double>& losses) {
    const QuantizerKernels& kernels = quantizerKernels();
    const int g = metric.groupSize, lanes = kernels.lanes;
    const int64_t columns = input.weights->columns(), first = group * g,
                  count = static_cast<int64_t>(rows.size());
    m_pool.parallelFor(static_cast<int>(losses.size()), [&](int tile, int) {
        float weights[kLargestGroup * kMostLanes], before[kLargestGroup * kMostLanes];
        const int64_t row0 = int64_t{tile} * lanes;
        const int valid = static_cast<int>(std::min<int64_t>(lanes, count - row0));
        for (int lane = 0; lane < lanes; ++lane) {
            const int64_t row = row0 + std::min(lane, valid - 1);
            for (int k = 0; k < g; ++k) {
                weights[k * lanes + lane] = m_weights[static_cast<size_t>(row * columns + first + k)];
                if (feedback != nullptr) before[k * lanes + lane] = feedback[row * g + k];
            }
        }
        GroupTask task;
        task.weights = weights;
        task.feedback = feedback != nullptr ? before : nullptr;
        task.mTransposed = mTransposed;
        task.d = d;
        task.groupSize = g;
        task.rounding = effort.method == LinearMethod::gptq ? Rounding::compensated : Rounding::nearest;
        task.searchRange = effort.searchRange && effort.method != LinearMethod::nearest;
        task.refit = effort.refit && effort.method != LinearMethod::nearest;
        task.effort = effort.effort;
        GroupResult result;
        kernels.quantizeGroup(task, result);
        for (int lane = 0; lane < valid; ++lane) {
            const int64_t row = row0 + lane, source = rows[static_cast<size_t>(row)];
            const float rowScale = input.rowScale.empty() ? 1 : input.rowScale[static_cast<size_t>(source)];
            float* errors = m_errors.data() + row * columns + first;
            for (int k = 0; k < g; ++k) {
                const float inputScale =
                    input.inputScale.empty() ? 1 : input.inputScale[static_cast<size_t>(first + k)];
                errors[k] =
                    (weights[k * lanes + lane] - result.values[k * lanes + lane]) / (inputScale * rowScale);
            }
            losses[static_cast<size_t>(tile)] +=
                static_cast<double>(result.loss[lane]) /
                (static_cast<double>(rowScale) * static_cast<double>(rowScale));
            if (out == nullptr) continue;
            const size_t at = static_cast<size_t>(source * (columns / g) + group);
            out->scales[at] = inference::floatToHalf(result.scale[lane]);
            out->zeros[at] = static_cast<uint8_t>(result.zero[lane]);
            for (int k = 0; k < g; ++k)
                out->codes[static_cast<size_t>(source * columns + first + k)] =
                    result.codes[k * lanes + lane];
        }
    });
}

}  // namespace edgechat::quant
