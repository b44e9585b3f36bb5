#include "inference/model/int8_rows.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "inference/model/int4_rows.h"
#include "inference/model/little_endian.h"

namespace edgechat::inference {

namespace {

class Int8Rows final : public RowSource {
  public:
    Int8Rows(StoredTensor codes, StoredTensor scales)
        : m_codes(std::move(codes)), m_scales(std::move(scales)) {}

    Result<void> read(int64_t first, int64_t count, std::byte* rowsOut) const override {
        if (count == 0) return {};
        auto* out = reinterpret_cast<uint8_t*>(rowsOut);
        const Result<std::vector<float>> scales = int4::readScales(m_scales, first, count, 0, 1);
        if (!scales) return scales.error();
        const auto rows = static_cast<size_t>(count), columns = static_cast<size_t>(m_codes.shape[1]);
        // All codes are read to the end of `out`; from the first row on each moves down to its place, which
        // ends where the codes of the next row begin or before.
        uint8_t* codes = out + rows * sizeof(float);
        if (Result<void> read = int4::readSlices(m_codes, first, count, 0, columns, codes); !read)
            return read;
        for (size_t row = 0; row < rows; ++row, codes += columns) {
            const float scale = (*scales)[row];
            if (!std::isfinite(scale) || scale <= 0.0f) {
                return int4::partError(m_scales,
                                       std::to_string(scale) + " for output " +
                                           std::to_string(first + static_cast<int64_t>(row)),
                                       "scales above 0 (is the download damaged?)");
            }
            writeU32(out, std::bit_cast<uint32_t>(scale));
            std::memmove(out + sizeof(float), codes, columns);
            out += sizeof(float) + columns;
        }
        return {};
    }

  private:
    StoredTensor m_codes, m_scales;
};

}  // namespace

std::shared_ptr<const RowSource> int8Rows(StoredTensor codes, StoredTensor scales) {
    return std::make_shared<Int8Rows>(std::move(codes), std::move(scales));
}

}  // namespace edgechat::inference
