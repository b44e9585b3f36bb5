#include "models/hub/partial_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/store_files.h"

namespace edgechat::models::hub {
namespace {

constexpr qint64 kMostStateBytes = 4096;
const QString kDigest = QStringLiteral("digest");
const QString kBytes = QStringLiteral("bytes");
const QString kEtag = QStringLiteral("etag");
const QString kSynced = QStringLiteral("synced");
const QString kBoot = QStringLiteral("boot");

QString partialName(const QString& target) {
    return target + QStringLiteral(".partial");
}

QString stateName(const QString& target) {
    return target + QStringLiteral(".partial.json");
}

QByteArray native(const QString& path) {
    return QFile::encodeName(path);
}

Error systemError(const char* what, const QString& path, int reason) {
    Error error;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    error.code = full ? ErrorCode::doesNotFit : ErrorCode::badInput;
    error.what = what;
    error.file = path.toStdString();
    error.found = std::strerror(reason);
    if (full) error.expected = "free space on the disk";
    return error;
}

/// Changes with every start of the machine.
QByteArray bootId() {
    QFile file(QStringLiteral("/proc/sys/kernel/random/boot_id"));
    return file.open(QIODevice::ReadOnly) ? file.readAll().trimmed() : QByteArray();
}

QJsonObject readState(const QString& target) {
    QFile file(stateName(target));
    if (!file.open(QIODevice::ReadOnly)) return {};
    return QJsonDocument::fromJson(file.read(kMostStateBytes)).object();
}

QByteArray bytesOf(const QJsonObject& state, const QString& key) {
    return state.value(key).toString().toUtf8();
}

}  // namespace

PartialFile::PartialFile(const QString& target, const FileIdentity& identity)
    : m_target(target), m_identity(identity), m_digest(identity) {}

PartialFile::~PartialFile() {
    if (m_descriptor >= 0) ::close(m_descriptor);
}

Result<std::unique_ptr<PartialFile>> PartialFile::open(const QString& target, const FileIdentity& identity) {
    const QString folder = QFileInfo(target).path();
    if (!QDir().mkpath(folder)) {
        Error error = systemError("cannot create the folder", folder, EACCES);
        return error;
    }
    std::unique_ptr<PartialFile> file(new PartialFile(target, identity));
    if (Result<void> opened = file->openFile(); !opened) return opened.error();
    return file;
}

Result<void> PartialFile::openFile() {
    const QString path = partialName(m_target);
    m_descriptor = ::open(native(path).constData(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (m_descriptor < 0) return systemError("cannot write", path, errno);
    if (::flock(m_descriptor, LOCK_EX | LOCK_NB) != 0) {
        Error error = systemError("cannot write", path, errno);
        error.found = "another process that downloads this file";
        error.expected = "one at a time";
        return error;
    }
    struct stat status {
    }, named{};
    if (::fstat(m_descriptor, &status) != 0) return systemError("cannot read", path, errno);
    // Between the two calls another process may have completed the file, which is then not ours to cut.
    if (::stat(native(path).constData(), &named) != 0 || named.st_ino != status.st_ino)
        return systemError("cannot write", path, EAGAIN);
    const qint64 onDisk = static_cast<qint64>(status.st_size);
    m_size = trustedBytes(onDisk);
    if (m_size != onDisk) {
        if (Result<void> cut = truncate(m_size); !cut) return cut;
    }
    m_synced = std::min(m_synced, m_size);
    return writeState();
}

qint64 PartialFile::trustedBytes(qint64 onDisk) {
    const QJsonObject state = readState(m_target);
    const bool same = bytesOf(state, kDigest) == m_identity.digest() &&
                      bytesOf(state, kBytes) == QByteArray::number(m_identity.bytes);
    if (!same || onDisk > m_identity.bytes) return 0;
    m_etag = bytesOf(state, kEtag);
    m_synced = std::clamp<qint64>(bytesOf(state, kSynced).toLongLong(), 0, m_identity.bytes);
    // Without power a file may be long already while its last bytes never reached the disk.
    return bytesOf(state, kBoot) == bootId() ? onDisk : std::min(onDisk, m_synced);
}

Result<void> PartialFile::writeState() {
    const QJsonObject state = {{kDigest, QString::fromLatin1(m_identity.digest())},
                               {kBytes, QString::number(m_identity.bytes)},
                               {kEtag, QString::fromUtf8(m_etag)},
                               {kSynced, QString::number(m_synced)},
                               {kBoot, QString::fromLatin1(bootId())}};
    const QString work = stateName(m_target) + QStringLiteral(".new");
    if (Result<void> written = writeDurably(work, QJsonDocument(state).toJson(QJsonDocument::Compact));
        !written) {
        QFile::remove(work);
        return written;
    }
    if (::rename(native(work).constData(), native(stateName(m_target)).constData()) == 0) return {};
    return systemError("cannot write", stateName(m_target), errno);
}

Result<void> PartialFile::truncate(qint64 bytes) {
    if (::ftruncate(m_descriptor, bytes) != 0)
        return systemError("cannot write", partialName(m_target), errno);
    m_size = bytes;
    m_synced = std::min(m_synced, bytes);
    m_digest.reset();
    return {};
}

Result<bool> PartialFile::hashMore(qint64 most) {
    return hub::hashMore(m_descriptor, partialName(m_target), m_size, most, m_digest);
}

Result<void> PartialFile::append(const QByteArray& data) {
    qint64 done = 0;
    while (done < data.size()) {
        const ssize_t count =
            ::pwrite(m_descriptor, data.constData() + done, static_cast<size_t>(data.size() - done), m_size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return systemError("cannot write", partialName(m_target), count < 0 ? errno : ENOSPC);
        m_digest.add(QByteArray::fromRawData(data.constData() + done, static_cast<int>(count)));
        m_size += count;
        done += count;
    }
    if (m_size - m_synced < kSyncBytes) return {};
    // Written out in steps, so that the end does not wait for gigabytes of dirty pages.
    if (::fdatasync(m_descriptor) != 0) return systemError("cannot write", partialName(m_target), errno);
    m_synced = m_size;
    return writeState();
}

Result<void> PartialFile::startOver() {
    m_etag.clear();
    if (Result<void> cut = truncate(0); !cut) return cut;
    return writeState();
}

Result<void> PartialFile::noteEtag(const QByteArray& etag) {
    if (m_etag == etag) return {};
    m_etag = etag;
    return writeState();
}

Result<void> PartialFile::finish() {
    if (::fsync(m_descriptor) != 0) return systemError("cannot write", partialName(m_target), errno);
    if (::rename(native(partialName(m_target)).constData(), native(m_target).constData()) != 0)
        return systemError("cannot rename to", m_target, errno);
    QFile::remove(stateName(m_target));
    const int folder =
        ::open(native(QFileInfo(m_target).path()).constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Some file systems cannot sync a folder (EINVAL); the rename itself has happened then.
    const bool synced = folder >= 0 && (::fsync(folder) == 0 || errno == EINVAL);
    const int reason = errno;
    if (folder >= 0) ::close(folder);
    if (!synced) return systemError("cannot write", m_target, reason);
    return {};
}

void PartialFile::discard() {
    QFile::remove(partialName(m_target));
    QFile::remove(stateName(m_target));
}

qint64 freeBytes(const QString& folder) {
    QString existing = QDir::cleanPath(QDir::current().absoluteFilePath(folder));
    while (!QFileInfo(existing).isDir() && existing.size() > 1) existing = QFileInfo(existing).path();
    struct statvfs disk {};
    if (::statvfs(native(existing).constData(), &disk) != 0) return -1;
    return static_cast<qint64>(disk.f_bavail) * static_cast<qint64>(disk.f_frsize);
}

}  // namespace edgechat::models::hub
