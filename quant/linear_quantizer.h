// Quantizes the rows of one linear layer to 4 bits, given the metric of its inputs and the scale of each of
// them.
#pragma once

#include <span>

#include "quant/input_statistics.h"
#include "quant/kernels/kernels.h"
#include "quant/output/quantized_matrix.h"

namespace edgechat::quant {

/// How one linear layer is quantized, from the plainest way to the best.
enum class LinearMethod {
    nearest,  ///< round to nearest between the smallest and the largest weight
    range,    ///< the range, the zero point and the scale with the least error in the metric of each group
    gptq      ///< the same with each error answered by later inputs
};
const char* linearMethodName(LinearMethod method);  ///< "rtn", "range", "gptq"

/// The metric of a site: factored Gram blocks and, for each group of inputs, its own.
struct SiteMetric {
    struct Block {
        int64_t first = 0;
        ErrorMetric metric;
    };
    std::vector<Block> blocks;        ///< whole; a block that could not be factored has no m
    std::vector<ErrorMetric> groups;  ///< by group of `groupSize` inputs
    /// Of each group, [groupSize, groupSize]: row j holds row j of m^-1, divided by d[j]. With `whole`.
    std::vector<std::vector<float>> groupInverses;
    std::vector<int64_t> order;  ///< SiteStatistics::order
    int groupSize = 0;
    bool compensates() const;  ///< all blocks and groups have a factor
};
/// Takes over the Gram matrices.
SiteMetric factorSite(SiteStatistics& statistics, int groupSize, bool whole, DenseProduct& product,
                      inference::cpu::ThreadPool& pool);

/// Some rows of a linear layer, ready to be quantized again and again.
struct PreparedRows {
    std::vector<int64_t> rows;  ///< of the layer
    int64_t columns = 0;
    std::vector<float> weights;  ///< [rows, columns], in the order of the statistics
    std::vector<float> outputs;  ///< [held-out tokens, rows] of the source; empty: not to be judged
    double energy = 0;           ///< mean over tokens of the squared outputs, rows summed

    int64_t count() const { return static_cast<int64_t>(rows.size()); }
};

/// The matrix that is stored is diag(row) W diag(input).
struct LinearScales {
    std::span<const float> input;  ///< [columns], in the order of the statistics; empty: ones
    std::span<const float> row;    ///< [rows of the layer]; empty: ones
};

struct LinearEffort {
    LinearMethod method = LinearMethod::gptq;
    bool searchRange = true;
    bool refit = true;
    int effort = 1;  ///< GroupTask::effort
    /// With gptq: how often each group is quantized again, given the errors of all others and not only of
    /// those before it.
    int sweeps = 0;
};

/// Squared error of the layer's output, rows summed.
struct LinearLoss {
    double training = 0;  ///< in the metric
    double heldOut =
        0;  ///< mean over the inputs kept aside, against the source's outputs; if rows have these
};

class LinearQuantizer {
  public:
    LinearQuantizer(inference::cpu::ThreadPool& pool, DenseProduct& product)
        : m_pool(pool), m_product(product) {}

    /// @param order  SiteStatistics::order
    /// @param statistics  with what is kept aside, or null: rows are not to be judged
    PreparedRows prepare(const DenseLinear& weights, std::vector<int64_t> rows,
                         const std::vector<int64_t>& order, const SiteStatistics* statistics);

    /// @param heldOut  inputs [tokens, columns] to measure LinearLoss::heldOut on, the tokens of
    /// rows.outputs; no rows: not measured
    /// @param out  null: only the loss is wanted; else has room for all rows of the layer
    LinearLoss quantize(const PreparedRows& rows, const LinearScales& scales, const SiteMetric& metric,
                        const LinearEffort& effort, const MatrixView& heldOut, QuantizedMatrix* out);

  private:
    /// A group of inputs and the metric of its errors.
    struct Group {
        int64_t index = 0;
        const ErrorMetric* metric = nullptr;
        int64_t offset = 0;     ///< of the group's first input in `metric`
        bool feedback = false;  ///< m_feedback holds what errors of other groups ask for, in units of W
        bool present = false;   ///< m_codes holds something to be improved
    };
    void firstPass(const PreparedRows& rows, const LinearScales& scales, const SiteMetric& metric,
                   const LinearEffort& effort);
    void sweep(const PreparedRows& rows, const LinearScales& scales, const SiteMetric& metric,
               const LinearEffort& effort);
    void quantizeGroup(const PreparedRows& rows, const LinearScales& scales, const Group& group,
                       const LinearEffort& effort, int groupSize);
    void store(const PreparedRows& rows, const SiteMetric& metric, QuantizedMatrix& out) const;

    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    std::vector<float>
        m_errors;  // [rows, columns]: what was to be quantized less what it became, in units of W
    std::vector<float> m_feedback, m_pull;  // [rows, groupSize]
    std::vector<uint8_t> m_codes;           // [rows, columns]
    std::vector<float> m_scales, m_zeros;   // [rows, groups]
    std::vector<double> m_losses;           // by tile of rows
    std::vector<float> m_outputs;
};

constexpr int64_t kRowsAtOnce = 512;

/// Room for a matrix of this shape.
QuantizedMatrix emptyMatrix(int64_t rows, int64_t columns, int groupSize);

/// All rows, or `count` of them spread evenly.
std::vector<int64_t> someRows(int64_t rows, int64_t count);

}  // namespace edgechat::quant
