#include "tests/models/hub_simulator/simulated_repository.h"

#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <set>

namespace edgechat::testing {
namespace {

QString text(const QByteArray& ascii) {
    return QString::fromLatin1(ascii);
}

/// The folders above all files, as the listing has them.
std::set<QString> foldersOf(const SimulatedRepository& repository) {
    std::set<QString> folders;
    for (const auto& [path, file] : repository.files) {
        for (qsizetype at = path.indexOf(u'/'); at >= 0; at = path.indexOf(u'/', at + 1))
            folders.insert(path.left(at));
    }
    return folders;
}

QJsonObject fileEntry(const QString& path, const SimulatedFile& file) {
    QJsonObject entry = {{QStringLiteral("type"), QStringLiteral("file")},
                         {QStringLiteral("oid"), text(file.blobId())},
                         {QStringLiteral("size"), file.content.size()},
                         {QStringLiteral("path"), path}};
    if (file.lfs) {
        entry.insert(QStringLiteral("lfs"),
                     QJsonObject{{QStringLiteral("oid"), text(file.sha256())},
                                 {QStringLiteral("size"), file.content.size()},
                                 {QStringLiteral("pointerSize"), lfsPointer(file.content).size()}});
    }
    return entry;
}

}  // namespace

QByteArray sha256Of(const QByteArray& content) {
    return QCryptographicHash::hash(content, QCryptographicHash::Sha256).toHex();
}

QByteArray gitBlobOf(const QByteArray& content) {
    QByteArray blob = "blob " + QByteArray::number(content.size());
    blob += '\0';
    return QCryptographicHash::hash(blob + content, QCryptographicHash::Sha1).toHex();
}

QByteArray lfsPointer(const QByteArray& content) {
    return "version https://git-lfs.github.com/spec/v1\noid sha256:" + sha256Of(content) + "\nsize " +
           QByteArray::number(content.size()) + '\n';
}

void SimulatedFile::hash() const {
    // A copy that is kept shares its bytes with the content until somebody changes that.
    if (!digests.sha256.isEmpty() && digests.hashed.constData() == content.constData() &&
        digests.hashed.size() == content.size()) {
        return;
    }
    digests = {content, sha256Of(content), gitBlobOf(lfs ? lfsPointer(content) : content)};
}

const QByteArray& SimulatedFile::sha256() const {
    hash();
    return digests.sha256;
}

const QByteArray& SimulatedFile::blobId() const {
    hash();
    return digests.blobId;
}

QByteArray SimulatedRepository::commit() const {
    QByteArray all = id.toUtf8();
    for (const auto& [path, file] : files) all += path.toUtf8() + file.blobId();
    return QCryptographicHash::hash(all, QCryptographicHash::Sha1).toHex();
}

QByteArray SimulatedRepository::infoJson(bool withBlobs) const {
    QJsonArray siblings;
    for (const auto& [path, file] : files) {
        QJsonObject sibling = {{QStringLiteral("rfilename"), path}};
        if (withBlobs) {
            sibling.insert(QStringLiteral("blobId"), text(file.blobId()));
            sibling.insert(QStringLiteral("size"), file.content.size());
        }
        if (withBlobs && file.lfs) {
            sibling.insert(QStringLiteral("lfs"),
                           QJsonObject{{QStringLiteral("sha256"), text(file.sha256())},
                                       {QStringLiteral("size"), file.content.size()},
                                       {QStringLiteral("pointerSize"), lfsPointer(file.content).size()}});
        }
        siblings.append(sibling);
    }
    const QJsonObject info = {
        {QStringLiteral("_id"), QStringLiteral("0123456789abcdef01234567")},
        {QStringLiteral("id"), id},
        {QStringLiteral("modelId"), id},
        {QStringLiteral("author"), id.section(u'/', 0, 0)},
        {QStringLiteral("sha"), text(commit())},
        {QStringLiteral("lastModified"), QStringLiteral("2025-03-01T12:00:00.000Z")},
        {QStringLiteral("createdAt"), QStringLiteral("2025-02-01T12:00:00.000Z")},
        {QStringLiteral("private"), false},
        {QStringLiteral("gated"), gated.isEmpty() ? QJsonValue(false) : QJsonValue(gated)},
        {QStringLiteral("disabled"), disabled},
        {QStringLiteral("downloads"), 7},
        {QStringLiteral("likes"), 1},
        {QStringLiteral("tags"), QJsonArray{QStringLiteral("safetensors"), QStringLiteral("llama")}},
        {QStringLiteral("pipeline_tag"), QStringLiteral("text-generation")},
        {QStringLiteral("library_name"), QStringLiteral("transformers")},
        {QStringLiteral("cardData"), QJsonObject{{QStringLiteral("license"), licence}}},
        {QStringLiteral("siblings"), siblings}};
    return QJsonDocument(info).toJson(QJsonDocument::Compact);
}

qsizetype SimulatedRepository::treeSize() const {
    return static_cast<qsizetype>(files.size() + foldersOf(*this).size());
}

QByteArray SimulatedRepository::treeJson(qsizetype begin, qsizetype end) const {
    QJsonArray all;
    for (const QString& folder : foldersOf(*this)) {
        all.append(QJsonObject{{QStringLiteral("type"), QStringLiteral("directory")},
                               {QStringLiteral("oid"), text(gitBlobOf(folder.toUtf8()))},
                               {QStringLiteral("size"), 0},
                               {QStringLiteral("path"), folder}});
    }
    for (const auto& [path, file] : files) all.append(fileEntry(path, file));
    QJsonArray page;
    for (qsizetype i = begin; i < std::min<qsizetype>(end, all.size()); i++) page.append(all[i]);
    return QJsonDocument(page).toJson(QJsonDocument::Compact);
}

}  // namespace edgechat::testing
