#include "models/hub/token.h"

#include <fcntl.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTimer>
#include <algorithm>

#ifdef EDGECHAT_HAS_KEYCHAIN
#include <qt6keychain/keychain.h>
#endif

namespace edgechat::models::hub {
namespace {

constexpr qint64 kMostTokenBytes = 500;
constexpr qint64 kMostFileBytes = qint64{64} << 10;
const QString kHubHost = QStringLiteral("huggingface.co");

Error fileError(const char* what, const QString& path, const QString& found, const char* expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = what;
    error.file = path.toStdString();
    error.found = found.toStdString();
    error.expected = expected;
    return error;
}

Token tokenOfFile(const QString& path) {
    QFile file(path);
    if (path.isEmpty() || !file.open(QIODevice::ReadOnly)) return {};
    const Result<Token> token = Token::from(file.read(kMostTokenBytes * 2));
    return token ? *token : Token();
}

/// What a result is, for a caller that expects to be called back later.
template <class T>
void answerLater(std::function<void(Result<T>)> done, Result<T> result) {
    QTimer::singleShot(0, [done = std::move(done), result = std::move(result)] { done(result); });
}

#ifdef EDGECHAT_HAS_KEYCHAIN
const QString kService = QStringLiteral("EdgeChat");

/// True when there is no keyring to ask: another answer, such as a person's refusal, is the person's.
bool noKeyring(QKeychain::Error error) {
    return error == QKeychain::NoBackendAvailable || error == QKeychain::NotImplemented ||
           error == QKeychain::OtherError;
}

Error keyringError(const char* what, const QKeychain::Job& job) {
    return fileError(what, QStringLiteral("of the keyring"), job.errorString(), "an unlocked keyring");
}
#endif

}  // namespace

Result<Token> Token::from(const QByteArray& text) {
    const QByteArray secret = text.trimmed();
    const bool good = secret.size() <= kMostTokenBytes &&
                      std::all_of(secret.begin(), secret.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (good) return Token(secret);
    Error error;
    error.code = ErrorCode::usage;
    error.what = "cannot use the access token";
    error.found = "characters that no token has";
    error.expected = "one word that begins with hf_";
    return error;
}

Token tokenOfEnvironment(const QString& host) {
    const QString meant = qEnvironmentVariable("EDGECHAT_TOKEN_HOST", kHubHost);
    if (host != meant) return {};
    if (const Result<Token> token = Token::from(qgetenv("HF_TOKEN")); token && !token->isEmpty())
        return *token;
    const QString home =
        qEnvironmentVariable("HF_HOME", QDir::homePath() + QStringLiteral("/.cache/huggingface"));
    for (const QString& path : {qEnvironmentVariable("HF_TOKEN_PATH"), home + QStringLiteral("/token")}) {
        if (Token token = tokenOfFile(path); !token.isEmpty()) return token;
    }
    return {};
}

TokenStore::TokenStore(const QString& folder, bool useKeyring)
    : m_folder(folder), m_useKeyring(useKeyring && qgetenv("EDGECHAT_KEYRING") != "0") {}

QString TokenStore::fileName() const {
    return m_folder + QStringLiteral("/hub-token.json");
}

Result<Token> TokenStore::readFile(const QString& host) const {
    QFile file(fileName());
    if (!file.exists()) return Token();
    if (!file.open(QIODevice::ReadOnly)) {
        return fileError("cannot read the access token in", fileName(), file.errorString(),
                         "a file that this user may read");
    }
    const QJsonObject tokens = QJsonDocument::fromJson(file.read(kMostFileBytes)).object();
    return Token::from(tokens.value(host).toString().toLatin1());
}

bool TokenStore::keptInFile(const QString& host) const {
    const Result<Token> kept = readFile(host);
    return kept && !kept->isEmpty();
}

Result<void> TokenStore::writeFile(const QString& host, const Token& token) const {
    if (token.isEmpty() && !QFile::exists(fileName())) return {};
    if (!QDir().mkpath(m_folder)) {
        return fileError("cannot create the folder", m_folder, QStringLiteral("no right to do so"),
                         "a folder of this user");
    }
    QFile old(fileName());
    QJsonObject tokens;
    if (old.open(QIODevice::ReadOnly)) tokens = QJsonDocument::fromJson(old.read(kMostFileBytes)).object();
    old.close();
    if (token.isEmpty()) {
        tokens.remove(host);
    } else {
        tokens.insert(host, QString::fromLatin1(token.m_secret));
    }
    // Born with its rights, beside the old one: there is no moment in which another user could open it.
    const QString work = fileName() + QStringLiteral(".new");
    QFile::remove(work);
    const int descriptor =
        ::open(QFile::encodeName(work).constData(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    QFile file;
    bool written = descriptor >= 0 && file.open(descriptor, QIODevice::WriteOnly, QFile::AutoCloseHandle);
    const QByteArray content = QJsonDocument(tokens).toJson(QJsonDocument::Compact);
    written = written && file.write(content) == content.size() && file.flush() && ::fsync(descriptor) == 0;
    file.close();
    written = written &&
              ::rename(QFile::encodeName(work).constData(), QFile::encodeName(fileName()).constData()) == 0;
    if (written) return {};
    QFile::remove(work);
    return fileError("cannot write the access token to", fileName(), file.errorString(),
                     "a folder that this user may write");
}

#ifdef EDGECHAT_HAS_KEYCHAIN

void TokenStore::read(const QString& host, std::function<void(Result<Token>)> done) const {
    // A file holds it when no keyring was there as it was written.
    const Result<Token> stored = readFile(host);
    if (!m_useKeyring || !stored || !stored->isEmpty())
        return answerLater(std::move(done), Result<Token>(stored));
    auto* const job = new QKeychain::ReadPasswordJob(kService);  // deletes itself
    job->setKey(host);
    QObject::connect(job, &QKeychain::Job::finished, [job, done = std::move(done)] {
        if (job->error() == QKeychain::NoError) return done(Token::from(job->binaryData()));
        if (job->error() == QKeychain::EntryNotFound || noKeyring(job->error())) return done(Token());
        done(keyringError("cannot read the access token", *job));
    });
    job->start();
}

void TokenStore::write(const QString& host, const Token& token,
                       std::function<void(Result<void>)> done) const {
    if (!m_useKeyring) return answerLater(std::move(done), writeFile(host, token));
    const auto finish = [store = *this, host, token, done = std::move(done)](const QKeychain::Job& job) {
        // What an earlier time without a keyring left in the file would be read first.
        if (job.error() == QKeychain::NoError || job.error() == QKeychain::EntryNotFound)
            return done(store.writeFile(host, Token()));
        if (noKeyring(job.error())) return done(store.writeFile(host, token));
        done(keyringError("cannot store the access token", job));
    };
    QKeychain::Job* job = nullptr;
    if (token.isEmpty()) {
        job = new QKeychain::DeletePasswordJob(kService);
    } else {
        auto* const writing = new QKeychain::WritePasswordJob(kService);
        writing->setBinaryData(token.m_secret);
        job = writing;
    }
    job->setKey(host);
    QObject::connect(job, &QKeychain::Job::finished, [job, finish] { finish(*job); });
    job->start();
}

#else

void TokenStore::read(const QString& host, std::function<void(Result<Token>)> done) const {
    answerLater(std::move(done), readFile(host));
}

void TokenStore::write(const QString& host, const Token& token,
                       std::function<void(Result<void>)> done) const {
    answerLater(std::move(done), writeFile(host, token));
}

#endif

}  // namespace edgechat::models::hub
