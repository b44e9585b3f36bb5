// AutoAWQ's "gemm": a matrix is stored transposed, eight outputs in a word.
#include <algorithm>

#include "inference/model/int4_rows.h"

namespace edgechat::inference {

namespace {

constexpr int64_t kBand = 64;  // inputs whose words are held at once

// Where output j of the eight in a word lies: nibbles, from the lowest, hold outputs 0 2 4 6 1 3 5 7.
int shiftOf(int64_t output) {
    const auto j = static_cast<int>(output % 8);
    return 4 * (j >> 1 | (j & 1) << 2);
}

class AwqGemmRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    Result<void> readCodes(int64_t first, int64_t count, uint8_t* blocks) const override {
        const int64_t firstWord = first / 8, words = (first + count - 1) / 8 - firstWord + 1;
        const auto rowBytes = static_cast<int64_t>(m_shape.rowBytes());
        const int blockSize = blockBytes(TensorType::int4, m_shape.groupSize);
        for (int64_t band = 0; band < m_shape.columns; band += kBand) {
            const int64_t inputs = std::min(kBand, m_shape.columns - band);
            const Result<std::vector<uint32_t>> slice =
                int4::readWords(m_parts.codes, band, inputs, firstWord, words);  // [inputs, words]
            if (!slice) return slice.error();
            for (int64_t row = 0; row < count; ++row) {
                const int shift = shiftOf(first + row);
                const uint32_t* word = slice->data() + ((first + row) / 8 - firstWord);
                int64_t inGroup = band % m_shape.groupSize;
                uint8_t* codes = blocks + row * rowBytes + band / m_shape.groupSize * blockSize + 8;
                for (int64_t k = 0; k < inputs; ++k, word += words) {
                    codes[inGroup / 2] =
                        static_cast<uint8_t>(codes[inGroup / 2] | (*word >> shift & 15) << (inGroup % 2 * 4));
                    if (++inGroup == m_shape.groupSize) {
                        inGroup = 0;
                        codes += blockSize;
                    }
                }
            }
        }
        return {};
    }

    Result<void> readGroups(int64_t first, int64_t count, float* scales, float* zeros) const override {
        const int64_t groups = m_shape.groups();
        const int64_t firstWord = first / 8, words = (first + count - 1) / 8 - firstWord + 1;
        const Result<std::vector<float>> stored = int4::readScales(m_parts.scales, 0, groups, first, count);
        if (!stored) return stored.error();
        const Result<std::vector<uint32_t>> packed =
            int4::readWords(m_parts.zeros, 0, groups, firstWord, words);
        if (!packed) return packed.error();
        for (int64_t row = 0; row < count; ++row) {
            const int64_t word = (first + row) / 8 - firstWord;
            for (int64_t group = 0; group < groups; ++group) {
                *scales++ = (*stored)[static_cast<size_t>(group * count + row)];
                const uint32_t bits = (*packed)[static_cast<size_t>(group * words + word)];
                *zeros++ = static_cast<float>(bits >> shiftOf(first + row) & 15);
            }
        }
        return {};
    }
};

}  // namespace

std::shared_ptr<const RowSource> awqGemmRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<AwqGemmRows>(std::move(parts), shape);
}

}  // namespace edgechat::inference
