#include "models/store_files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <QCryptographicHash>
#include <QDirIterator>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

namespace edgechat::models {
namespace {

constexpr size_t kChunkBytes = size_t{4} << 20;

/// Closes a file descriptor at the end of its scope.
class FileDescriptor {
  public:
    explicit FileDescriptor(int descriptor) : m_descriptor(descriptor) {}
    ~FileDescriptor() {
        if (m_descriptor >= 0) ::close(m_descriptor);
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return m_descriptor; }
    explicit operator bool() const { return m_descriptor >= 0; }

  private:
    int m_descriptor;
};

QByteArray native(const QString& path) {
    return QFile::encodeName(path);
}

Error fileError(const char* what, const QString& path, int errorNumber) {
    Error error;
    error.code = errorNumber == ENOSPC || errorNumber == EDQUOT || errorNumber == EFBIG
                     ? ErrorCode::doesNotFit
                     : ErrorCode::badInput;
    error.what = what;
    error.file = path.toStdString();
    error.found = std::strerror(errorNumber);
    if (error.code == ErrorCode::doesNotFit) error.expected = "free space on the disk";
    return error;
}

Result<void> writeAll(int descriptor, const char* data, size_t count, const QString& path) {
    while (count > 0) {
        const ssize_t written = ::write(descriptor, data, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fileError("cannot write", path, written < 0 ? errno : EIO);
        data += written;
        count -= static_cast<size_t>(written);
    }
    return {};
}

Result<void> syncFolder(const QString& path) {
    const FileDescriptor folder(::open(native(path).constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems cannot sync a folder (EINVAL); the rename itself has happened then.
    if (!folder || (::fsync(folder.get()) != 0 && errno != EINVAL))
        return fileError("cannot write", path, errno);
    return {};
}

Result<void> checkFreeSpace(const QString& target, uint64_t bytes) {
    const QString folder = QFileInfo(target).path();
    struct statvfs disk {};
    if (::statvfs(native(folder).constData(), &disk) != 0)
        return fileError("cannot read the disk of", folder, errno);
    const uint64_t available = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (available >= bytes) return {};
    Error error;
    error.code = ErrorCode::doesNotFit;
    error.what = "cannot copy the model into";
    error.file = folder.toStdString();
    error.found = std::to_string(available) + " bytes free";
    error.expected = std::to_string(bytes) + " bytes";
    return error;
}

/// Reads `source` to its end, hashes it and, if `copy` >= 0, writes it there.
Result<QString> readThrough(int source, const QString& sourcePath, int copy, const QString& copyPath,
                            uint64_t total, const ImportProgress& progress) {
    QCryptographicHash hash(QCryptographicHash::Sha256);
    QByteArray buffer(static_cast<int>(kChunkBytes), Qt::Uninitialized);
    uint64_t done = 0;
    for (;;) {
        const ssize_t count = ::read(source, buffer.data(), kChunkBytes);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fileError("cannot read the model", sourcePath, errno);
        if (count == 0) break;
        hash.addData(QByteArray::fromRawData(buffer.constData(), static_cast<int>(count)));
        if (copy >= 0) {
            if (Result<void> written =
                    writeAll(copy, buffer.constData(), static_cast<size_t>(count), copyPath);
                !written) {
                return written.error();
            }
        }
        done += static_cast<uint64_t>(count);
        if (progress && !progress(done, total)) {
            Error error;
            error.code = ErrorCode::interrupted;
            error.what = "stopped while reading";
            error.file = sourcePath.toStdString();
            return error;
        }
    }
    if (done != total) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = "the model changed while it was read";
        error.file = sourcePath.toStdString();
        error.found = std::to_string(done) + " bytes";
        error.expected = std::to_string(total) + " bytes";
        return error;
    }
    return QString::fromLatin1(hash.result().toHex());
}

/// Opens a regular file; a pipe or a device, which could keep a reader waiting for ever, is refused.
Result<uint64_t> sizeOf(const FileDescriptor& input, const QString& path) {
    struct stat status {};
    if (!input || ::fstat(input.get(), &status) != 0) return fileError("cannot read the model", path, errno);
    if (S_ISREG(status.st_mode)) return static_cast<uint64_t>(status.st_size);
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot read the model";
    error.file = path.toStdString();
    error.found = "no regular file";
    return error;
}

}  // namespace

Result<QString> hashFile(const QString& path, const ImportProgress& progress) {
    const FileDescriptor input(::open(native(path).constData(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const Result<uint64_t> bytes = sizeOf(input, path);
    if (!bytes) return bytes.error();
    return readThrough(input.get(), path, -1, {}, *bytes, progress);
}

Result<QString> placeFile(const QString& source, const QString& target, uint64_t room,
                          const ImportProgress& progress) {
    const FileDescriptor input(::open(native(source).constData(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const Result<uint64_t> size = sizeOf(input, source);
    if (!size) return size.error();
    const uint64_t bytes = *size;

    // AT_SYMLINK_FOLLOW: the store keeps the file itself, not a link that may come to dangle.
    const bool linked = ::linkat(AT_FDCWD, native(source).constData(), AT_FDCWD, native(target).constData(),
                                 AT_SYMLINK_FOLLOW) == 0;
    Result<QString> sha256 = QString();
    if (linked) {
        sha256 = readThrough(input.get(), source, -1, target, bytes, progress);
    } else {
        if (Result<void> space = checkFreeSpace(target, std::max(room, bytes)); !space) return space.error();
        const FileDescriptor output(
            ::open(native(target).constData(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        if (!output) return fileError("cannot write", target, errno);
        sha256 = readThrough(input.get(), source, output.get(), target, bytes, progress);
        if (sha256 && ::fsync(output.get()) != 0) sha256 = fileError("cannot write", target, errno);
    }
    if (!sha256) QFile::remove(target);
    return sha256;
}

Result<void> writeDurably(const QString& path, const QByteArray& content) {
    const FileDescriptor output(
        ::open(native(path).constData(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!output) return fileError("cannot write", path, errno);
    if (Result<void> written =
            writeAll(output.get(), content.constData(), static_cast<size_t>(content.size()), path);
        !written) {
        return written;
    }
    if (::fsync(output.get()) != 0) return fileError("cannot write", path, errno);
    return syncFolder(QFileInfo(path).path());
}

Result<void> touch(const QString& path) {
    const FileDescriptor file(
        ::open(native(path).constData(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
    if (!file || ::futimens(file.get(), nullptr) != 0) return fileError("cannot write", path, errno);
    return {};
}

Result<void> renameDurably(const QString& source, const QString& target) {
    int failed = ::renameat2(AT_FDCWD, native(source).constData(), AT_FDCWD, native(target).constData(),
                             RENAME_NOREPLACE);
    if (failed != 0 && errno == EINVAL) {
        // A file system without RENAME_NOREPLACE. A folder still never replaces one that holds a model:
        // rename(2) refuses a target that is not empty.
        errno = QFileInfo::exists(target) ? EEXIST : 0;
        failed = errno != 0 ? -1 : ::rename(native(source).constData(), native(target).constData());
    }
    if (failed != 0) return fileError("cannot rename to", target, errno);
    return syncFolder(QFileInfo(target).path());
}

Result<void> replaceDurably(const QString& source, const QString& target) {
    if (::rename(native(source).constData(), native(target).constData()) != 0)
        return fileError("cannot rename to", target, errno);
    return syncFolder(QFileInfo(target).path());
}

uint64_t folderBytes(const QString& folder) {
    uint64_t bytes = 0;
    QDirIterator files(folder, QDir::Files | QDir::Hidden | QDir::NoSymLinks, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        files.next();
        bytes += static_cast<uint64_t>(files.fileInfo().size());
    }
    return bytes;
}

bool deleteFolder(const QString& folder) {
    // QDir would delete what a link leads to, and cannot delete names that are no UTF-8.
    std::error_code error;
    std::filesystem::remove_all(native(folder).toStdString(), error);
    return !error;
}

}  // namespace edgechat::models
