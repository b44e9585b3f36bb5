#include "quant/linear_quantizer.h"

#include <algorithm>

#include "inference/model/tensor.h"

namespace edgechat::quant {
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

QuantizedMatrix emptyMatrix(int64_t rows, int64_t columns, int groupSize) {
    QuantizedMatrix matrix;
    matrix.rows = rows;
    matrix.columns = columns;
    matrix.groupSize = groupSize;
    matrix.codes.resize(static_cast<size_t>(rows * columns));
    matrix.scales.resize(static_cast<size_t>(rows * (columns / groupSize)));
    matrix.zeros.resize(matrix.scales.size());
    return matrix;
}

PreparedRows LinearQuantizer::prepare(const DenseLinear& weights, std::vector<int64_t> rows,
                                      const SiteStatistics* statistics) {
    PreparedRows prepared;
    prepared.rows = std::move(rows);
    prepared.columns = weights.columns();
    const int64_t count = prepared.count(), columns = prepared.columns;
    prepared.weights.resize(static_cast<size_t>(count * columns));
    m_pool.parallelFor(static_cast<int>(count), [&](int row, int) {
        weights.expandRow(prepared.rows[static_cast<size_t>(row)], prepared.weights.data() + row * columns);
    });
    if (statistics != nullptr && statistics->heldOutTokens > 0) {
        const int64_t tokens = statistics->heldOutTokens;
        prepared.outputs.resize(static_cast<size_t>(tokens * count));
        m_product.timesTransposed(statistics->heldOutView(),
                                  MatrixView(prepared.weights.data(), count, columns), 1, 0,
                                  prepared.outputs.data(), count);
        for (const float y : prepared.outputs)
            prepared.energy += static_cast<double>(y) * static_cast<double>(y);
        prepared.energy /= static_cast<double>(tokens);
    }
    return prepared;
}

LinearLoss LinearQuantizer::quantize(const PreparedRows& rows, const LinearScales& scales,
                                     const SiteMetric& metric, const LinearEffort& effort,
                                     const MatrixView& heldOut, QuantizedMatrix* out) {
    const int64_t columns = rows.columns, count = rows.count();
    const int g = metric.groupSize;
    m_errors.resize(static_cast<size_t>(count * columns));
    m_feedback.resize(static_cast<size_t>(count * g));
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
        const auto scale = [&scales, first](int k) {
            return scales.input.empty() ? 1.0f : scales.input[static_cast<size_t>(first + k)];
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
            for (int64_t row = 0; row < count; ++row) {
                const float rowScale =
                    scales.row.empty() ? 1
                                       : scales.row[static_cast<size_t>(rows.rows[static_cast<size_t>(row)])];
                for (int k = 0; k < g; ++k)
                    m_feedback[static_cast<size_t>(row * g + k)] *= scale(k) * rowScale;
            }
        }
        quantizeGroup(rows, scales, metric, effort, group, mTransposed.data(), d.data(),
                      feeds ? m_feedback.data() : nullptr, out, losses);
    }
    LinearLoss loss;
    for (const double part : losses) loss.training += part;
    if (heldOut.rows == 0 || rows.outputs.empty()) return loss;
    // The source's outputs less those of the quantized rows, W' - errors.
    m_outputs = rows.outputs;
    m_product.timesTransposed(heldOut, MatrixView(rows.weights.data(), count, columns), -1, 1,
                              m_outputs.data(), count);
    m_product.timesTransposed(heldOut, MatrixView(m_errors.data(), count, columns), 1, 1, m_outputs.data(),
                              count);
    for (const float y : m_outputs) loss.heldOut += static_cast<double>(y) * static_cast<double>(y);
    loss.heldOut /= static_cast<double>(heldOut.rows);
    return loss;
}

void LinearQuantizer::quantizeGroup(const PreparedRows& rows, const LinearScales& scales,
                                    const SiteMetric& metric, const LinearEffort& effort, int64_t group,
                                    const float* mTransposed, const float* d, const float* feedback,
                                    QuantizedMatrix* out, std::vector<double>& losses) {
    const QuantizerKernels& kernels = quantizerKernels();
    const int g = metric.groupSize, lanes = kernels.lanes;
    const int64_t columns = rows.columns, first = group * g, count = rows.count();
    const auto scale = [&scales, first](int k) {
        return scales.input.empty() ? 1.0f : scales.input[static_cast<size_t>(first + k)];
    };
    m_pool.parallelFor(static_cast<int>(losses.size()), [&](int tile, int) {
        float weights[kLargestGroup * kMostLanes], before[kLargestGroup * kMostLanes];
        const int64_t row0 = int64_t{tile} * lanes;
        const int valid = static_cast<int>(std::min<int64_t>(lanes, count - row0));
        for (int lane = 0; lane < lanes; ++lane) {
            const int64_t row = row0 + std::min(lane, valid - 1);
            const int64_t source = rows.rows[static_cast<size_t>(row)];
            const float rowScale = scales.row.empty() ? 1 : scales.row[static_cast<size_t>(source)];
            for (int k = 0; k < g; ++k) {
                weights[k * lanes + lane] =
                    rows.weights[static_cast<size_t>(row * columns + first + k)] * rowScale * scale(k);
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
            const int64_t row = row0 + lane, source = rows.rows[static_cast<size_t>(row)];
            const float rowScale = scales.row.empty() ? 1 : scales.row[static_cast<size_t>(source)];
            float* errors = m_errors.data() + row * columns + first;
            for (int k = 0; k < g; ++k) {
                errors[k] =
                    (weights[k * lanes + lane] - result.values[k * lanes + lane]) / (scale(k) * rowScale);
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
