// Files that a model is written to. Failures are sentences that name the file; a full disk, a quota or a
// limit on sizes is ErrorCode::doesNotFit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "inference/result.h"

namespace edgechat::quant {

/// A file of a size that is known beforehand, written by position.
class OutputFile {
  public:
    /// Opens the file if it has this size and begins with this header; then kept() is true and its content
    /// stays. Otherwise it is made anew, with its space reserved where the file system can do that, so that a
    /// full disk shows here and not hours later.
    static Result<std::unique_ptr<OutputFile>> open(const std::filesystem::path& path,
                                                    const std::string& header, uint64_t bytes);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    bool kept() const { return m_kept; }
    Result<void> write(uint64_t position, const void* data, uint64_t count) const;
    /// Returns when everything written so far is on the disk, and gives its memory back to the system.
    Result<void> sync() const;

  private:
    OutputFile(std::filesystem::path path, int file) : m_path(std::move(path)), m_file(file) {}
    bool holds(const std::string& header, uint64_t bytes) const;
    Result<void> make(const std::string& header, uint64_t bytes) const;

    std::filesystem::path m_path;
    int m_file;
    bool m_kept = false;
};

/// errno as a sentence about a file that was to be written.
Error writeError(const std::filesystem::path& path, int number);
/// The same about a file that was to be read.
Error readError(const std::filesystem::path& path, int number);
/// Writes all bytes to an open file from `position` on.
/// @param path  for messages
Result<void> writeAt(int file, const std::filesystem::path& path, uint64_t position, const void* data,
                     uint64_t count);
/// Writes a file beside the path and moves it there when it is on the disk.
Result<void> writeWholeFile(const std::filesystem::path& path, std::string_view content);
/// Copies a file byte for byte in the same way.
Result<void> copyWholeFile(const std::filesystem::path& from, const std::filesystem::path& to);
/// Removes a file that may be there.
Result<void> removeFile(const std::filesystem::path& path);
/// Makes a folder, with its parents.
Result<void> makeFolder(const std::filesystem::path& folder);
/// Returns when the folder's list of files is on the disk.
Result<void> syncFolder(const std::filesystem::path& folder);

}  // namespace edgechat::quant
