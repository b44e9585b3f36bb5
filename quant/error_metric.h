// The metric in which the error of a quantized linear layer is measured, in the form in which quantization
// uses it.
//
// With the Gram matrix H = X^T X / T of the layer's inputs the mean squared error of an output row is
// (w - v) H (w - v)^T. H = M diag(D) M^T, M unit upper triangular, turns that into sum_k D_k e_k^2 with
// e_k = (w_k - v_k) + sum_{i<k} (w_i - v_i) M_ik: what the errors of earlier inputs add up to can be answered
// by the choice of the next one. That is GPTQ (Frantar et al. 2023) without an inverse, as LDLQ (Chee et al.
// 2023) writes it.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/dense_product.h"

namespace edgechat::quant {

/// A symmetric matrix [size, size]; what lies below the diagonal is not looked at, unless a function says so.
struct Gram {
    int64_t size = 0;
    std::vector<float> values;

    float diagonal(int64_t i) const { return values[static_cast<size_t>(i * size + i)]; }
    const float* row(int64_t i) const { return values.data() + i * size; }
    float* row(int64_t i) { return values.data() + i * size; }
};

struct ErrorMetric {
    int64_t size = 0;
    /// [size, size], unit upper triangular with its ones; below the diagonal lies H, of a factored Gram
    /// matrix
    std::vector<float> m;
    std::vector<float> d;  ///< [size], positive
    float damping = 0;     ///< share of the mean diagonal that was added to it
    const float* row(int64_t i) const { return m.data() + i * size; }
};

/// Copies what lies above the diagonal below it.
void mirror(Gram& gram, inference::cpu::ThreadPool& pool);

/// Factors a Gram matrix, whose memory it takes over. Inputs that were always zero count as uncorrelated.
/// Damping is 0.3 % of the mean diagonal, and ten times more as long as rounding leaves a pivot that is not
/// positive.
/// @return damping 0 and no factor when even damping by the whole mean diagonal did not help (an input that
/// is no number)
ErrorMetric factorGram(Gram gram, DenseProduct& product, inference::cpu::ThreadPool& pool);

/// The metric of one group of inputs by itself, without its correlations to others.
ErrorMetric factorBlock(const Gram& gram, int64_t first, int64_t count);

}  // namespace edgechat::quant
