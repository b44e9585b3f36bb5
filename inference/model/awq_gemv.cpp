// AutoAWQ's "gemv" (a row is a run of codes) and "gemv_fast" (four rows interleaved for a kernel).
#include <cmath>
#include <vector>

#include "inference/model/int4_rows.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

class AwqGemvRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    int4::Slices slices(const RowRange& rows) const override {
        return {{rows.first, rows.count, 0, codeBytes()},
                {rows.first, rows.count, 0, scaleRowBytes()},
                {rows.first, rows.count, 0, zeroRowBytes()}};
    }

    Result<void> decodeGroups(const int4::Stored& stored, const RowRange& rows, float* scales,
                              float* zeros) const override {
        const int64_t groups = m_shape.groups();
        const auto before = static_cast<uint64_t>(rows.first - stored.rows.first);
        const uint8_t* halves = stored.scales + before * scaleRowBytes();
        const uint8_t* words = stored.zeros + before * zeroRowBytes();
        for (int64_t row = 0; row < rows.count; ++row) {
            dequantizeRow(int4::scaleType(m_parts.scales), halves, groups, scales);
            for (int64_t group = 0; group < groups; ++group)
                *zeros++ = static_cast<float>(readU32(words + group / 8 * 4) >> (group % 8 * 4) & 15);
            scales += groups;
            halves += scaleRowBytes();
            words += zeroRowBytes();
        }
        return {};
    }

  private:
    // Longer than the groups: filled up with zeros.
    uint64_t scaleRowBytes() const { return m_parts.scales.shape[1] * int4::scaleBytes(m_parts.scales); }
    uint64_t zeroRowBytes() const { return m_parts.zeros.shape[1] * 4; }
};

// Words of 16 bits that hold 64 inputs of four rows, row 0 first. Of the 8 words for 32 inputs of one row
// word 2 a + b has in nibble c, from the lowest, input 8 c + 2 a + b.
class AwqGemvFastRows final : public Int4Rows {
  public:
    using Int4Rows::Int4Rows;

  protected:
    int4::Slices slices(const RowRange& rows) const override {
        const int64_t groups = m_shape.groups(), firstLine = rows.first / 4;
        const auto first = static_cast<uint64_t>(rows.first), count = static_cast<uint64_t>(rows.count);
        const uint64_t scale = int4::scaleBytes(m_parts.scales), zero = int4::scaleBytes(m_parts.zeros);
        return {{firstLine, (rows.end() + 3) / 4 - firstLine, 0, lineBytes()},
                {0, groups, first * scale, count * scale},
                {0, groups, first * zero, count * zero}};
    }

    void decodeCodes(const int4::Stored& stored, const RowRange& rows, uint8_t* blocks) const override {
        for (int64_t row = rows.first; row < rows.end(); ++row, blocks += m_shape.rowBytes()) {
            const uint8_t* line = stored.codes +
                                  static_cast<uint64_t>(row / 4 - stored.rows.first / 4) * lineBytes() +
                                  row % 4 * 32;
            for (int64_t input = 0; input < m_shape.columns; input += 64, line += 128) {
                uint8_t pairs[32];
                for (int byte = 0; byte < 32; ++byte) {
                    const int a = byte % 4, shift = byte / 4 % 4 * 4;
                    const uint32_t words = readU32(line + byte / 16 * 16 + 4 * a) >> shift;
                    pairs[byte] = static_cast<uint8_t>((words & 15) | (words >> 12 & 0xf0));
                }
                placeCodes(pairs, input, 64, blocks);
            }
        }
    }

    Result<void> decodeGroups(const int4::Stored& stored, const RowRange& rows, float* scales,
                              float* zeros) const override {
        const int64_t groups = m_shape.groups();
        // [groups, rows]
        const std::vector<float> transposed = valuesOf(m_parts.scales, stored.scales, stored.rows, rows);
        const std::vector<float> offsets = valuesOf(m_parts.zeros, stored.zeros, stored.rows, rows);
        for (int64_t row = 0; row < rows.count; ++row) {
            for (int64_t group = 0; group < groups; ++group) {
                const auto place = static_cast<size_t>(group * rows.count + row);
                const float scale = transposed[place];
                // The offset was rounded to fp16 after it was made of a whole zero point, so this is next to
                // one.
                const float zero = scale > 0.0f ? -offsets[place] / scale : 0.0f;
                const float whole = std::nearbyint(zero);
                if (scale > 0.0f && (!(std::fabs(zero - whole) < 0.25f) || whole < 0.0f || whole > 15.0f)) {
                    return int4::partError(m_parts.zeros,
                                           "a zero point of " + std::to_string(zero) + " for output " +
                                               std::to_string(rows.first + row) + ", group " +
                                               std::to_string(group),
                                           "a whole number from 0 to 15 times the scale");
                }
                *scales++ = scale;
                *zeros++ = zero;
            }
        }
        return {};
    }

  private:
    uint64_t lineBytes() const { return static_cast<uint64_t>(m_shape.columns) * 2; }

    /// Columns `rows` of a matrix [groups, there.count].
    std::vector<float> valuesOf(const StoredTensor& part, const uint8_t* bytes, const RowRange& there,
                                const RowRange& rows) const {
        std::vector<float> values(static_cast<size_t>(m_shape.groups() * rows.count));
        const auto size = static_cast<int64_t>(int4::scaleBytes(part));
        for (int64_t group = 0; group < m_shape.groups(); ++group) {
            dequantizeRow(int4::scaleType(part),
                          bytes + (group * there.count + rows.first - there.first) * size, rows.count,
                          values.data() + group * rows.count);
        }
        return values;
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
