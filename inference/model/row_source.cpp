#include "inference/model/row_source.h"

#include <algorithm>

namespace edgechat::inference {

Result<const std::byte*> RowSource::decode(const RowRange&, const std::byte*, const RowRange& range,
                                           std::byte* out) const {
    if (Result<void> done = read(range.first, range.count, out); !done) return done.error();
    return static_cast<const std::byte*>(out);
}

Result<void> FileRows::read(int64_t first, int64_t count, std::byte* out) const {
    return m_file->read(position(first), static_cast<uint64_t>(count) * m_rowBytes, out, "tensor " + m_name);
}

uint64_t FileRows::fetchedBytes(const RowRange& range) const {
    return DataFile::pageBytes(position(range.first), static_cast<uint64_t>(range.count) * m_rowBytes);
}

Result<void> FileRows::fetch(const RowRange& range, std::byte* out) const {
    return m_file->readPages(position(range.first), static_cast<uint64_t>(range.count) * m_rowBytes, out,
                             "tensor " + m_name);
}

Result<const std::byte*> FileRows::decode(const RowRange& fetched, const std::byte* bytes,
                                          const RowRange& range, std::byte*) const {
    return bytes + position(fetched.first) % DataFile::kPage + position(range.first) -
           position(fetched.first);
}

RowRange PatternRows::firstRun(const RowRange& range) const {
    const int64_t inRun = range.first % m_pattern.run;
    return {m_pattern.first + range.first / m_pattern.run * m_pattern.stride + inRun,
            std::min(range.count, m_pattern.run - inRun)};
}

Result<void> PatternRows::read(int64_t first, int64_t count, std::byte* out) const {
    while (count > 0) {
        const RowRange run = firstRun({first, count});
        if (Result<void> read = m_whole->read(run.first, run.count, out); !read) return read;
        out += static_cast<uint64_t>(run.count) * m_rowBytes;
        first += run.count;
        count -= run.count;
    }
    return {};
}

RowSource::Run PatternRows::origin(const RowRange& range) const {
    return m_whole->origin(firstRun(range));
}

Result<void> RowOfRows::read(int64_t first, int64_t count, std::byte* out) const {
    return m_elements->read(first * m_size, count * m_size, out);
}

}  // namespace edgechat::inference
