// AutoAWQ's "gemm": a matrix is stored transposed, eight outputs in a word.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "inference/model/int4_rows.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

using int4::kCodesBegin;

constexpr int kBand = 64;   // inputs that are transposed at once
constexpr int kLine = 16;   // words of a cache line, which hold 128 outputs
constexpr int kAhead = 12;  // inputs from the line that is read to the one that is asked for
// A matrix up to this size is fetched whole, so that its file is read once and from the front to the back.
constexpr uint64_t kMostWhole = uint64_t{64} << 20;

// Where output j of the eight in a word lies: nibbles, from the lowest, hold outputs 0 2 4 6 1 3 5 7.
int shiftOf(int64_t output) {
    const auto j = static_cast<int>(output % 8);
    return 4 * (j >> 1 | (j & 1) << 2);
}

static_assert(std::endian::native == std::endian::little);  // words are read and written as they lie

/// Of a band of a line the codes of eight inputs, [inputs / 8][output of a word][word]: two in a byte.
using Eights = uint32_t[kBand / 8][8][kLine];

/// Transposes a band of a line of words, words[input][word], by shuffling within 32 bits for many words at
/// once: what the compiler makes vectors of.
void transpose(const uint32_t (&words)[kBand][kLine], Eights& eights) {
    for (int input = 0; input < kBand; input += 8) {
        // even[i] has in byte b nibble 2 b of inputs (2 i, 2 i + 1), odd[i] nibble 2 b + 1.
        uint32_t even[4][kLine], odd[4][kLine];
        for (int i = 0; i < 4; ++i) {
            const uint32_t* low = words[input + 2 * i];
            const uint32_t* high = words[input + 2 * i + 1];
            for (int w = 0; w < kLine; ++w) {
                even[i][w] = (low[w] & 0x0f0f0f0f) | (high[w] & 0x0f0f0f0f) << 4;
                odd[i][w] = (low[w] >> 4 & 0x0f0f0f0f) | (high[w] & 0xf0f0f0f0);
            }
        }
        // Of the nibbles 0 2 4 6 the outputs are 0 4 1 5, of 1 3 5 7 they are 2 6 3 7.
        constexpr int kOutputs[2][4] = {{0, 4, 1, 5}, {2, 6, 3, 7}};
        for (int half = 0; half < 2; ++half) {
            const auto& in = half == 0 ? even : odd;
            auto& out = eights[input / 8];
            const auto& output = kOutputs[half];
            for (int w = 0; w < kLine; ++w) {
                const uint32_t a = (in[0][w] & 0xffff) | in[2][w] << 16;
                const uint32_t b = (in[1][w] & 0xffff) | in[3][w] << 16;
                const uint32_t c = in[0][w] >> 16 | (in[2][w] & 0xffff0000);
                const uint32_t d = in[1][w] >> 16 | (in[3][w] & 0xffff0000);
                out[output[0]][w] = (a & 0x00ff00ff) | (b & 0x00ff00ff) << 8;
                out[output[1]][w] = (a >> 8 & 0x00ff00ff) | (b & 0xff00ff00);
                out[output[2]][w] = (c & 0x00ff00ff) | (d & 0x00ff00ff) << 8;
                out[output[3]][w] = (c >> 8 & 0x00ff00ff) | (d & 0xff00ff00);
            }
        }
    }
}

/// The codes of one output of a line.
struct Codes {
    uint8_t bytes[kBand / 2];

    Codes(const Eights& eights, int64_t output) {
        for (int i = 0; i < kBand / 8; ++i) std::memcpy(bytes + 4 * i, &eights[i][output % 8][output / 8], 4);
    }
};

class AwqGemmRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

    RowRange fetchedWith(const RowRange& range) const override {
        return m_parts.codes.bytes <= kMostWhole ? RowRange{0, m_shape.rows} : range;
    }

  protected:
    int4::Slices slices(const RowRange& rows) const override {
        const auto firstWord = static_cast<uint64_t>(rows.first / 8);
        const auto first = static_cast<uint64_t>(rows.first), count = static_cast<uint64_t>(rows.count);
        const uint64_t words = wordsOf(rows), scale = int4::scaleBytes(m_parts.scales);
        return {{0, m_shape.columns, firstWord * 4, words * 4},
                {0, m_shape.groups(), first * scale, count * scale},
                {0, m_shape.groups(), firstWord * 4, words * 4}};
    }

    void decodeCodes(const int4::Stored& stored, const RowRange& rows, uint8_t* blocks) const override {
        const size_t stride = wordsOf(stored.rows) * 4, rowBytes = m_shape.rowBytes();
        const int64_t size = m_shape.groupSize, blockSize = blockBytes(TensorType::int4, m_shape.groupSize);
        const int64_t before = rows.first / 8 - stored.rows.first / 8, words = wordsOf(rows);
        uint32_t band[kBand][kLine] = {};
        Eights eights;
        for (int64_t word = 0; word < words; word += kLine) {
            const int64_t inLine = std::min<int64_t>(kLine, words - word);
            const uint8_t* line = stored.codes + (before + word) * 4;
            const int64_t firstOutput = (rows.first / 8 + word) * 8;
            const int64_t from = std::max(firstOutput, rows.first);
            const int64_t to = std::min(firstOutput + 8 * kLine, rows.end());
            for (int64_t input = 0; input < m_shape.columns; input += kBand) {
                const int64_t inputs = std::min<int64_t>(kBand, m_shape.columns - input);
                for (int64_t i = 0; i < inputs; ++i, line += stride) {
                    // The lines are too far apart for the processor to see what comes next.
                    __builtin_prefetch(line + kAhead * stride);
                    if (inLine == kLine) {
                        std::memcpy(band[i], line, sizeof band[i]);
                    } else {
                        for (int64_t w = 0; w < inLine; ++w) band[i][w] = readU32(line + 4 * w);
                    }
                }
                transpose(band, eights);
                uint8_t* row = blocks + static_cast<uint64_t>(from - rows.first) * rowBytes;
                if (inputs == kBand && size % kBand == 0) {
                    row += input / size * blockSize + kCodesBegin + input % size / 2;
                    for (int64_t output = from; output < to; ++output, row += rowBytes)
                        std::memcpy(row, Codes(eights, output - firstOutput).bytes, sizeof(Codes));
                } else {
                    for (int64_t output = from; output < to; ++output, row += rowBytes)
                        placeCodes(Codes(eights, output - firstOutput).bytes, input, inputs, row);
                }
            }
        }
    }

    Result<void> decodeGroups(const int4::Stored& stored, const RowRange& rows, float* scales,
                              float* zeros) const override {
        const int64_t groups = m_shape.groups(), words = wordsOf(stored.rows);
        const int64_t firstWord = stored.rows.first / 8;
        const TensorType type = int4::scaleType(m_parts.scales);
        const auto size = static_cast<int64_t>(int4::scaleBytes(m_parts.scales));
        std::vector<float> values(static_cast<size_t>(rows.count));  // of one group
        for (int64_t group = 0; group < groups; ++group) {
            const int64_t at = group * stored.rows.count + rows.first - stored.rows.first;
            dequantizeRow(type, stored.scales + at * size, rows.count, values.data());
            const uint8_t* line = stored.zeros + (group * words - firstWord) * 4;
            for (int64_t row = 0; row < rows.count; ++row) {
                const int64_t output = rows.first + row;
                scales[row * groups + group] = values[static_cast<size_t>(row)];
                zeros[row * groups + group] =
                    static_cast<float>(readU32(line + output / 8 * 4) >> shiftOf(output) & 15);
            }
        }
        return {};
    }

  private:
    static uint64_t wordsOf(const RowRange& rows) {
        return static_cast<uint64_t>((rows.end() + 7) / 8 - rows.first / 8);
    }
};

}  // namespace

std::shared_ptr<const RowSource> awqGemmRows(Int4Parts parts, Int4Shape shape) {
    return std::make_shared<AwqGemmRows>(std::move(parts), shape);
}

}  // namespace edgechat::inference
