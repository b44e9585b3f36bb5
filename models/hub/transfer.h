// One file from the Hub to the disk: asked for, fetched in ranges, checked while it is written.
#pragma once

#include <QFile>
#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <optional>

#include "models/hub/digest.h"
#include "models/hub/partial_file.h"
#include "models/hub/request.h"

namespace edgechat::models::hub {

struct TransferRequest {
    QString repository;  ///< "org/name"
    QString commit;      ///< 40 hexadecimal digits; a branch would let the file change on the way
    QString path;        ///< in the repository; isSafePath()
    QString target;      ///< absolute
    FileIdentity identity;
};

/// Fetches a file and ends with finished() or failed(). What came is kept in PartialFile whatever happens, so
/// that the next Transfer for the same file, in this process or a later one, asks only for the rest: after a
/// connection that was closed not a byte is fetched twice, after a reset, a pause or a kill what was under
/// way (kReadBufferBytes and the kernel's buffers), after a restart of the machine up to
/// PartialFile::kSyncBytes. When a connection closes early, Qt now and then asks once more by itself: what
/// comes of that, or what had come just before, is under way as well.
///
/// Lives in the session's thread, whose event loop the signals come from; none but progressed() comes from
/// within a call. In a slot of its own, delete it with deleteLater().
class Transfer : public QObject {
    Q_OBJECT

  public:
    Transfer(Session& session, TransferRequest request, QObject* parent = nullptr);
    ~Transfer() override;

    void start();
    /// Ends the request, keeps the file open. May be called at any time; resume() goes on.
    void pause();
    void resume();
    /// failed(Problem::cancelled) follows. What came stays on disk.
    void cancel();

    const TransferRequest& request() const { return m_request; }
    /// Bytes of the file that are on disk.
    qint64 done() const { return m_done; }

  Q_SIGNALS:
    /// done() grew, or fell to 0 when the file had to be started over.
    void progressed();
    /// Waiting before another attempt.
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);
    void finished(const QByteArray& sha256);
    void failed(const edgechat::models::hub::Failure& failure);

  private:
    enum class Stage { idle, checkingTarget, checkingPartial, asking, fetching, waiting, over };

    QUrl url() const;
    void proceed();
    void checkTarget();
    void openPartial();
    void checkPartial();
    void ask();
    void onAsked();
    void fetch();
    void onAnswer();
    void acceptRange();
    void acceptWhole();
    void onRangeRefused();
    void onRefused();
    void drain();
    void takeBody(qint64 most);
    bool checkListed();
    void onEnded();
    void onLost();
    void complete();
    void retry(const Failure& why, std::optional<int64_t> seconds = std::nullopt);
    void endRequest();
    void succeed(const QByteArray& sha256);
    void fail(const Failure& failure);
    void setDone(qint64 bytes);

    Session& m_session;
    TransferRequest m_request;
    Stage m_stage = Stage::idle;
    bool m_paused = false;
    qint64 m_done = 0;
    QFile m_existing;  ///< the target, when it is there already
    std::unique_ptr<Digest> m_existingDigest;
    std::unique_ptr<PartialFile> m_partial;
    Request* m_http = nullptr;
    bool m_accepted = false;  ///< the body of m_http is the file's
    bool m_asked = false;
    qint64 m_skip = 0;            ///< bytes of the body that are on disk already
    int m_failures = 0;           ///< in a row without a byte
    int m_resolved = 0;           ///< signed addresses in a row that another host refused
    bool m_restarted = false;     ///< because the bytes were wrong
    bool m_tagRestarted = false;  ///< because the server's tag was another one
    bool m_rangeRefused = false;
    QTimer m_timer;  ///< the next attempt, the next bytes under a limit, the next piece to hash
};

}  // namespace edgechat::models::hub
