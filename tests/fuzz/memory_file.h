// What fuzz targets share.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace edgechat::fuzz {

inline void require(bool condition) {
    if (!condition) std::abort();
}

/// Bytes that can be opened as a file.
class MemoryFile {
  public:
    MemoryFile(const void* data, size_t size) : m_file(memfd_create("fuzz", MFD_CLOEXEC)) {
        require(m_file >= 0 && write(m_file, data, size) == static_cast<ssize_t>(size));
    }
    ~MemoryFile() { close(m_file); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(m_file); }

  private:
    int m_file;
};

}  // namespace edgechat::fuzz
