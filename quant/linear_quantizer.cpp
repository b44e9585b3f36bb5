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
    const auto factored = [](const ErrorMetric& metric) { return !metric.m.empty(); };
    return !blocks.empty() && std::all_of(groups.begin(), groups.end(), factored) &&
           std::all_of(blocks.begin(), blocks.end(),
                       [&](const Block& block) { return factored(block.metric); });
}

namespace {

/// Row j: row j of m^-1, divided by d[j].
std::vector<float> dividedInverse(const ErrorMetric& metric) {
    if (metric.m.empty()) return {};
    const int64_t n = metric.size;
    std::vector<float> inverse(static_cast<size_t>(n * n));
    std::vector<double> row(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) {
        std::fill(row.begin(), row.end(), 0.0);
        row[static_cast<size_t>(j)] = 1;
        for (int64_t i = j; i < n; ++i) {
            const double x = row[static_cast<size_t>(i)];
            for (int64_t k = i + 1; k < n; ++k)
                row[static_cast<size_t>(k)] -= x * static_cast<double>(metric.row(i)[k]);
            inverse[static_cast<size_t>(j * n + i)] =
                static_cast<float>(x / static_cast<double>(metric.d[static_cast<size_t>(j)]));
        }
    }
    return inverse;
}

}  // namespace

SiteMetric factorSite(SiteStatistics& statistics, int groupSize, bool whole, DenseProduct& product,
                      inference::cpu::ThreadPool& pool) {
    SiteMetric metric;
    metric.groupSize = groupSize;
    metric.order = statistics.order;
    for (InputBlock& block : statistics.blocks) {
        const size_t before = metric.groups.size();
        const auto groups = static_cast<int>(block.gram.size / groupSize);
        metric.groups.resize(before + static_cast<size_t>(groups));
        metric.groupInverses.resize(metric.groups.size());
        pool.parallelFor(groups, [&](int group, int) {
            const size_t at = before + static_cast<size_t>(group);
            metric.groups[at] = factorBlock(block.gram, int64_t{group} * groupSize, groupSize);
            if (whole) metric.groupInverses[at] = dividedInverse(metric.groups[at]);
        });
        if (whole) metric.blocks.push_back({block.first, factorGram(std::move(block.gram), product, pool)});
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
                                      const std::vector<int64_t>& order, const SiteStatistics* statistics) {
    PreparedRows prepared;
    prepared.rows = std::move(rows);
    prepared.columns = weights.columns();
    const int64_t count = prepared.count(), columns = prepared.columns;
    prepared.weights.resize(static_cast<size_t>(count * columns));
    m_pool.parallelFor(static_cast<int>(count), [&](int row, int) {
        float* to = prepared.weights.data() + row * columns;
        weights.expandRow(prepared.rows[static_cast<size_t>(row)], to);
        toPlaces(to, order);
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

namespace {

float inputScale(const LinearScales& scales, int64_t input) {
    return scales.input.empty() ? 1.0f : scales.input[static_cast<size_t>(input)];
}

float rowScale(const LinearScales& scales, const PreparedRows& rows, int64_t row) {
    return scales.row.empty() ? 1.0f : scales.row[static_cast<size_t>(rows.rows[static_cast<size_t>(row)])];
}

}  // namespace

LinearLoss LinearQuantizer::quantize(const PreparedRows& rows, const LinearScales& scales,
                                     const SiteMetric& metric, const LinearEffort& effort,
                                     const MatrixView& heldOut, QuantizedMatrix* out) {
    const int64_t columns = rows.columns, count = rows.count();
    const int g = metric.groupSize, lanes = quantizerKernels().lanes;
    m_errors.resize(static_cast<size_t>(count * columns));
    m_codes.resize(static_cast<size_t>(count * columns));
    m_scales.resize(static_cast<size_t>(count * (columns / g)));
    m_zeros.resize(m_scales.size());
    m_feedback.resize(static_cast<size_t>(count * g));
    m_pull.resize(m_feedback.size());
    m_losses.assign(static_cast<size_t>((count + lanes - 1) / lanes), 0.0);
    firstPass(rows, scales, metric, effort);
    for (int i = 0; i < effort.sweeps && effort.method == LinearMethod::gptq; ++i)
        sweep(rows, scales, metric, effort);
    if (out != nullptr) store(rows, metric, *out);
    LinearLoss loss;
    for (const double part : m_losses) loss.training += part;
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

/// Each group given the errors of those before it.
void LinearQuantizer::firstPass(const PreparedRows& rows, const LinearScales& scales,
                                const SiteMetric& metric, const LinearEffort& effort) {
    const int64_t columns = rows.columns, count = rows.count();
    const int g = metric.groupSize;
    size_t block = 0;
    for (int64_t index = 0; index < columns / g; ++index) {
        Group group;
        group.index = index;
        group.metric = &metric.groups[static_cast<size_t>(index)];
        if (effort.method == LinearMethod::gptq) {
            while (block + 1 < metric.blocks.size() && metric.blocks[block + 1].first <= index * g) ++block;
            const ErrorMetric& whole = metric.blocks[block].metric;
            group.metric = &whole;
            group.offset = index * g - metric.blocks[block].first;
            group.feedback = group.offset > 0;
            if (group.feedback) {
                m_product.times(
                    MatrixView(m_errors.data() + metric.blocks[block].first, count, group.offset, columns),
                    MatrixView(whole.m.data() + group.offset, group.offset, g, whole.size), 1, 0,
                    m_feedback.data(), g);
            }
        }
        quantizeGroup(rows, scales, group, effort, g);
    }
}

/// Each group given the errors of all others: with r = sum over these of e H the loss of a group's errors e
/// is e H e^T + 2 e r^T, which is that of e + r H^-1 but for a constant.
void LinearQuantizer::sweep(const PreparedRows& rows, const LinearScales& scales, const SiteMetric& metric,
                            const LinearEffort& effort) {
    const int64_t columns = rows.columns, count = rows.count();
    const int g = metric.groupSize;
    for (const SiteMetric::Block& block : metric.blocks) {
        const ErrorMetric& whole = block.metric;
        for (int64_t offset = 0; offset < whole.size; offset += g) {
            Group group;
            group.index = (block.first + offset) / g;
            group.metric = &metric.groups[static_cast<size_t>(group.index)];
            group.feedback = group.present = true;
            const float* errors = m_errors.data() + block.first;
            const float* below = whole.row(offset);  // H lies below the diagonal
            m_product.timesTransposed(MatrixView(errors, count, offset, columns),
                                      MatrixView(below, g, offset, whole.size), 1, 0, m_pull.data(), g);
            const int64_t next = offset + g;
            m_product.times(MatrixView(errors + next, count, whole.size - next, columns),
                            MatrixView(whole.row(next) + offset, whole.size - next, g, whole.size), 1, 1,
                            m_pull.data(), g);
            m_product.timesTransposed(
                MatrixView(m_pull.data(), count, g),
                MatrixView(metric.groupInverses[static_cast<size_t>(group.index)].data(), g, g), 1, 0,
                m_feedback.data(), g);
            quantizeGroup(rows, scales, group, effort, g);
        }
    }
}

void LinearQuantizer::quantizeGroup(const PreparedRows& rows, const LinearScales& scales, const Group& group,
                                    const LinearEffort& effort, int groupSize) {
    const QuantizerKernels& kernels = quantizerKernels();
    const int g = groupSize, lanes = kernels.lanes;
    const int64_t columns = rows.columns, first = group.index * g, count = rows.count();
    const auto scale = [&scales, first](int k) { return inputScale(scales, first + k); };
    // The metric of the group's inputs as they are scaled: M_ik s_k / s_i, D_k / s_k^2.
    std::vector<float> mTransposed(static_cast<size_t>(g) * static_cast<size_t>(g)),
        d(static_cast<size_t>(g));
    for (int k = 0; k < g; ++k) {
        d[static_cast<size_t>(k)] =
            group.metric->d[static_cast<size_t>(group.offset + k)] / (scale(k) * scale(k));
        for (int i = 0; i < k; ++i) {
            mTransposed[static_cast<size_t>(k * g + i)] =
                group.metric->row(group.offset + i)[group.offset + k] * scale(k) / scale(i);
        }
    }
    m_pool.parallelFor(static_cast<int>(m_losses.size()), [&](int tile, int) {
        float weights[kLargestGroup * kMostLanes], before[kLargestGroup * kMostLanes];
        GroupResult present;
        const int64_t row0 = int64_t{tile} * lanes;
        const int valid = static_cast<int>(std::min<int64_t>(lanes, count - row0));
        for (int lane = 0; lane < lanes; ++lane) {
            const int64_t row = row0 + std::min(lane, valid - 1);
            const float byRow = rowScale(scales, rows, row);
            for (int k = 0; k < g; ++k) {
                const auto at = static_cast<size_t>(row * columns + first + k);
                weights[k * lanes + lane] = rows.weights[at] * byRow * scale(k);
                if (group.feedback)
                    before[k * lanes + lane] =
                        m_feedback[static_cast<size_t>(row * g + k)] * byRow * scale(k);
                if (group.present) present.codes[k * lanes + lane] = m_codes[at];
            }
            const auto grid = static_cast<size_t>(row * (columns / g) + group.index);
            present.scale[lane] = group.present ? m_scales[grid] : 0;
            present.zero[lane] = group.present ? m_zeros[grid] : 0;
        }
        GroupTask task;
        task.weights = weights;
        task.feedback = group.feedback ? before : nullptr;
        task.mTransposed = mTransposed.data();
        task.d = d.data();
        task.groupSize = g;
        task.rounding = effort.method == LinearMethod::gptq ? Rounding::compensated : Rounding::nearest;
        task.searchRange = effort.searchRange && effort.method != LinearMethod::nearest;
        task.refit = effort.refit && effort.method != LinearMethod::nearest;
        task.effort = effort.effort;
        task.present = group.present ? &present : nullptr;
        GroupResult result;
        kernels.quantizeGroup(task, result);
        for (int lane = 0; lane < valid; ++lane) {
            const int64_t row = row0 + lane;
            const float byRow = rowScale(scales, rows, row);
            for (int k = 0; k < g; ++k) {
                const auto at = static_cast<size_t>(row * columns + first + k);
                m_errors[at] =
                    (weights[k * lanes + lane] - result.values[k * lanes + lane]) / (scale(k) * byRow);
                m_codes[at] = result.codes[k * lanes + lane];
            }
            const auto grid = static_cast<size_t>(row * (columns / g) + group.index);
            m_scales[grid] = result.scale[lane];
            m_zeros[grid] = result.zero[lane];
            const double change = group.present ? -static_cast<double>(result.gain[lane])
                                                : static_cast<double>(result.loss[lane]);
            m_losses[static_cast<size_t>(tile)] +=
                change / (static_cast<double>(byRow) * static_cast<double>(byRow));
        }
    });
}

void LinearQuantizer::store(const PreparedRows& rows, const SiteMetric& metric, QuantizedMatrix& out) const {
    const int64_t columns = rows.columns, groups = columns / metric.groupSize;
    for (int64_t row = 0; row < rows.count(); ++row) {
        const int64_t target = rows.rows[static_cast<size_t>(row)];
        for (int64_t place = 0; place < columns; ++place) {
            const int64_t input = metric.order.empty() ? place : metric.order[static_cast<size_t>(place)];
            out.codes[static_cast<size_t>(target * columns + input)] =
                m_codes[static_cast<size_t>(row * columns + place)];
        }
        for (int64_t group = 0; group < groups; ++group) {
            const int64_t first = group * metric.groupSize;
            const int64_t input = metric.order.empty() ? first : metric.order[static_cast<size_t>(first)];
            const auto from = static_cast<size_t>(row * groups + group),
                       to = static_cast<size_t>(target * groups + input / metric.groupSize);
            out.scales[to] = inference::floatToHalf(m_scales[from]);
            out.zeros[to] = static_cast<uint8_t>(m_zeros[from]);
        }
    }
}

}  // namespace edgechat::quant
