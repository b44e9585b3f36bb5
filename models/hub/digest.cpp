#include "models/hub/digest.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace edgechat::models::hub {
namespace {

constexpr qint64 kChunkBytes = qint64{1} << 20;

}  // namespace

Digest::Digest(const FileIdentity& identity) : m_identity(identity) {
    reset();
}

void Digest::reset() {
    m_bytes = 0;
    m_sha256.reset();
    m_gitBlob.reset();
    m_gitBlob.addData(QByteArray("blob ") + QByteArray::number(m_identity.bytes) + '\0');
}

void Digest::add(const QByteArray& data) {
    m_sha256.addData(data);
    if (m_identity.sha256.isEmpty()) m_gitBlob.addData(data);
    m_bytes += data.size();
}

bool Digest::isRight() const {
    if (m_bytes != m_identity.bytes) return false;
    if (!m_identity.sha256.isEmpty()) return sha256() == m_identity.sha256;
    return m_gitBlob.result().toHex() == m_identity.gitBlob;
}

Result<bool> hashMore(int descriptor, const QString& path, qint64 end, qint64 most, Digest& digest) {
    QByteArray buffer(static_cast<int>(kChunkBytes), Qt::Uninitialized);
    while (digest.bytes() < end && most > 0) {
        const qint64 wanted = std::min({end - digest.bytes(), most, kChunkBytes});
        const ssize_t count = ::pread(descriptor, buffer.data(), static_cast<size_t>(wanted), digest.bytes());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            Error error;
            error.code = ErrorCode::badInput;
            error.what = "cannot read";
            error.file = path.toStdString();
            error.found = count < 0 ? std::strerror(errno) : "a shorter file than before";
            return error;
        }
        digest.add(QByteArray::fromRawData(buffer.constData(), static_cast<int>(count)));
        most -= count;
    }
    return digest.bytes() >= end;
}

}  // namespace edgechat::models::hub
