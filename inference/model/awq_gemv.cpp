// AutoAWQ's "gemv" (a row is a run of codes) and "gemv_fast" (four rows interleaved for a kernel).
#include <cmath>

#include "inference/model/int4_rows.h"

namespace edgechat::inference {

namespace {

class AwqGemvRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    Result<void> readCodes(int64_t first, int64_t count, uint8_t* blocks) const override {
        return int4::readSequentialCodes(m_parts.codes, m_shape, first, count, blocks);
    }

    Result<void> readGroups(int64_t first, int64_t count, float* scales, float* zeros) const override {
        const int64_t groups = m_shape.groups();  // the stored rows are longer, filled up with zeros
        const int64_t words = (groups + 7) / 8;
        const Result<std::vector<float>> stored = int4::readScales(m_parts.scales, first, count, 0, groups);
        if (!stored) return stored.error();
        const Result<std::vector<uint32_t>> packed = int4::readWords(m_parts.zeros, first, count, 0, words);
        if (!packed) return packed.error();
        for (int64_t row = 0; row < count; ++row) {
            for (int64_t group = 0; group < groups; ++group) {
                *scales++ = (*stored)[static_cast<size_t>(row * groups + group)];
                const uint32_t bits = (*packed)[static_cast<size_t>(row * words + group / 8)];
                *zeros++ = static_cast<float>(bits >> (group % 8 * 4) & 15);
            }
        }
        return {};
    }
};

// Word and nibble of an input's code within 64 words that hold 64 inputs of 4 rows (row 0 first). Every run
// of 32 inputs is reordered for pairwise unpacking before the rows are put together.
struct FastPlace {
    int word, shift;
};
FastPlace fastPlace(int64_t input, int64_t row) {
    const auto k = static_cast<int>(input % 64), in32 = k % 32;
    const int position = k - in32 + 8 * (in32 >> 1 & 3) + 4 * (in32 & 1) + (in32 >> 3);
    const int nibble = static_cast<int>(row % 4) * 64 + position;
    return {nibble / 4, nibble % 4 * 4};
}

class AwqGemvFastRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    Result<void> readCodes(int64_t first, int64_t count, uint8_t* blocks) const override {
        const auto width = static_cast<size_t>(m_shape.columns) * 2;
        const int blockSize = blockBytes(TensorType::int4, m_shape.groupSize);
        std::vector<uint8_t> line(width);  // [K] words of four rows
        FastPlace places[4 * 64];
        for (int64_t row = 0; row < 4; ++row) {
            for (int64_t input = 0; input < 64; ++input) places[row * 64 + input] = fastPlace(input, row);
        }
        int64_t held = -1;
        for (int64_t row = first; row < first + count; ++row) {
            if (row / 4 != held) {
                held = row / 4;
                if (Result<void> read = int4::readSlices(m_parts.codes, held, 1, 0, width, line.data());
                    !read)
                    return read;
            }
            int64_t inGroup = 0;
            uint8_t* codes = blocks + 8;
            for (int64_t k = 0; k < m_shape.columns; ++k) {
                const FastPlace place = places[row % 4 * 64 + k % 64];
                const uint8_t* word = line.data() + (k / 64 * 64 + place.word) * 2;
                const int code = (word[0] | word[1] << 8) >> place.shift & 15;
                codes[inGroup / 2] = static_cast<uint8_t>(codes[inGroup / 2] | code << (inGroup % 2 * 4));
                if (++inGroup == m_shape.groupSize) {
                    inGroup = 0;
                    codes += blockSize;
                }
            }
            blocks += m_shape.rowBytes();
        }
        return {};
    }

    Result<void> readGroups(int64_t first, int64_t count, float* scales, float* zeros) const override {
        const int64_t groups = m_shape.groups();
        const Result<std::vector<float>> stored = int4::readScales(m_parts.scales, 0, groups, first, count);
        if (!stored) return stored.error();
        const Result<std::vector<float>> offsets = int4::readScales(m_parts.zeros, 0, groups, first, count);
        if (!offsets) return offsets.error();
        for (int64_t row = 0; row < count; ++row) {
            for (int64_t group = 0; group < groups; ++group) {
                const auto place = static_cast<size_t>(group * count + row);
                const float scale = (*stored)[place];
                // The offset was rounded to fp16 after it was made of a whole zero point, so this is next to
                // one.
                const float zero = scale > 0.0f ? -(*offsets)[place] / scale : 0.0f;
                const float whole = std::nearbyint(zero);
                if (scale > 0.0f && (!(std::fabs(zero - whole) < 0.25f) || whole < 0.0f || whole > 15.0f)) {
                    return int4::partError(m_parts.zeros,
                                           "a zero point of " + std::to_string(zero) + " for output " +
                                               std::to_string(first + row) + ", group " +
                                               std::to_string(group),
                                           "a whole number from 0 to 15 times the scale");
                }
                *scales++ = scale;
                *zeros++ = zero;
            }
        }
        return {};
    }
};

}  // namespace

std::shared_ptr<const RowSource> awqGemvRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<AwqGemvRows>(std::move(parts), shape);
}

std::shared_ptr<const RowSource> awqGemvFastRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<AwqGemvFastRows>(std::move(parts), shape);
}

}  // namespace edgechat::inference
