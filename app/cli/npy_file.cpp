#include "app/cli/npy_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace edgechat::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they lie in memory, as '<f4'");

constexpr size_t kHeaderAlignment = 64;  // NumPy's format description asks for it

std::string header(uint64_t rows, uint64_t columns) {
    std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) +
                             ", " + std::to_string(columns) + "), }";
    constexpr size_t kPrefix = 10;  // magic, version, 16-bit length
    while ((kPrefix + dictionary.size() + 1) % kHeaderAlignment != 0) dictionary += ' ';
    dictionary += '\n';
    std::string bytes = "\x93NUMPY";
    bytes += '\x01';
    bytes += '\x00';
    bytes += static_cast<char>(dictionary.size() & 0xff);
    bytes += static_cast<char>(dictionary.size() >> 8);
    return bytes + dictionary;
}

Error writeError(const std::filesystem::path& path, int reason) {
    Error error;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    error.code = full ? ErrorCode::doesNotFit : ErrorCode::badInput;
    error.what = "cannot write the logits to";
    error.file = path.string();
    error.found = std::strerror(reason);
    error.expected = full ? "free space on the disk" : "a file that can be written";
    return error;
}

}  // namespace

Result<std::unique_ptr<NpyFile>> NpyFile::create(const std::filesystem::path& path, uint64_t rows,
                                                 uint64_t columns) {
    std::unique_ptr<NpyFile> file(new NpyFile());
    std::error_code ignored;
    const std::filesystem::file_status status = std::filesystem::status(path, ignored);
    const bool plain = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
    file->m_path = path;
    file->m_written = path;
    if (plain) file->m_written += ".part";
    file->m_file = ::open(file->m_written.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file->m_file < 0) return writeError(path, errno);
    const std::string head = header(rows, columns);
    if (Result<void> written = file->write(head.data(), head.size()); !written) return written.error();
    return file;
}

NpyFile::~NpyFile() {
    if (m_file < 0) return;
    ::close(m_file);
    if (m_written != m_path) ::unlink(m_written.c_str());
}

Result<void> NpyFile::write(const void* data, size_t bytes) {
    const char* next = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = ::write(m_file, next, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return writeError(m_path, written < 0 ? errno : EIO);
        next += written;
        bytes -= static_cast<size_t>(written);
    }
    return {};
}

Result<void> NpyFile::writeRow(std::span<const float> row) {
    return write(row.data(), row.size_bytes());
}

Result<void> NpyFile::finish() {
    const bool renamed = m_written == m_path || ::rename(m_written.c_str(), m_path.c_str()) == 0;
    if (!renamed) return writeError(m_path, errno);  // the destructor takes the part away
    const int file = std::exchange(m_file, -1);
    if (::close(file) != 0) return writeError(m_path, errno);
    return {};
}

}  // namespace edgechat::cli
