// Where the rows of a tensor come from: straight from a file, or taken apart and put together on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "inference/model/data_file.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Gives rows in the form that the tensor's type and group size say. Immutable; any thread may read.
class RowSource {
  public:
    virtual ~RowSource() = default;
    /// Writes rows [first, first + count), which exist, to `out`.
    virtual Result<void> read(int64_t first, int64_t count, std::byte* out) const = 0;
};

/// Rows that lie one after the other in a file.
class FileRows final : public RowSource {
  public:
    FileRows(std::shared_ptr<const DataFile> file, std::string name, uint64_t offset, uint64_t rowBytes)
        : m_file(std::move(file)), m_name(std::move(name)), m_offset(offset), m_rowBytes(rowBytes) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const override;

  private:
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

  private:
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
