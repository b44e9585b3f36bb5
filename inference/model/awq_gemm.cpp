// AutoAWQ's "gemm": a matrix is stored transposed, eight outputs in a word.
#include <algorithm>
#include <cstring>

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
        for (int64_t band = 0; band < m_shape.columns; band += kBand) {
            const int64_t inputs = std::min(kBand, m_shape.columns - band);
            const Result<std::vector<uint32_t>> slice =
                int4::readWords(m_parts.codes, band, inputs, firstWord, words);  // [inputs, words]
            if (!slice) return slice.error();
            for (int64_t row = 0; row < count;) {
                const int64_t word = (first + row) / 8 - firstWord;
                uint32_t column[kBand] = {};  // the word of eight outputs for each input
                for (int64_t k = 0; k < inputs; ++k)
                    column[k] = (*slice)[static_cast<size_t>(k * words + word)];
                do {
                    placeCodes(column, shiftOf(first + row), band, inputs, blocks + row * rowBytes);
                    ++row;
                } while (row < count && (first + row) % 8 != 0);
            }
        }
        return {};
    }

    // The codes of one output for inputs [firstInput, firstInput + count), two a byte; groups are even.
    void placeCodes(const uint32_t* words, int shift, int64_t firstInput, int64_t count, uint8_t* row) const {
        uint8_t pairs[kBand / 2];
        for (int64_t i = 0; i < kBand / 2; ++i) {
            const uint32_t low = words[2 * i] >> shift & 15, high = words[2 * i + 1] >> shift & 15;
            pairs[i] = static_cast<uint8_t>(low | high << 4);
        }
        const int blockSize = blockBytes(TensorType::int4, m_shape.groupSize);
        const uint8_t* from = pairs;
        for (int64_t k = firstInput; k < firstInput + count;) {
            const int64_t inGroup = k % m_shape.groupSize;
            const int64_t run = std::min(m_shape.groupSize - inGroup, firstInput + count - k);
            std::memcpy(row + k / m_shape.groupSize * blockSize + 8 + inGroup / 2, from,
                        static_cast<size_t>(run / 2));
            from += run / 2;
            k += run;
        }
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
