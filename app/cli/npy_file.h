// A matrix of float32 as a NumPy .npy file (format 1.0), written row by row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "inference/result.h"

namespace edgechat::cli {

class NpyFile {
  public:
    /// Begins a file of shape [rows, columns]. A plain file is written beside its place and appears when
    /// finish() succeeds; a device or pipe is written directly.
    static Result<std::unique_ptr<NpyFile>> create(const std::filesystem::path& path, uint64_t rows,
                                                   uint64_t columns);
    ~NpyFile();  ///< removes what was not finished
    NpyFile(const NpyFile&) = delete;
    NpyFile& operator=(const NpyFile&) = delete;

    /// ErrorCode::doesNotFit when the disk is full.
    Result<void> writeRow(std::span<const float> row);
    Result<void> finish();

  private:
    NpyFile() = default;
    Result<void> write(const void* data, size_t bytes);

    std::filesystem::path m_path;     ///< as asked for
    std::filesystem::path m_written;  ///< what is open: m_path, or a name beside it
    int m_file = -1;
};

}  // namespace edgechat::cli
