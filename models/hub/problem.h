// Why something that needs the Hub did not work: a kind that a program can act on, and a sentence for a
// person.
#pragma once

#include <QByteArray>
#include <QString>
#include <optional>
#include <utility>

#include "inference/result.h"

namespace edgechat::models::hub {

enum class Problem {
    cancelled,
    offline,      ///< the setting forbids requests; none was made
    unreachable,  ///< no connection, no answer in time, or the server's own failure, after all attempts
    insecure,     ///< TLS could not be verified, or a redirect led from https to http
    needsToken,   ///< the repository is gated or private and no token was sent, or the Hub did not know it
    needsAcceptance,  ///< a token was sent; its owner has not been let in by the authors
    notFound,         ///< no such repository, revision or file
    takenDown,        ///< the Hub has disabled the repository
    rateLimited,      ///< too many requests, and the wait is longer than a download should take on its own
    badAnswer,        ///< an answer that does not follow the protocol, endless redirects, impossible numbers
    changed,          ///< the Hub now has another file under this commit than it listed
    wrongHash,        ///< twice the bytes were not those that the Hub promised
    diskFull,
    fileError,   ///< the folder cannot be written or another process downloads into it
    unsuitable,  ///< the repository holds no weights that EdgeChat reads
};

struct Failure {
    Problem problem = Problem::badAnswer;
    Error error;  ///< never holds a token or the query of a signed URL
};

/// A value or a Failure.
template <class T>
class Outcome {
  public:
    Outcome(T value) : m_value(std::move(value)) {}
    Outcome(Failure failure) : m_failure(std::move(failure)) {}
    explicit operator bool() const { return m_value.has_value(); }
    T& operator*() { return *m_value; }
    const T& operator*() const { return *m_value; }
    T* operator->() { return &*m_value; }
    const T* operator->() const { return &*m_value; }
    const Failure& failure() const { return m_failure; }

  private:
    std::optional<T> m_value;
    Failure m_failure;
};

/// A failure with the error code that belongs to its kind.
/// @param where  a repository, "org/name", a URL without query or a path
Failure makeFailure(Problem problem, const char* what, const QString& where, const QString& found,
                    const QString& expected = QString());

/// A failure of the disk: ErrorCode::doesNotFit is a full one.
Failure fileFailure(const Error& error);

/// What an answer of the Hub means that is no success.
struct Refusal {
    int status = 0;          ///< of HTTP, >= 400
    QByteArray errorCode;    ///< X-Error-Code
    QByteArray message;      ///< X-Error-Message
    bool tokenSent = false;  ///< with the request that was refused
};
/// @param repository  "org/name"
/// @param page        where a person accepts its licence
/// @param subject     the revision or file that was asked for
Failure failureOf(const Refusal& refusal, const QString& repository, const QString& page,
                  const QString& subject);

/// True for a status that may be another one in a while: 408, 429, 500, 502, 503, 504.
bool isTransient(int status);

}  // namespace edgechat::models::hub
