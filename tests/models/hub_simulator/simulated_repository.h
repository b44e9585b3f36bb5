// A repository of the simulated Hub, and what the Hub's API says about it.
#pragma once

#include <QByteArray>
#include <QString>
#include <map>

namespace edgechat::testing {

struct SimulatedFile {
    QByteArray content;
    bool lfs = false;  ///< as large files are: served by another host, listed with their sha256

    const QByteArray& sha256() const;  ///< of the content
    const QByteArray& blobId() const;  ///< git's, of the content or of what stands for it

    /// Both, of the content that `hashed` shares: every request asks for them.
    struct Digests {
        QByteArray hashed, sha256, blobId;
    };
    mutable Digests digests = {};
    void hash() const;
};

struct SimulatedRepository {
    QString id;     ///< "org/name"
    QString gated;  ///< empty, "auto" or "manual"
    bool disabled = false;
    QString licence = QStringLiteral("apache-2.0");
    std::map<QString, SimulatedFile> files;

    /// 40 hexadecimal digits that follow from all paths and contents.
    QByteArray commit() const;
    QByteArray infoJson(bool withBlobs) const;
    /// Files and folders `begin` to `end` of the recursive listing.
    QByteArray treeJson(qsizetype begin, qsizetype end) const;
    qsizetype treeSize() const;
};

QByteArray sha256Of(const QByteArray& content);
/// Git's id of a blob with this content.
QByteArray gitBlobOf(const QByteArray& content);
/// What git holds in place of a large file.
QByteArray lfsPointer(const QByteArray& content);

}  // namespace edgechat::testing
