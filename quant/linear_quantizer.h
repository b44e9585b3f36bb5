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
    int groupSize = 0;
    bool compensates() const;  ///< all blocks have a factor
};
/// Takes over the Gram matrices.
SiteMetric factorSite(SiteStatistics& statistics, int groupSize, bool whole, DenseProduct& product);

/// Rows of W' = diag(rowScale) W diag(inputScale), the matrix that is stored.
struct LinearInput {
    const DenseLinear* weights = nullptr;
    std::span<const float> inputScale;  ///< [columns]; empty: ones
    std::span<const float> rowScale;    ///< [rows]; empty: ones
};

struct LinearEffort {
    LinearMethod method = LinearMethod::gptq;
    bool searchRange = true;
    bool refit = true;
    int effort = 1;  ///< GroupTask::effort
};

/// Mean over the rows asked for, and tokens, of the squared error of the layer's output.
struct LinearLoss {
    double training = 0;  ///< in the metric; rows summed
    double heldOut = 0;   ///< on the inputs kept aside; rows summed, mean over tokens
};

class LinearQuantizer {
  public:
    LinearQuantizer(inference::cpu::ThreadPool& pool, DenseProduct& product)
        : m_pool(pool), m_product(product) {}

    /// Quantizes the listed rows in this order.
    /// @param heldOut  inputs [tokens, columns] to measure LinearLoss::heldOut on; no rows: not measured
    /// @param heldOutRows  measure on the first so many of `rows`
    /// @param out  null: only the loss is wanted; else holds all rows of the layer
    LinearLoss quantize(const LinearInput& input, std::span<const int64_t> rows, const SiteMetric& metric,
                        const LinearEffort& effort, const MatrixView& heldOut, int64_t heldOutRows,
                        QuantizedMatrix* out);

    /// Mean over tokens of the squared output of the listed rows on the inputs kept aside: what errors are
    /// relative to.
    double outputEnergy(const DenseLinear& weights, std::span<const int64_t> rows, const MatrixView& heldOut);

  private:
    void quantizeTile(const LinearInput& input, std::span<const int64_t> rows, const SiteMetric& metric,
                      const LinearEffort& effort, QuantizedMatrix* out, LinearLoss& loss);
    void quantizeGroups(const LinearInput& input, std::span<const int64_t> rows, const SiteMetric& metric,
                        const LinearEffort& effort, int64_t group, const float* mTransposed, const float* d,
                        const float* feedback, QuantizedMatrix* out, std::vector<double>& losses);
    /// sum of squares of heldOut errors^T, rows of `errors` summed
    double squaredProduct(const MatrixView& heldOut, const MatrixView& errors);

    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    std::vector<float> m_weights;   // [rows of a tile, columns], scaled
    std::vector<float> m_errors;    // [rows of a tile, columns], in the units of W
    std::vector<float> m_feedback;  // [rows of a tile, groupSize]
    std::vector<float> m_outputs;
};

/// All rows, or `count` of them spread evenly.
std::vector<int64_t> someRows(int64_t rows, int64_t count);

}  // namespace edgechat::quant
