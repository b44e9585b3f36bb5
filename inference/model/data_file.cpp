#include "inference/model/data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace edgechat::inference {

namespace {

Error readError(const std::filesystem::path& path, std::string field, std::string found,
                std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", path.string(),
                 std::move(field),    std::move(found),        std::move(expected)};
}

}  // namespace

Result<std::shared_ptr<DataFile>> DataFile::openFile(const std::filesystem::path& path,
                                                     const char* expected) {
    // Without O_NONBLOCK a named pipe would hold us until somebody writes to it.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return readError(path, "", std::strerror(errno), expected);
    std::shared_ptr<DataFile> file(new DataFile(path, descriptor, 0));
    struct stat status = {};
    if (fstat(descriptor, &status) != 0) return readError(path, "", std::strerror(errno), expected);
    if (!S_ISREG(status.st_mode)) {
        return readError(path, "", S_ISDIR(status.st_mode) ? "a folder" : "something that is not a file",
                         expected);
    }
    file->m_bytes = static_cast<uint64_t>(status.st_size);
    return file;
}

Result<std::shared_ptr<const DataFile>> DataFile::open(const std::filesystem::path& path,
                                                       const char* expected) {
    Result<std::shared_ptr<DataFile>> file = openFile(path, expected);
    if (!file) return file.error();
    return std::shared_ptr<const DataFile>(std::move(*file));
}

Result<std::shared_ptr<const DataFile>> DataFile::openBeginning(const std::filesystem::path& path,
                                                                const char* expected, uint64_t wholeBytes) {
    Result<std::shared_ptr<DataFile>> file = openFile(path, expected);
    if (!file) return file.error();
    (*file)->m_bytes = wholeBytes;
    return std::shared_ptr<const DataFile>(std::move(*file));
}

DataFile::~DataFile() {
    ::close(m_file);
}

Result<void> DataFile::read(uint64_t position, uint64_t count, std::byte* out,
                            const std::string& field) const {
    while (count > 0) {
        const ssize_t got = pread(m_file, out, count, static_cast<off_t>(position));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            return readError(
                m_path, field,
                got < 0 ? std::strerror(errno) : "the end of the file at byte " + std::to_string(position),
                "a file of " + std::to_string(m_bytes) + " bytes, as when it was opened");
        }
        out += got;
        position += static_cast<uint64_t>(got);
        count -= static_cast<uint64_t>(got);
    }
    return {};
}

void DataFile::dropPageCache() const {
    posix_fadvise(m_file, 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace edgechat::inference
