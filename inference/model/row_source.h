// Where the rows of a tensor come from: straight from a file, or taken apart and put together on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "inference/model/data_file.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Rows [first, first + count).
struct RowRange {
    int64_t first = 0;
    int64_t count = 0;

    int64_t end() const { return first + count; }
    bool covers(const RowRange& other) const { return first <= other.first && other.end() <= end(); }
};

/// Gives rows in the form that the tensor's type and group size say. Immutable; any thread may read.
class RowSource {
  public:
    virtual ~RowSource() = default;
    /// Writes rows [first, first + count), which exist, to `out`.
    virtual Result<void> read(int64_t first, int64_t count, std::byte* out) const = 0;

    // The same in two steps (RowStream takes them): fetch() moves bytes from files and does no more, decode()
    // makes rows of them and reads no file. A source that has no file has nothing to fetch.

    struct Run {
        const RowSource* source;
        RowRange rows;
    };
    /// Whose rows the rows of `range` are: a view's are another source's. As many as lie together there, from
    /// the first one on; only such sources are asked for what follows.
    virtual Run origin(const RowRange& range) const { return {this, range}; }
    /// What to fetch where `range` is wanted: more, if the file is not read twice that way.
    virtual RowRange fetchedWith(const RowRange& range) const { return range; }
    /// Bytes that fetch() writes: whole pages.
    virtual uint64_t fetchedBytes(const RowRange&) const { return 0; }
    /// Reads what decode() needs with DataFile::readPages(), as far as it lies together, into memory that is
    /// aligned to DataFile::kPage.
    virtual Result<void> fetch(const RowRange&, std::byte*) const { return {}; }
    /// Gives `range` out of what was fetched for `fetched`, which covers it.
    /// @param out  takes the rows, where they do not lie as they are in `bytes`
    /// @return     the first of the rows, in `bytes` or `out`
    virtual Result<const std::byte*> decode(const RowRange& fetched, const std::byte* bytes,
                                            const RowRange& range, std::byte* out) const;
};

/// Rows that lie one after the other in a file.
class FileRows final : public RowSource {
  public:
    FileRows(std::shared_ptr<const DataFile> file, std::string name, uint64_t offset, uint64_t rowBytes)
        : m_file(std::move(file)), m_name(std::move(name)), m_offset(offset), m_rowBytes(rowBytes) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const override;
    uint64_t fetchedBytes(const RowRange& range) const override;
    Result<void> fetch(const RowRange& range, std::byte* out) const override;
    Result<const std::byte*> decode(const RowRange& fetched, const std::byte* bytes, const RowRange& range,
                                    std::byte* out) const override;

  private:
    uint64_t position(int64_t row) const { return m_offset + static_cast<uint64_t>(row) * m_rowBytes; }

    std::shared_ptr<const DataFile> m_file;
    std::string m_name;  // for messages
    uint64_t m_offset, m_rowBytes;
};

/// Which rows of a fused matrix a view takes: from `first` on, `run` rows in a row, every `stride` rows.
struct RowPattern {
    int64_t first = 0;
    int64_t run = 1;
    int64_t stride = 1;
};

/// Some of another source's rows: the queries, keys or values of a fused projection.
class PatternRows final : public RowSource {
  public:
    PatternRows(std::shared_ptr<const RowSource> whole, RowPattern pattern, uint64_t rowBytes)
        : m_whole(std::move(whole)), m_pattern(pattern), m_rowBytes(rowBytes) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const override;
    Run origin(const RowRange& range) const override;

  private:
    /// The rows of m_whole that the first rows of `range` are.
    RowRange firstRun(const RowRange& range) const;

    std::shared_ptr<const RowSource> m_whole;
    RowPattern m_pattern;
    uint64_t m_rowBytes;
};

/// A vector as one row, whose elements are another source's rows: the part of a fused bias.
class RowOfRows final : public RowSource {
  public:
    RowOfRows(std::shared_ptr<const RowSource> elements, int64_t size)
        : m_elements(std::move(elements)), m_size(size) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const override;

  private:
    std::shared_ptr<const RowSource> m_elements;
    int64_t m_size;
};

}  // namespace edgechat::inference
