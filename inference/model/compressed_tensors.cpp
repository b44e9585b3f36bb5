// compressed-tensors' "pack-quantized", what llm-compressor writes. Codes and zero points are signed numbers
// with 8 added, so that their difference is that of the stored ones.
#include <algorithm>

#include "inference/model/int4_rows.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

constexpr float kSymmetricZero = 8;

class CompressedTensorsRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    int4::Slices slices(const RowRange& rows) const override {
        const auto groups = static_cast<uint64_t>(m_shape.groups());
        int4::Slices wanted{{rows.first, rows.count, 0, codeBytes()},
                            {rows.first, rows.count, 0, groups * int4::scaleBytes(m_parts.scales)},
                            {}};
        const int64_t firstWord = rows.first / 8;
        if (m_parts.zeros.bytes > 0)
            wanted.zeros = {firstWord, (rows.end() + 7) / 8 - firstWord, 0, groups * 4};
        return wanted;
    }

    Result<void> decodeGroups(const int4::Stored& stored, const RowRange& rows, float* scales,
                              float* zeros) const override {
        const int64_t groups = m_shape.groups(), first = rows.first - stored.rows.first;
        dequantizeRow(
            int4::scaleType(m_parts.scales),
            stored.scales + static_cast<uint64_t>(first * groups) * int4::scaleBytes(m_parts.scales),
            rows.count * groups, scales);
        if (m_parts.zeros.bytes == 0) {
            std::fill_n(zeros, rows.count * groups, kSymmetricZero);
            return {};
        }
        for (int64_t row = rows.first; row < rows.end(); ++row) {
            const uint8_t* word = stored.zeros + (row / 8 - stored.rows.first / 8) * groups * 4;
            for (int64_t group = 0; group < groups; ++group, word += 4)
                *zeros++ = static_cast<float>(readU32(word) >> (row % 8 * 4) & 15);
        }
        return {};
    }
};

}  // namespace

std::shared_ptr<const RowSource> compressedTensorsRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<CompressedTensorsRows>(std::move(parts), shape);
}

}  // namespace edgechat::inference
