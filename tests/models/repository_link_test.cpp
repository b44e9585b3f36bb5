// What people type and paste to name a model of a Hub.
#include "models/repository_link.h"

#include <QtTest>

using namespace edgechat;
using namespace edgechat::models;

class RepositoryLinkTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void understands_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("endpoint");
        QTest::addColumn<QString>("repository");
        QTest::addColumn<QString>("revision");
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("variant");
        const auto row = [](const char* text, const char* repository, const char* revision = "",
                            const char* file = "", const char* endpoint = "", const char* variant = "") {
            QTest::newRow(text) << QString::fromUtf8(text) << QString::fromUtf8(endpoint)
                                << QString::fromUtf8(repository) << QString::fromUtf8(revision)
                                << QString::fromUtf8(file) << QString::fromUtf8(variant);
        };
        row("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "TinyLlama/TinyLlama-1.1B-Chat-v1.0");
        row("  org/name \n", "org/name");
        row("\"org/name\"", "org/name");
        row("<https://huggingface.co/org/name>", "org/name");
        row("org/name/", "org/name");
        row("org/name@v1.0", "org/name", "v1.0");
        row("org/name@refs/pr/7", "org/name", "refs/pr/7");
        row("org/name:Q4_K_M", "org/name", "", "", "", "Q4_K_M");
        row("hf:org/name", "org/name");
        row("HF:org/name", "org/name");
        row("hf://org/name", "org/name");
        row("hf://org/name@main", "org/name", "main");
        row("hf.co/org/name", "org/name");
        row("hf.co/org/name:Q8_0", "org/name", "", "", "", "Q8_0");
        row("huggingface.co/org/name", "org/name");
        row("https://huggingface.co/org/name", "org/name");
        row("HTTPS://HuggingFace.co/org/name", "org/name");
        row("http://huggingface.co/org/name", "org/name");
        row("https://www.huggingface.co/org/name/", "org/name");
        row("https://huggingface.co/org/name?library=transformers#usage", "org/name");
        row("https://huggingface.co/models/org/name", "org/name");
        row("https://huggingface.co/api/models/org/name", "org/name");
        row("https://huggingface.co/org/name/tree/main", "org/name", "main");
        row("https://huggingface.co/org/name/tree/main/onnx", "org/name", "main");
        row("https://huggingface.co/org/name/tree/refs%2Fpr%2F7", "org/name", "refs/pr/7");
        row("https://huggingface.co/org/name/tree/refs/pr/7", "org/name", "refs/pr/7");
        row("https://huggingface.co/org/name/tree/gptq-4bit-32g-actorder_True", "org/name",
            "gptq-4bit-32g-actorder_True");
        row("https://huggingface.co/org/name/commit/0123456789abcdef0123456789abcdef01234567", "org/name",
            "0123456789abcdef0123456789abcdef01234567");
        row("https://huggingface.co/org/name/blob/main/a-Q4_K_M.gguf", "org/name", "main", "a-Q4_K_M.gguf");
        row("https://huggingface.co/org/name/resolve/main/sub%20dir/a.gguf?download=true", "org/name", "main",
            "sub dir/a.gguf");
        row("https://huggingface.co/org/name/raw/refs%2Fpr%2F1/config.json", "org/name", "refs/pr/1",
            "config.json");
        row("https://huggingface.co/org/name/discussions/3", "org/name");
        row("https://hf-mirror.com/org/name/tree/main", "org/name", "main", "", "https://hf-mirror.com");
        row("hf-mirror.com/org/name", "org/name", "", "", "https://hf-mirror.com");
        row("https://hub.example.org:8080/org/name", "org/name", "", "", "http://hub.example.org:8080");
        row("https://intranet/org/name", "org/name", "", "", "https://intranet");
        row("o/n", "o/n");
        row("01-ai/Yi_1.5", "01-ai/Yi_1.5");
    }
    void understands() {
        QFETCH(QString, text);
        QFETCH(QString, endpoint);
        QFETCH(QString, repository);
        QFETCH(QString, revision);
        QFETCH(QString, file);
        QFETCH(QString, variant);
        const Result<RepositoryLink> link = parseRepositoryLink(
            text, {QStringLiteral("http://hub.example.org:8080"), QStringLiteral("intranet")});
        QVERIFY2(bool(link), link ? "" : link.error().message().c_str());
        QCOMPARE(link->endpoint, endpoint);
        QCOMPARE(link->repository, repository);
        QCOMPARE(link->revision, revision);
        QCOMPARE(link->file, file);
        QCOMPARE(link->variant, variant);
        QVERIFY(isRepositoryName(link->repository));
    }

    void refusesWithWhatItIs_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* text, const char* says) {
            QTest::newRow(text) << QString::fromUtf8(text) << QString::fromUtf8(says);
        };
        row("", "nothing");
        row("   ", "nothing");
        row("gpt2", "a name alone");
        row("https://huggingface.co/meta-llama", "an organization");
        row("https://huggingface.co", "the Hub itself");
        row("https://huggingface.co/datasets/org/name", "datasets");
        row("https://huggingface.co/spaces/org/name", "spaces");
        row("https://huggingface.co/models?search=llama", "a link to models");
        row("https://huggingface.co/docs/hub/index", "docs");
        row("https://github.com/org/name", "the host github.com");
        row("https://huggingface.co.example.org/org/name", "the host huggingface.co.example.org");
        row("https://huggingface.co@example.org/org/name", "a password or token");
        row("https://user:hf_secret@huggingface.co/org/name", "a password or token");
        row("ftp://huggingface.co/org/name", "ftp://");
        row("/media/usb/model.gguf", "a path on this machine");
        row("~/models/x", "a path on this machine");
        row("./x/y", "a path on this machine");
        row("file:///media/usb/x", "a path on this machine");
        row("C:\\models\\x", "a path on this machine");
        row("llama3:8b", "another program's library");
        row("git clone https://huggingface.co/org/name", "several words");
        row("org/na me", "several words");
        row("org/name/extra", "a link to \"extra\"");
        row("org/..", "no repository can have");
        row("org/.hidden", "no repository can have");
        row("org/a--b", "no repository can have");
        row("org/name$(x)", "no repository can have");
        row("org/\u00fcber", "no repository can have");
        row("org/name@", "no revision");
        row("org/name@../x", "no revision");
        row("https://huggingface.co/org/name/blob/main", "no file");
        row("https://huggingface.co/org/name/blob/main/%2e%2e/%2e%2e/x", "leads out");
        row("https://huggingface.co/org/name/blob/main/a%00b", "leads out");
        row("https://huggingface.co/org/name/tree/refs/pr", "cut short");
        row("https://huggingface.co/org/name/tree/..%2F..", "a revision with other characters");
    }
    void refusesWithWhatItIs() {
        QFETCH(QString, text);
        QFETCH(QString, says);
        const Result<RepositoryLink> link = parseRepositoryLink(text);
        QVERIFY(!link);
        QCOMPARE(link.error().code, ErrorCode::usage);
        const QString message = QString::fromStdString(link.error().message());
        QVERIFY2(message.contains(says), qPrintable(message));
        QVERIFY(!link.error().expected.empty());
    }

    void aTokenInALinkIsNotRepeated() {
        const Result<RepositoryLink> link =
            parseRepositoryLink(QStringLiteral("https://user:hf_secret@huggingface.co/org/name"));
        QVERIFY(!link);
        QVERIFY(link.error().message().find("hf_secret") == std::string::npos);
    }

    void longTextsAreShortInMessages() {
        const Result<RepositoryLink> link = parseRepositoryLink(QString(100'000, u'x'));
        QVERIFY(!link);
        QVERIFY(link.error().message().size() < 1000);
        QVERIFY(!parseRepositoryLink(QStringLiteral("org/") + QString(93, u'x')));
        QVERIFY(bool(parseRepositoryLink(QStringLiteral("org/") + QString(92, u'x'))));
    }

    void anyTextIsSurvived() {
        uint32_t state = 1;
        const QString alphabet = QStringLiteral("aZ0/.:-_@%<>\"'#?& \t\\~hf\u00e9\u2029");
        for (int i = 0; i < 20'000; i++) {
            QString text;
            for (int length = i % 40; length >= 0; length--) {
                state = state * 1664525u + 1013904223u;
                text += alphabet[static_cast<int>((state >> 16) % static_cast<uint32_t>(alphabet.size()))];
            }
            const Result<RepositoryLink> link = parseRepositoryLink(text);
            if (link) QVERIFY2(isRepositoryName(link->repository), qPrintable(text));
        }
    }
};

QTEST_GUILESS_MAIN(RepositoryLinkTest)
#include "repository_link_test.moc"
