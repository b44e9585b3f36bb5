#include "inference/model/data_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace edgechat::inference {

namespace {

constexpr uint64_t kMostAtOnce = uint64_t{16} << 20;  // bytes; a device is busy with less

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
    // Some file systems have no such thing; and the path may have become another file's.
    file->m_direct = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
    struct stat again = {};
    if (file->m_direct >= 0 && (fstat(file->m_direct, &again) != 0 || again.st_dev != status.st_dev ||
                                again.st_ino != status.st_ino)) {
        ::close(file->m_direct);
        file->m_direct = -1;
    }
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
    if (m_direct >= 0) ::close(m_direct);
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

Result<void> DataFile::readPages(uint64_t position, uint64_t count, std::byte* pages,
                                 const std::string& field) const {
    const uint64_t end = position + count;
    while (position < end) {
        const uint64_t before = position % kPage;
        const uint64_t next = std::min(end, position - before + kMostAtOnce);
        if (!readDirect(position, next - position, pages)) {
            if (Result<void> got = read(position, next - position, pages + before, field); !got) return got;
            dropPageCache(position, next - position);
        }
        pages += kMostAtOnce;
        position = next;
    }
    return {};
}

bool DataFile::readDirect(uint64_t position, uint64_t count, std::byte* pages) const {
    const uint64_t begin = position - position % kPage, end = position + count;
    const uint64_t bytes = pageBytes(position, count);
    if (m_direct < 0 || isCached(begin, bytes)) return false;
    uint64_t done = 0;  // whole pages, but at the file's end
    while (begin + done < end) {
        const ssize_t got = pread(m_direct, pages + done, bytes - done, static_cast<off_t>(begin + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || (begin + done + static_cast<uint64_t>(got) < end && got % kPage != 0)) return false;
        done += static_cast<uint64_t>(got);
    }
    return true;
}

bool DataFile::isCached(uint64_t position, uint64_t bytes) const {
    void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, m_file, static_cast<off_t>(position));
    if (mapped == MAP_FAILED) return false;
    // Nothing is read through the mapping.
    std::vector<unsigned char> pages(bytes / kPage);
    const bool known = mincore(mapped, bytes, pages.data()) == 0;
    munmap(mapped, bytes);
    const auto there = std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; });
    return known && 2 * static_cast<size_t>(there) > pages.size();
}

void DataFile::dropPageCache() const {
    posix_fadvise(m_file, 0, 0, POSIX_FADV_DONTNEED);
}

void DataFile::dropPageCache(uint64_t position, uint64_t count) const {
    const uint64_t begin = position - position % kPage;
    posix_fadvise(m_file, static_cast<off_t>(begin), static_cast<off_t>(position + count - begin),
                  POSIX_FADV_DONTNEED);
}

}  // namespace edgechat::inference
