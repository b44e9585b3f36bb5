#include "models/hub/problem.h"

namespace edgechat::models::hub {
namespace {

constexpr int kMostMessageCharacters = 200;

ErrorCode codeOf(Problem problem) {
    switch (problem) {
        case Problem::cancelled:
            return ErrorCode::interrupted;
        case Problem::diskFull:
            return ErrorCode::doesNotFit;
        case Problem::notFound:
        case Problem::unsuitable:
        case Problem::fileError:
            return ErrorCode::badInput;
        default:
            return ErrorCode::network;
    }
}

/// The server's words, made harmless for a terminal.
QString shown(const QByteArray& message) {
    QString text = QString::fromUtf8(message).left(kMostMessageCharacters);
    for (QChar& c : text) {
        if (!c.isPrint()) c = u' ';
    }
    return text.simplified();
}

QString statusText(const Refusal& refusal) {
    QString text = QStringLiteral("HTTP status %1").arg(refusal.status);
    const QString words = shown(refusal.message);
    return words.isEmpty() ? text : text + QStringLiteral(" (") + words + u')';
}

/// 401 and 403: what the person has to do depends on the Hub's own code, not on the number. A missing
/// repository is also a 401 when nobody is signed in.
Failure accessFailure(const Refusal& refusal, const QString& repository, const QString& page) {
    const bool gated = refusal.errorCode == "GatedRepo";
    const char* const what = "cannot download";
    if (gated && refusal.tokenSent) {
        return makeFailure(Problem::needsAcceptance, what, repository,
                           QStringLiteral("a model that its authors give to those who accepted its licence"),
                           QStringLiteral("that you open ") + page +
                               QStringLiteral(", accept the licence there and try again (some authors answer "
                                              "by hand, which can take days)"));
    }
    if (gated) {
        return makeFailure(Problem::needsToken, what, repository,
                           QStringLiteral("a model that its authors give to those who accepted its licence"),
                           QStringLiteral("that you sign in at ") + page +
                               QStringLiteral(", accept the licence there and give EdgeChat an access token "
                                              "(read) of that account"));
    }
    if (!refusal.tokenSent) {
        return makeFailure(Problem::needsToken, what, repository, QStringLiteral("no such public repository"),
                           QStringLiteral("another name, or an access token of an account that may read it"));
    }
    return makeFailure(
        Problem::needsToken, what, repository,
        QStringLiteral("that the Hub does not accept the access token: ") + statusText(refusal),
        QStringLiteral("a token that is valid and may read this repository"));
}

}  // namespace

Failure makeFailure(Problem problem, const char* what, const QString& where, const QString& found,
                    const QString& expected) {
    Failure failure;
    failure.problem = problem;
    failure.error.code = codeOf(problem);
    failure.error.what = what;
    failure.error.file = where.toStdString();
    failure.error.found = found.toStdString();
    failure.error.expected = expected.toStdString();
    return failure;
}

Failure fileFailure(const Error& error) {
    return {error.code == ErrorCode::doesNotFit ? Problem::diskFull : Problem::fileError, error};
}

Failure failureOf(const Refusal& refusal, const QString& repository, const QString& page,
                  const QString& subject) {
    const char* const what = "cannot download";
    if (refusal.message.contains("Access to this resource is disabled")) {
        return makeFailure(Problem::takenDown, what, repository,
                           QStringLiteral("that the Hub has taken it down"),
                           QStringLiteral("another repository"));
    }
    if (refusal.errorCode == "RepoNotFound" && refusal.tokenSent) {
        return makeFailure(Problem::notFound, what, repository, QStringLiteral("no such repository"),
                           QStringLiteral("one that exists, or a token that may read it"));
    }
    if (refusal.errorCode == "RevisionNotFound" || refusal.errorCode == "EntryNotFound") {
        return makeFailure(Problem::notFound, what, repository, QStringLiteral("no ") + subject,
                           QStringLiteral("a revision and a file that the repository has"));
    }
    if (refusal.status == 401 || refusal.status == 403) return accessFailure(refusal, repository, page);
    if (refusal.status == 404 || refusal.status == 410) {
        return makeFailure(Problem::notFound, what, repository,
                           refusal.errorCode.isEmpty() ? QStringLiteral("no ") + subject
                                                       : QStringLiteral("no such repository"),
                           QStringLiteral("one that exists"));
    }
    if (refusal.status == 429) {
        return makeFailure(
            Problem::rateLimited, what, repository,
            QStringLiteral("that the Hub has had too many requests from here"),
            QStringLiteral("some minutes of patience, or an access token, which raises the limit"));
    }
    return makeFailure(isTransient(refusal.status) ? Problem::unreachable : Problem::badAnswer, what,
                       repository, statusText(refusal), QStringLiteral("an answer of the Hub"));
}

bool isTransient(int status) {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace edgechat::models::hub
