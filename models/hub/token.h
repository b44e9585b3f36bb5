// The access token of a person's account on a Hub. It lies in the desktop's keyring where EdgeChat was built
// with QtKeychain and one answers, else in a file that only its owner may read; it is in no message, no log
// and no other program's arguments.
#pragma once

#include <QByteArray>
#include <QString>
#include <functional>

#include "inference/result.h"

namespace edgechat::models::hub {

/// A secret. It can be sent and stored, and neither printed nor compared.
class Token {
  public:
    Token() = default;
    /// ErrorCode::usage unless it is one word of printable ASCII, at most 500 characters; white space around
    /// it is taken off. The error does not quote it.
    static Result<Token> from(const QByteArray& text);

    bool isEmpty() const { return m_secret.isEmpty(); }
    /// The value of an Authorization field.
    QByteArray bearer() const { return "Bearer " + m_secret; }

  private:
    friend class TokenStore;
    explicit Token(const QByteArray& secret) : m_secret(secret) {}

    QByteArray m_secret;
};

/// The token that the environment gives for a host: HF_TOKEN, the file HF_TOKEN_PATH names, $HF_HOME/token,
/// ~/.cache/huggingface/token, in this order, and only for huggingface.co. EDGECHAT_TOKEN_HOST names another
/// host (with its port) that they are meant for: no mirror gets a token that was given to the Hub. Empty when
/// there is none.
Token tokenOfEnvironment(const QString& host);

/// What a person gave EdgeChat, by host. Every function returns at once and calls back, once, in the calling
/// thread, which needs an event loop; the keyring may ask the person to unlock it in between.
class TokenStore {
  public:
    /// @param folder  of the file, made when it is needed; configFolder() in the program
    /// @param useKeyring  false leaves the desktop's keyring alone. EDGECHAT_KEYRING=0 does so too.
    explicit TokenStore(const QString& folder, bool useKeyring = true);

    /// An empty token when there is none.
    void read(const QString& host, std::function<void(Result<Token>)> done) const;
    /// An empty token removes what is there.
    void write(const QString& host, const Token& token, std::function<void(Result<void>)> done) const;
    /// Whether a token that read() gives comes from the file; else it is the keyring's.
    bool keptInFile(const QString& host) const;

  private:
    QString fileName() const;
    Result<Token> readFile(const QString& host) const;
    Result<void> writeFile(const QString& host, const Token& token) const;

    QString m_folder;
    bool m_useKeyring;
};

}  // namespace edgechat::models::hub
