#include "inference/model/row_source.h"

#include <algorithm>

namespace edgechat::inference {

Result<void> FileRows::read(int64_t first, int64_t count, std::byte* out) const {
    return m_file->read(m_offset + static_cast<uint64_t>(first) * m_rowBytes,
                        static_cast<uint64_t>(count) * m_rowBytes, out, "tensor " + m_name);
}

Result<void> PatternRows::read(int64_t first, int64_t count, std::byte* out) const {
    while (count > 0) {
        const int64_t inRun = first % m_pattern.run;
        const int64_t rows = std::min(count, m_pattern.run - inRun);
        const int64_t from = m_pattern.first + first / m_pattern.run * m_pattern.stride + inRun;
        if (Result<void> read = m_whole->read(from, rows, out); !read) return read;
        out += static_cast<uint64_t>(rows) * m_rowBytes;
        first += rows;
        count -= rows;
    }
    return {};
}

Result<void> RowOfRows::read(int64_t first, int64_t count, std::byte* out) const {
    return m_elements->read(first * m_size, count * m_size, out);
}

}  // namespace edgechat::inference
