#include "quant/output/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace edgechat::quant {

namespace {

constexpr uint64_t kCopyBytes = 1u << 20;

// An open file that closes itself.
struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) close(number);
    }
};

// Lets `fill` write a file beside the path, and moves it there.
template <class Fill>
Result<void> replaceFile(const std::filesystem::path& path, const Fill& fill) {
    const std::filesystem::path part = path.string() + ".part";
    Result<void> done = [&]() -> Result<void> {
        const Descriptor file{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
        if (file.number < 0) return writeError(part, errno);
        if (Result<void> filled = fill(file.number, part); !filled) return filled;
        if (fsync(file.number) != 0) return writeError(part, errno);
        if (rename(part.c_str(), path.c_str()) != 0) return writeError(path, errno);
        return {};
    }();
    if (!done) unlink(part.c_str());
    return done;
}

}  // namespace

Error writeError(const std::filesystem::path& path, int number) {
    const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return Error{full ? ErrorCode::doesNotFit : ErrorCode::badInput,
                 "cannot write the model",
                 path.string(),
                 "",
                 std::strerror(number),
                 full ? "room for the whole model" : "a file that can be written"};
}

Result<void> writeAt(int file, const std::filesystem::path& path, uint64_t position, const void* data,
                     uint64_t count) {
    const auto* from = static_cast<const char*>(data);
    while (count > 0) {
        const ssize_t put = pwrite(file, from, count, static_cast<off_t>(position));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return writeError(path, put < 0 ? errno : ENOSPC);
        from += put;
        position += static_cast<uint64_t>(put);
        count -= static_cast<uint64_t>(put);
    }
    return {};
}

Error readError(const std::filesystem::path& path, int number) {
    return Error{ErrorCode::badInput,   "cannot read the model",
                 path.string(),         "",
                 std::strerror(number), "the file, as it was when the work began"};
}

OutputFile::~OutputFile() {
    close(m_file);
}

Result<std::unique_ptr<OutputFile>> OutputFile::open(const std::filesystem::path& path,
                                                     const std::string& header, uint64_t bytes) {
    // Without O_NONBLOCK a named pipe would hold us until somebody reads from it.
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor < 0) return writeError(path, errno);
    std::unique_ptr<OutputFile> file(new OutputFile(path, descriptor));
    struct stat status = {};
    if (fstat(descriptor, &status) != 0) return writeError(path, errno);
    if (!S_ISREG(status.st_mode)) return writeError(path, EEXIST);
    file->m_kept = file->holds(header, bytes);
    if (file->m_kept) return file;
    if (Result<void> made = file->make(header, bytes); !made) {
        unlink(path.c_str());  // what is left of it helps nobody and takes room
        return made.error();
    }
    return file;
}

bool OutputFile::holds(const std::string& header, uint64_t bytes) const {
    struct stat status = {};
    if (fstat(m_file, &status) != 0 || static_cast<uint64_t>(status.st_size) != bytes) return false;
    std::string found(header.size(), '\0');
    const ssize_t got = pread(m_file, found.data(), found.size(), 0);
    return got == static_cast<ssize_t>(found.size()) && found == header;
}

// The header comes last: a file that has it has its whole size.
Result<void> OutputFile::make(const std::string& header, uint64_t bytes) const {
    if (ftruncate(m_file, 0) != 0) return writeError(m_path, errno);
    int failure = 0;
    do failure = fallocate(m_file, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    while (failure == EINTR);
    // Some file systems cannot reserve space; then a full disk shows when it is full.
    if ((failure == EOPNOTSUPP || failure == ENOSYS) &&
        (failure = ftruncate(m_file, static_cast<off_t>(bytes)) == 0 ? 0 : errno) == 0)
        failure = 0;
    if (failure != 0) return writeError(m_path, failure);
    if (Result<void> written = write(0, header.data(), header.size()); !written) return written;
    return fsync(m_file) == 0 ? Result<void>() : writeError(m_path, errno);
}

Result<void> OutputFile::write(uint64_t position, const void* data, uint64_t count) const {
    return writeAt(m_file, m_path, position, data, count);
}

Result<void> OutputFile::sync() const {
    if (fdatasync(m_file) != 0) return writeError(m_path, errno);
    posix_fadvise(m_file, 0, 0, POSIX_FADV_DONTNEED);
    return {};
}

Result<void> writeWholeFile(const std::filesystem::path& path, std::string_view content) {
    return replaceFile(path, [content](int file, const std::filesystem::path& part) {
        return writeAt(file, part, 0, content.data(), content.size());
    });
}

Result<void> copyWholeFile(const std::filesystem::path& from, const std::filesystem::path& to) {
    const Descriptor source{::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (source.number < 0) return readError(from, errno);
    return replaceFile(to, [&](int file, const std::filesystem::path& part) -> Result<void> {
        std::vector<char> buffer(kCopyBytes);
        for (uint64_t position = 0;;) {
            const ssize_t got = read(source.number, buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return readError(from, errno);
            if (got == 0) return {};
            if (Result<void> put = writeAt(file, part, position, buffer.data(), static_cast<uint64_t>(got));
                !put)
                return put;
            position += static_cast<uint64_t>(got);
        }
    });
}

Result<void> removeFile(const std::filesystem::path& path) {
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return writeError(path, errno);
}

Result<void> makeFolder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return writeError(folder, error.value());
    if (!std::filesystem::is_directory(folder, error)) return writeError(folder, ENOTDIR);
    return {};
}

Result<void> syncFolder(const std::filesystem::path& folder) {
    const Descriptor file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (file.number < 0 || fsync(file.number) != 0) return writeError(folder, errno);
    return {};
}

}  // namespace edgechat::quant
