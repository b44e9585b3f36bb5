// A file of weights, read by position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "inference/result.h"

namespace edgechat::inference {

/// An open regular file. Any thread may read it.
class DataFile {
  public:
    /// @param expected  for the message: "a GGUF file"
    static Result<std::shared_ptr<const DataFile>> open(const std::filesystem::path& path,
                                                        const char* expected);
    /// The first bytes of a larger file, in a file of their own: bytes() is the size of the whole one, and
    /// what lies behind its beginning cannot be read.
    static Result<std::shared_ptr<const DataFile>> openBeginning(const std::filesystem::path& path,
                                                                 const char* expected, uint64_t wholeBytes);
    ~DataFile();
    DataFile(const DataFile&) = delete;
    DataFile& operator=(const DataFile&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    uint64_t bytes() const { return m_bytes; }  ///< when it was opened
    int descriptor() const { return m_file; }

    /// Reads [position, position + count). Fails when the file was cut short or went away since it was
    /// opened.
    /// @param field  for the message: what was being read, "tensor x"
    Result<void> read(uint64_t position, uint64_t count, std::byte* out, const std::string& field) const;
    static constexpr uint64_t kPage = 4096;
    /// Bytes of the whole pages that hold [position, position + count).
    static constexpr uint64_t pageBytes(uint64_t position, uint64_t count) {
        return count == 0 ? 0 : (position % kPage + count + kPage - 1) / kPage * kPage;
    }
    /// The same as read() for what is needed once: past the kernel's cache where the file is not in it, else
    /// dropping what was in it.
    /// @param pages  aligned to kPage, takes pageBytes(); position goes to pages + position % kPage, and what
    ///               lies around may be overwritten
    Result<void> readPages(uint64_t position, uint64_t count, std::byte* pages,
                           const std::string& field) const;
    /// Tells the kernel that the file's pages are not needed any more.
    void dropPageCache() const;
    /// The same of the pages that begin in [position, position + count) and of the one in which that begins.
    void dropPageCache(uint64_t position, uint64_t count) const;

  private:
    /// Reads whole pages past the kernel's cache; false if they are in it, or where the file system cannot.
    bool readDirect(uint64_t position, uint64_t count, std::byte* pages) const;
    bool isCached(uint64_t position, uint64_t bytes) const;
    static Result<std::shared_ptr<DataFile>> openFile(const std::filesystem::path& path,
                                                      const char* expected);
    DataFile(std::filesystem::path path, int file, uint64_t bytes)
        : m_path(std::move(path)), m_file(file), m_bytes(bytes) {}

    std::filesystem::path m_path;
    int m_file;
    int m_direct = -1;  // the same file, opened with O_DIRECT
    uint64_t m_bytes;
};

}  // namespace edgechat::inference
