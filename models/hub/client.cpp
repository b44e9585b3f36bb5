#include "models/hub/client.h"

#include "models/hub/digest.h"
#include "models/hub/headers.h"
#include "models/hub/small_answer.h"

namespace edgechat::models::hub {
namespace {

constexpr int kMostPages = 100;

/// JSON of the Hub that cannot be used is the network's fault, not a user's file's.
Failure badAnswer(Error error) {
    error.code = ErrorCode::network;
    return {Problem::badAnswer, std::move(error)};
}

}  // namespace

Client::Client(Session& session, QObject* parent) : QObject(parent), m_session(session) {}

void Client::stop() {
    qDeleteAll(findChildren<SmallAnswer*>(QString(), Qt::FindDirectChildrenOnly));
}

void Client::ask(const QUrl& url, const QString& id, const QString& subject, qint64 most, Answered done,
                 bool beginning) {
    auto* const answer = new SmallAnswer(m_session, url, id, subject, most, this);
    if (beginning) answer->takeBeginning();
    connect(answer, &SmallAnswer::retrying, this, &Client::retrying);
    connect(answer, &SmallAnswer::failed, this, [answer, done](const Failure& failure) {
        answer->deleteLater();
        done(failure, {});
    });
    connect(answer, &SmallAnswer::arrived, this, [answer, done](const QByteArray& body) {
        answer->deleteLater();
        done(body, answer->link());
    });
    answer->start();
}

void Client::repositoryInfo(const QString& id, const QString& revision,
                            std::function<void(Outcome<RepositoryInfo>)> done) {
    const QString wanted = revision.isEmpty() ? QStringLiteral("main") : revision;
    ask(m_session.settings().endpoint.repositoryInfo(id, wanted), id, QStringLiteral("revision ") + wanted,
        static_cast<qint64>(kMostAnswerBytes),
        [id, done = std::move(done)](const Outcome<QByteArray>& body, const QByteArray&) {
            if (!body) return done(body.failure());
            Result<RepositoryInfo> info = readRepositoryInfo(body->toStdString(), id.toStdString());
            if (!info) return done(badAnswer(info.error()));
            done(std::move(*info));
        });
}

void Client::files(const QString& id, const QString& commit,
                   std::function<void(Outcome<std::vector<RepositoryFile>>)> done) {
    nextFiles(id, m_session.settings().endpoint.tree(id, commit), std::make_shared<Listing>(),
              std::move(done));
}

void Client::nextFiles(const QString& id, const QUrl& url, const std::shared_ptr<Listing>& sofar,
                       std::function<void(Outcome<std::vector<RepositoryFile>>)> done) {
    ask(url, id, QStringLiteral("list of files"), static_cast<qint64>(kMostAnswerBytes),
        [this, id, url, sofar, done = std::move(done)](const Outcome<QByteArray>& body,
                                                       const QByteArray& link) {
            if (!body) return done(body.failure());
            Result<std::vector<RepositoryFile>> files = readTree(body->toStdString(), id.toStdString());
            if (!files) return done(badAnswer(files.error()));
            sofar->files.insert(sofar->files.end(), files->begin(), files->end());
            const std::optional<std::string> next = nextPage(link.toStdString());
            if (!next) return done(std::move(sofar->files));
            const QUrl page =
                url.resolved(QUrl::fromEncoded(QByteArray::fromStdString(*next), QUrl::StrictMode));
            const bool tooLong = ++sofar->pages >= kMostPages || sofar->files.size() > kMostFiles;
            // The token goes with the request, so the next page must be the Hub's own.
            if (tooLong || !page.isValid() || !m_session.settings().endpoint.owns(page)) {
                return done(makeFailure(Problem::badAnswer, "cannot read the Hub's list of files of", id,
                                        tooLong ? QStringLiteral("a list without end") : shownUrl(page),
                                        tooLong ? QStringLiteral("at most %1 files").arg(kMostFiles)
                                                : QStringLiteral("a next page on the same host")));
            }
            nextFiles(id, page, sofar, done);
        });
}

void Client::smallFile(const QString& id, const QString& commit, const RepositoryFile& file,
                       std::function<void(Outcome<QByteArray>)> done) {
    const QString path = QString::fromStdString(file.path);
    const FileIdentity identity{file.bytes, QByteArray::fromStdString(file.sha256),
                                QByteArray::fromStdString(file.gitBlob)};
    ask(m_session.settings().endpoint.file(id, commit, path), id, path,
        std::min<qint64>(identity.bytes, static_cast<qint64>(kMostAnswerBytes)),
        [id, path, identity, done = std::move(done)](const Outcome<QByteArray>& body, const QByteArray&) {
            if (!body) return done(body.failure());
            Digest digest(identity);
            digest.add(*body);
            if (digest.isRight()) return done(*body);
            done(makeFailure(Problem::wrongHash, "cannot use", id + u'/' + path,
                             QStringLiteral("other bytes than the Hub promised"),
                             QString::fromLatin1(identity.digest())));
        });
}

void Client::beginning(const QString& id, const QString& commit, const RepositoryFile& file, qint64 bytes,
                       std::function<void(Outcome<QByteArray>)> done) {
    const QString path = QString::fromStdString(file.path);
    ask(
        m_session.settings().endpoint.file(id, commit, path), id, path, bytes,
        [done = std::move(done)](const Outcome<QByteArray>& body, const QByteArray&) { done(body); }, true);
}

}  // namespace edgechat::models::hub
