// Where a Hub is and what its addresses look like: https://huggingface.co, or a mirror of it.
#pragma once

#include <QString>
#include <QUrl>

#include "inference/result.h"

namespace edgechat::models::hub {

/// A repository as a person names it.
struct RepositoryName {
    QString id;        ///< "org/name"
    QString revision;  ///< branch, tag, "refs/pr/1" or commit; empty when none was given
};

/// Takes "org/name", "org/name@revision" and the address of a page of a repository on any Hub
/// ("https://huggingface.co/org/name/tree/main"). ErrorCode::usage with what a name looks like.
Result<RepositoryName> readRepositoryName(const QString& text);

/// ErrorCode::usage unless it is a revision that git could have: not empty, at most 200 characters, no
/// spaces, no control characters, no "..".
Result<void> checkRevision(const QString& revision);

/// One Hub. A value.
class Endpoint {
  public:
    /// https://huggingface.co
    Endpoint();
    /// A mirror. Only https; http to this machine itself (tests, tunnels). ErrorCode::usage otherwise, and
    /// for an address with a user, a query or a fragment.
    static Result<Endpoint> from(const QString& address);
    /// HF_ENDPOINT, else huggingface.co.
    static Result<Endpoint> fromEnvironment();

    const QUrl& base() const { return m_base; }
    /// "huggingface.co", "localhost:8080": whom a token is given to.
    QString host() const;
    bool isMirror() const;
    /// True for an address of the same scheme, host and port: only there may the token go.
    bool owns(const QUrl& url) const;

    QUrl repositoryInfo(const QString& id, const QString& revision) const;
    QUrl tree(const QString& id, const QString& revision) const;
    QUrl file(const QString& id, const QString& commit, const QString& path) const;
    /// Where a person reads about the model and accepts its licence.
    QString page(const QString& id) const;

  private:
    explicit Endpoint(const QUrl& base) : m_base(base) {}
    QUrl at(const QByteArray& encodedPath, const QString& query = QString()) const;

    QUrl m_base;  ///< no slash at its end
};

/// True for an address that a request may go to: https, or http to this machine itself; no user information.
bool isSecure(const QUrl& url);

/// The address without user, query and fragment: signatures are not for messages.
QString shownUrl(const QUrl& url);

}  // namespace edgechat::models::hub
