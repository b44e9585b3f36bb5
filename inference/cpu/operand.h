// The activations that go into matrix products, in every form that the matrices ask for.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "inference/cpu/kernels.h"
#include "inference/cpu/weights.h"

namespace edgechat::inference::cpu {

/// Which quantized forms some matrices read beside fp32, which is always there.
struct OperandForms {
    bool groups = false;  ///< 15 bits with a scale for each kGroup inputs: quantize()
    bool token = false;   ///< 8 bits with a scale for the whole row: quantizeToken()

    static OperandForms of(std::initializer_list<const Linear*> consumers);
};

/// Rows of one width. [maxBatch][columns]
struct Operand {
    std::vector<float> dense;
    int columns = 0;

    /// @param maxTokens  rows at most
    void resize(int maxTokens, int width);
    /// Takes memory for the form by token, which only W8A8 models need.
    void addTokenForm();
    /// Makes the forms of one row out of `dense`. Each token stands for itself, so that a result depends
    /// neither on threads nor on chunks.
    void quantize(const Kernels& kernels, int token, OperandForms forms);
    Activations view(int tokens) const;
    uint64_t bytes() const;

  private:
    std::vector<int8_t> m_high, m_low;
    std::vector<float> m_scales;
    std::vector<int32_t> m_sums;
    std::vector<int8_t> m_codes;  // [maxBatch][paddedColumns(columns)]
    std::vector<float> m_tokenScales;
    std::vector<int32_t> m_tokenSums;
    int m_maxTokens = 0;
};

}  // namespace edgechat::inference::cpu
