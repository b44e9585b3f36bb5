// What a file's bytes must be, and whether they are.
#pragma once

#include <QByteArray>
#include <QCryptographicHash>
#include <QFile>
#include <QString>

#include "inference/result.h"

namespace edgechat::models::hub {

/// What a file must be when it is complete.
struct FileIdentity {
    qint64 bytes = 0;
    QByteArray sha256;   ///< hexadecimal; empty where only the next one is known
    QByteArray gitBlob;  ///< git's SHA-1 of the blob, hexadecimal; counts where there is no sha256

    /// The digest that counts.
    const QByteArray& digest() const { return sha256.isEmpty() ? gitBlob : sha256; }
};

/// Takes a file's bytes in their order.
class Digest {
  public:
    explicit Digest(const FileIdentity& identity);

    void add(const QByteArray& data);
    void reset();
    qint64 bytes() const { return m_bytes; }
    /// Whether these were all bytes, and the right ones.
    bool isRight() const;
    /// Of the bytes so far, hexadecimal; known for every file, so that the store has one kind of digest.
    QByteArray sha256() const { return m_sha256.result().toHex(); }

  private:
    FileIdentity m_identity;
    qint64 m_bytes = 0;
    QCryptographicHash m_sha256{QCryptographicHash::Sha256};
    QCryptographicHash m_gitBlob{QCryptographicHash::Sha1};
};

/// Reads on in `descriptor` behind the bytes that `digest` has, up to `most` of them and not beyond `end`.
/// @return true when `end` is reached
Result<bool> hashMore(int descriptor, const QString& path, qint64 end, qint64 most, Digest& digest);

}  // namespace edgechat::models::hub
