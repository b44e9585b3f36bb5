// A file on its way: <name>.partial and, beside it, <name>.partial.json, which says what it is going to be
// and how far it can be trusted.
#pragma once

#include <QByteArray>
#include <QString>
#include <memory>

#include "inference/result.h"
#include "models/hub/digest.h"

namespace edgechat::models::hub {

/// The bytes on disk go on to count after the program's end, however it came: they are hashed again by
/// hashMore() before the first append(). After a restart of the machine only those count that had reached
/// the disk (kSyncBytes at most are lost). One process holds the file at a time.
class PartialFile {
  public:
    static constexpr qint64 kSyncBytes = qint64{64} << 20;

    /// Takes up what lies there when it is going to be the same file, else begins at zero. Makes the folder.
    /// @param target  absolute path of the complete file
    static Result<std::unique_ptr<PartialFile>> open(const QString& target, const FileIdentity& identity);
    ~PartialFile();
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;

    qint64 size() const { return m_size; }
    bool isComplete() const { return m_size == m_identity.bytes; }
    /// Reads up to `most` bytes of what was there already; true when all of it is hashed.
    Result<bool> hashMore(qint64 most);
    /// Precondition: all is hashed, and the file does not become longer than it has to be.
    Result<void> append(const QByteArray& data);
    /// Forgets all bytes.
    Result<void> startOver();
    /// The server's ETag for the file, opaque: another one than the noted one makes the bytes worthless.
    /// @return whether what is there may be kept
    bool keepsUnder(const QByteArray& etag) const { return m_etag.isEmpty() || m_etag == etag; }
    Result<void> noteEtag(const QByteArray& etag);

    /// Whether the bytes are the promised ones. Precondition: complete and hashed.
    bool isRight() const { return m_digest.isRight(); }
    /// The sha256 of all bytes, hexadecimal. Precondition: as above.
    QByteArray sha256() const { return m_digest.sha256(); }
    /// Makes the file durable and gives it its name, replacing what has it. Nothing may follow.
    Result<void> finish();
    /// Deletes the file and its state. Nothing may follow.
    void discard();

  private:
    PartialFile(const QString& target, const FileIdentity& identity);
    Result<void> openFile();
    /// How many of the bytes on disk count by the state that an earlier process left.
    qint64 trustedBytes(qint64 bytesOnDisk);
    Result<void> writeState();
    Result<void> truncate(qint64 bytes);

    QString m_target;
    FileIdentity m_identity;
    int m_descriptor = -1;
    qint64 m_size = 0;
    qint64 m_synced = 0;
    QByteArray m_etag;
    Digest m_digest;
};

/// Bytes that this user may still write in a folder (or in the nearest one above that exists); -1 unknown.
qint64 freeBytes(const QString& folder);

}  // namespace edgechat::models::hub
