// The access token: where it comes from, where it lies, whom it is for.
#include "models/hub/token.h"

#include <sys/stat.h>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <optional>

using namespace edgechat;
using namespace edgechat::models::hub;

class TokenTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString path(const char* name) const { return m_folder->filePath(QString::fromLatin1(name)); }
    TokenStore store() const { return TokenStore(path("config"), false); }
    QByteArray read(const QString& host) {
        std::optional<Result<Token>> token;
        store().read(host, [&token](const Result<Token>& result) { token = result; });
        if (token || !QTest::qWaitFor([&token] { return token.has_value(); })) return "not called later";
        return *token ? (*token)->bearer() : QByteArray("an error");
    }
    bool write(const QString& host, const QByteArray& text) {
        std::optional<Result<void>> done;
        store().write(host, *Token::from(text), [&done](const Result<void>& result) { done = result; });
        return QTest::qWaitFor([&done] { return done.has_value(); }) && bool(*done);
    }
    static void writeFile(const QString& name, const QByteArray& content) {
        QFile file(name);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(content);
    }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        for (const char* name : {"HF_TOKEN", "HF_TOKEN_PATH", "EDGECHAT_TOKEN_HOST"}) qunsetenv(name);
        qputenv("HF_HOME", path("hf").toLocal8Bit());
    }

    void isStoredByHost() {
        QCOMPARE(read(QStringLiteral("huggingface.co")), QByteArray("Bearer "));
        QVERIFY(write(QStringLiteral("huggingface.co"), "hf_one"));
        QVERIFY(write(QStringLiteral("mirror:8080"), "hf_two"));
        QCOMPARE(read(QStringLiteral("huggingface.co")), QByteArray("Bearer hf_one"));
        QCOMPARE(read(QStringLiteral("mirror:8080")), QByteArray("Bearer hf_two"));
        QCOMPARE(read(QStringLiteral("mirror")), QByteArray("Bearer "));
        QVERIFY(write(QStringLiteral("huggingface.co"), ""));
        QCOMPARE(read(QStringLiteral("huggingface.co")), QByteArray("Bearer "));
        QCOMPARE(read(QStringLiteral("mirror:8080")), QByteArray("Bearer hf_two"));
    }

    void onlyItsOwnerMayReadTheFile() {
        for (int i = 0; i < 2; i++) {
            QVERIFY(write(QStringLiteral("huggingface.co"), "hf_one"));
            struct stat status {};
            QCOMPARE(::stat(QFile::encodeName(path("config/hub-token.json")).constData(), &status), 0);
            QCOMPARE(status.st_mode & 0777u, 0600u);
        }
    }

    /// Built with QtKeychain or without it: where no keyring answers, the file holds the token.
    void whereNoKeyringAnswersTheFileHoldsIt() {
        const QByteArray keyring = qgetenv("EDGECHAT_KEYRING");
        qunsetenv("EDGECHAT_KEYRING");
        qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=" + path("no-bus").toLocal8Bit());
        const TokenStore asking(path("config"));
        qputenv("EDGECHAT_KEYRING", keyring);
        const QString hub = QStringLiteral("huggingface.co");
        std::optional<Result<void>> written;
        asking.write(hub, *Token::from("hf_one"), [&written](const Result<void>& done) { written = done; });
        QVERIFY(QTest::qWaitFor([&written] { return written.has_value(); }));
        QVERIFY2(*written, *written ? "" : written->error().message().c_str());
        struct stat status {};
        QCOMPARE(::stat(QFile::encodeName(path("config/hub-token.json")).constData(), &status), 0);
        QCOMPARE(status.st_mode & 0777u, 0600u);
        for (const QByteArray& expected : {QByteArray("Bearer hf_one"), QByteArray("Bearer ")}) {
            std::optional<Result<Token>> token;
            asking.read(hub, [&token](const Result<Token>& read) { token = read; });
            QVERIFY(QTest::qWaitFor([&token] { return token.has_value(); }));
            QVERIFY(bool(*token));
            QCOMPARE((*token)->bearer(), expected);
            written.reset();
            asking.write(hub, Token(), [&written](const Result<void>& done) { written = done; });
            QVERIFY(QTest::qWaitFor([&written] { return written.has_value(); }));
            QVERIFY(bool(*written));
        }
    }

    void aFolderThatCannotBeMadeIsAnErrorWithoutTheToken() {
        writeFile(path("config"), "a file");
        std::optional<Result<void>> done;
        store().write(QStringLiteral("host"), *Token::from("hf_secret"),
                      [&done](const Result<void>& result) { done = result; });
        QVERIFY(QTest::qWaitFor([&done] { return done.has_value(); }));
        QVERIFY(!*done);
        QVERIFY(done->error().message().find("hf_secret") == std::string::npos);
    }

    void whatIsNoTokenIsRefusedWithoutBeingQuoted() {
        for (const QByteArray& text :
             {QByteArray("two words"), QByteArray("line\nbreak"), QByteArray("t\xc3\xb6ken"),
              QByteArray("injected\r\nHost: x"), QByteArray(501, 'x')}) {
            const Result<Token> token = Token::from(text);
            QVERIFY(!token);
            QVERIFY(token.error().message().find(text.toStdString()) == std::string::npos);
        }
        QVERIFY(Token::from("").value().isEmpty());
        QCOMPARE(Token::from(" hf_x\n").value().bearer(), QByteArray("Bearer hf_x"));
    }

    void theEnvironmentsIsForTheHubAlone() {
        const QString hub = QStringLiteral("huggingface.co");
        qputenv("HF_TOKEN", "hf_env");
        QCOMPARE(tokenOfEnvironment(hub).bearer(), QByteArray("Bearer hf_env"));
        QVERIFY(tokenOfEnvironment(QStringLiteral("hf-mirror.com")).isEmpty());
        QVERIFY(tokenOfEnvironment(QStringLiteral("huggingface.co:8080")).isEmpty());
        qputenv("EDGECHAT_TOKEN_HOST", "hf-mirror.com");
        QCOMPARE(tokenOfEnvironment(QStringLiteral("hf-mirror.com")).bearer(), QByteArray("Bearer hf_env"));
        QVERIFY(tokenOfEnvironment(hub).isEmpty());
    }

    void theEnvironmentNamesFilesToo() {
        const QString hub = QStringLiteral("huggingface.co");
        QVERIFY(tokenOfEnvironment(hub).isEmpty());
        QDir().mkpath(path("hf"));
        writeFile(path("hf/token"), "hf_home\n");
        QCOMPARE(tokenOfEnvironment(hub).bearer(), QByteArray("Bearer hf_home"));
        writeFile(path("another"), "hf_path");
        qputenv("HF_TOKEN_PATH", path("another").toLocal8Bit());
        QCOMPARE(tokenOfEnvironment(hub).bearer(), QByteArray("Bearer hf_path"));
    }
};

QTEST_GUILESS_MAIN(TokenTest)
#include "token_test.moc"
