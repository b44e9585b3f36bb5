#include "inference/model/int8_rows.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "inference/model/int4_rows.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

class Int8Rows final : public RowSource {
  public:
    Int8Rows(StoredTensor codes, StoredTensor scales)
        : m_codes(std::move(codes)), m_scales(std::move(scales)) {}

    Result<void> read(int64_t first, int64_t count, std::byte* out) const override {
        if (count == 0) return {};
        const RowRange rows{first, count};
        const std::unique_ptr<std::byte[]> bytes(new std::byte[fetchedBytes(rows)]);
        if (Result<void> fetched = fetch(rows, false, bytes.get()); !fetched) return fetched;
        const Result<const std::byte*> decoded = decode(rows, bytes.get(), rows, out);
        return decoded ? Result<void>() : decoded.error();
    }

    uint64_t fetchedBytes(const RowRange& range) const override { return scalesPlace(range).end; }

    Result<void> fetch(const RowRange& range, std::byte* out) const override {
        return fetch(range, true, out);
    }

    Result<const std::byte*> decode(const RowRange& fetched, const std::byte* bytes, const RowRange& range,
                                    std::byte* rowsOut) const override {
        auto* out = reinterpret_cast<uint8_t*>(rowsOut);
        const auto before = static_cast<uint64_t>(range.first - fetched.first);
        const std::byte* codes = bytes + codesPlace(fetched).begin + before * columns();
        const std::byte* scales = bytes + scalesPlace(fetched).begin + before * scaleBytes();
        for (int64_t row = range.first; row < range.end(); ++row) {
            float scale;
            dequantizeRow(int4::scaleType(m_scales), scales, 1, &scale);
            if (!std::isfinite(scale) || scale <= 0.0f) {
                return int4::partError(m_scales, std::to_string(scale) + " for output " + std::to_string(row),
                                       "scales above 0 (is the download damaged?)");
            }
            writeU32(out, std::bit_cast<uint32_t>(scale));
            std::memcpy(out + sizeof(float), codes, columns());
            out += sizeof(float) + columns();
            codes += columns();
            scales += scaleBytes();
        }
        return static_cast<const std::byte*>(rowsOut);
    }

  private:
    uint64_t columns() const { return m_codes.shape[1]; }
    uint64_t scaleBytes() const { return int4::scaleBytes(m_scales); }
    int4::Slice codesOf(const RowRange& rows) const { return {rows.first, rows.count, 0, columns()}; }
    int4::Slice scalesOf(const RowRange& rows) const { return {rows.first, rows.count, 0, scaleBytes()}; }
    int4::Place codesPlace(const RowRange& rows) const { return int4::placeOf(m_codes, codesOf(rows), 0); }
    int4::Place scalesPlace(const RowRange& rows) const {
        return int4::placeOf(m_scales, scalesOf(rows), codesPlace(rows).end);
    }

    Result<void> fetch(const RowRange& rows, bool once, std::byte* out) const {
        if (Result<void> read = int4::readSlice(m_codes, codesOf(rows), codesPlace(rows), once, out); !read)
            return read;
        return int4::readSlice(m_scales, scalesOf(rows), scalesPlace(rows), once, out);
    }

    StoredTensor m_codes, m_scales;
};

}  // namespace

std::shared_ptr<const RowSource> int8Rows(StoredTensor codes, StoredTensor scales) {
    return std::make_shared<Int8Rows>(std::move(codes), std::move(scales));
}

}  // namespace edgechat::inference
