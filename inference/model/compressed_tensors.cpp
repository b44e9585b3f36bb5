// compressed-tensors' "pack-quantized", what llm-compressor writes. Codes and zero points are signed numbers
// with 8 added, so that their difference is that of the stored ones.
#include <algorithm>

#include "inference/model/int4_rows.h"

namespace edgechat::inference {

namespace {

constexpr float kSymmetricZero = 8;

class CompressedTensorsRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    Result<void> readCodes(int64_t first, int64_t count, uint8_t* blocks) const override {
        return int4::readSequentialCodes(m_parts.codes, m_shape, first, count, blocks);
    }

    Result<void> readGroups(int64_t first, int64_t count, float* scales, float* zeros) const override {
        const int64_t groups = m_shape.groups();
        const Result<std::vector<float>> stored = int4::readScales(m_parts.scales, first, count, 0, groups);
        if (!stored) return stored.error();
        std::copy(stored->begin(), stored->end(), scales);
        if (m_parts.zeros.bytes == 0) {
            std::fill_n(zeros, count * groups, kSymmetricZero);
            return {};
        }
        const int64_t firstWord = first / 8, words = (first + count - 1) / 8 - firstWord + 1;
        const Result<std::vector<uint32_t>> packed =
            int4::readWords(m_parts.zeros, firstWord, words, 0, groups);  // [words, groups]
        if (!packed) return packed.error();
        for (int64_t row = first; row < first + count; ++row) {
            const uint32_t* word = packed->data() + (row / 8 - firstWord) * groups;
            for (int64_t group = 0; group < groups; ++group)
                *zeros++ = static_cast<float>(word[group] >> (row % 8 * 4) & 15);
        }
        return {};
    }
};

}  // namespace

std::shared_ptr<const RowSource> compressedTensorsRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<CompressedTensorsRows>(std::move(parts), shape);
}

}  // namespace edgechat::inference
