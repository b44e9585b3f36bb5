#include "inference/cpu/operand.h"

namespace edgechat::inference::cpu {

OperandForms OperandForms::of(std::initializer_list<const Linear*> consumers) {
    OperandForms forms;
    for (const Linear* linear : consumers) {
        if (linear->matrix.kind == PackedKind::q8Row) {
            forms.token = true;
        } else if (!linear->matrix.dense()) {
            forms.groups = true;
        }
    }
    return forms;
}

void Operand::resize(int maxTokens, int width) {
    const size_t elements = static_cast<size_t>(maxTokens) * width;
    m_maxTokens = maxTokens;
    columns = width;
    dense.resize(elements);
    m_high.resize(elements);
    m_low.resize(elements);
    m_scales.resize(elements / kGroup + 1);
    m_sums.resize(elements / kGroup + 1);
}

void Operand::addTokenForm() {
    m_codes.resize(static_cast<size_t>(m_maxTokens) * static_cast<size_t>(paddedColumns(columns)));
    m_tokenScales.resize(static_cast<size_t>(m_maxTokens));
    m_tokenSums.resize(static_cast<size_t>(m_maxTokens));
}

void Operand::quantize(const Kernels& kernels, int token, OperandForms forms) {
    const size_t offset = static_cast<size_t>(token) * columns;
    if (forms.groups) {
        kernels.quantize(dense.data() + offset, columns,
                         {m_high.data() + offset, m_low.data() + offset, m_scales.data() + offset / kGroup,
                          m_sums.data() + offset / kGroup});
    }
    if (forms.token) {
        const auto row = static_cast<size_t>(token);
        kernels.quantizeToken(dense.data() + offset, columns,
                              {m_codes.data() + row * static_cast<size_t>(paddedColumns(columns)),
                               m_tokenScales.data() + row, m_tokenSums.data() + row});
    }
}

Activations Operand::view(int tokens) const {
    return {dense.data(), m_high.data(), m_low.data(),   m_scales.data(),      m_sums.data(),
            columns,      tokens,        m_codes.data(), m_tokenScales.data(), m_tokenSums.data()};
}

uint64_t Operand::bytes() const {
    return dense.size() * 4 + m_high.size() + m_low.size() + m_scales.size() * 4 + m_sums.size() * 4 +
           m_codes.size() + m_tokenScales.size() * 4 + m_tokenSums.size() * 4;
}

}  // namespace edgechat::inference::cpu
