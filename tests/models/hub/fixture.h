// A simulated Hub, a folder and a client with times of milliseconds, for the tests of the Hub client.
#pragma once

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>

#include "models/hub/download.h"
#include "models/hub/transfer.h"
#include "tests/models/hub_simulator/hub_simulator.h"

namespace edgechat::testing {

namespace hub = models::hub;

constexpr int kPatience = 60'000;  // ms, of a test that hangs

/// Bytes without a pattern, the same in every run.
inline QByteArray someBytes(qsizetype count, quint32 seed = 1) {
    QByteArray bytes(count, Qt::Uninitialized);
    for (char& byte : bytes) {
        seed = seed * 1664525u + 1013904223u;
        byte = static_cast<char>(seed >> 24);
    }
    return bytes;
}

inline QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("(no such file)");
}

inline void writeFile(const QString& path, const QByteArray& content) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    QCOMPARE(file.write(content), content.size());
}

/// Runs the event loop until `over()`. Unlike QTest::qWaitFor() it does not sleep between two events, of
/// which a transfer has thousands.
template <class Condition>
bool runUntil(Condition over, int patience = kPatience) {
    const QDeadlineTimer deadline(patience);
    QTimer wake;  // for a condition that comes without an event
    wake.start(20);
    while (!over()) {
        if (deadline.hasExpired()) return false;
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }
    return true;
}

inline hub::Times fastTimes() {
    hub::Times times;
    times.idle = 5'000;
    times.firstWait = 1;
    times.longestWait = 2;
    times.second = 1;
    times.longestPatience = 1'000;
    return times;
}

inline hub::Token tokenOf(const QByteArray& text) {
    return *hub::Token::from(text);
}

/// A repository of two shards, tokenizer, configuration, and what nobody should fetch.
inline SimulatedRepository tinyRepository() {
    SimulatedRepository repository;
    repository.id = QStringLiteral("org/tiny");
    const QByteArray index =
        R"({"metadata": {"total_size": 500000}, "weight_map": {"a": "model-00001-of-00002.safetensors",
            "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}})";
    const auto add = [&repository](const char* path, const QByteArray& content, bool lfs) {
        repository.files[QString::fromLatin1(path)] = {content, lfs};
    };
    add("config.json", R"({"model_type": "llama"})", false);
    add("tokenizer.json", someBytes(3000, 2), false);
    add("tokenizer.model", someBytes(20000, 3), true);
    add("model.safetensors.index.json", index, false);
    add("model-00001-of-00002.safetensors", someBytes(300'000, 4), true);
    add("model-00002-of-00002.safetensors", someBytes(200'000, 5), true);
    add("pytorch_model.bin", someBytes(1000, 6), true);
    add("consolidated.safetensors", someBytes(1000, 7), true);
    add("original/params.json", "{}", false);
    add("README.md", "# tiny", false);
    add(".gitattributes", "*.safetensors filter=lfs", false);
    return repository;
}

/// How one download or transfer ended.
struct Ended {
    bool finished = false;
    std::optional<hub::Failure> failure;
    QByteArray sha256;
    int retries = 0;

    bool over() const { return finished || failure; }
    QString why() const { return failure ? QString::fromStdString(failure->error.message()) : QString(); }
};

class HubFixture {
  public:
    HubFixture() {
        if (!m_hub.listen() || !m_folder.isValid()) qFatal("no port or no folder for the test");
        m_hub.add(tinyRepository());
        m_hub.setTokens("hf_member", "hf_guest");
        settings.endpoint = *hub::Endpoint::from(m_hub.endpoint());
        settings.times = fastTimes();
    }

    HubSimulator& server() { return m_hub; }
    SimulatedRepository& repository() { return m_hub.repository(QStringLiteral("org/tiny")); }
    QString path(const QString& name) const { return m_folder.filePath(name); }

    /// The next transfer is that of a later process; `settings` count anew.
    void renewSession() { m_session.reset(); }
    /// `settings` count until the first call.
    hub::Session& session() {
        if (!m_session) m_session = std::make_unique<hub::Session>(settings);
        return *m_session;
    }

    hub::TransferRequest request(const QString& name) {
        const SimulatedFile& file = repository().files.at(name);
        hub::TransferRequest wanted;
        wanted.repository = QStringLiteral("org/tiny");
        wanted.commit = QString::fromLatin1(repository().commit());
        wanted.path = name;
        wanted.target = path(name);
        wanted.identity = {file.content.size(), file.lfs ? sha256Of(file.content) : QByteArray(),
                           gitBlobOf(file.lfs ? lfsPointer(file.content) : file.content)};
        return wanted;
    }

    template <class T>
    static void watch(T& subject, Ended& ended) {
        QObject::connect(&subject, &T::failed,
                         [&ended](const hub::Failure& failure) { ended.failure = failure; });
        QObject::connect(&subject, &T::retrying, [&ended](const hub::Failure&, int) { ended.retries++; });
        if constexpr (std::is_same_v<T, hub::Transfer>) {
            QObject::connect(&subject, &T::finished, [&ended](const QByteArray& sha256) {
                ended.finished = true;
                ended.sha256 = sha256;
            });
        } else {
            QObject::connect(&subject, &T::finished, [&ended] { ended.finished = true; });
        }
    }

    /// Transfers one file to its end.
    Ended transfer(const hub::TransferRequest& wanted) {
        Ended ended;
        hub::Transfer transfer(session(), wanted);
        watch(transfer, ended);
        transfer.start();
        wait(ended);
        return ended;
    }
    Ended transfer(const QString& name) { return transfer(request(name)); }

    hub::DownloadRequest downloadRequest() const {
        hub::DownloadRequest wanted;
        wanted.repository = QStringLiteral("org/tiny");
        wanted.folder = path(QStringLiteral("tiny"));
        return wanted;
    }
    Ended download(const hub::DownloadRequest& wanted) {
        Ended ended;
        hub::Download download(session(), wanted);
        watch(download, ended);
        download.start();
        wait(ended);
        return ended;
    }
    Ended download() { return download(downloadRequest()); }

    static void wait(const Ended& ended) {
        if (!runUntil([&ended] { return ended.over(); })) qWarning("the test was given up");
    }

    /// Bytes of bodies that GET requests for a file fetched, from whichever server.
    qint64 fetched(const QByteArray& part) const {
        qint64 bytes = 0;
        for (const RecordedRequest& one : m_hub.requests()) {
            if (one.method == "GET" && one.target.contains(part) && one.status < 300) bytes += one.sent;
        }
        return bytes;
    }
    QList<RecordedRequest> asked(const QByteArray& method, const QByteArray& server) const {
        QList<RecordedRequest> found;
        for (const RecordedRequest& one : m_hub.requests()) {
            if (one.method == method && one.server == server) found.append(one);
        }
        return found;
    }

    hub::Settings settings;

  private:
    QTemporaryDir m_folder;
    HubSimulator m_hub;
    std::unique_ptr<hub::Session> m_session;
};

}  // namespace edgechat::testing
