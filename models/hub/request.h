// One request to the Hub with its redirects, followed by hand so that a token never reaches another host.
#pragma once

#include <QByteArray>
#include <QNetworkReply>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <QUrl>
#include <optional>

#include "models/hub/problem.h"
#include "models/hub/session.h"

namespace edgechat::models::hub {

/// Bytes that wait in memory for the reader at most; what a dead process or a pause has to fetch again, with
/// what the kernel holds.
constexpr qint64 kReadBufferBytes = qint64{512} << 10;

/// Made for one exchange.
class Request : public QObject {
    Q_OBJECT

  public:
    enum class Method { head, get };

    Request(Session& session, Method method, const QUrl& url, QObject* parent);
    ~Request() override;

    /// @param from   first byte wanted
    /// @param count  bytes wanted; 0: all that follow. Both 0: no Range field
    void start(qint64 from = 0, qint64 count = 0);

    /// Breaks it off, whatever its state: the connection is closed and no signal follows.
    void stop();
    /// True from ended() on.
    bool isOver() const { return m_ended; }

    /// Of the final answer, from answered() on.
    int status() const;
    QByteArray header(const QByteArray& name) const;
    /// Of the last answer that came from the endpoint itself: the Hub's word about a file whose bytes another
    /// host sends.
    QByteArray hubHeader(const QByteArray& name) const;
    bool tokenSent() const { return m_tokenSent; }
    /// True when the final answer came from the endpoint itself, not from another host that it led to.
    bool answeredByHub() const { return m_atHub; }
    Refusal refusal() const;

    qint64 available() const;
    QByteArray read(qint64 most);
    /// While the reader wants no bytes (a bandwidth limit), their absence is no sign of a dead connection.
    void setReaderWaits(bool waits);

    /// Why ended() came without an answer; nothing when the server closed in good order, whether or not it
    /// had sent all.
    const std::optional<Failure>& failure() const { return m_failure; }

  Q_SIGNALS:
    /// Status and header of the final answer are here. A HEAD request takes a redirect to another host as its
    /// final answer.
    void answered();
    void readable();
    /// Nothing will follow; bytes may still wait in read(). Not emitted from start().
    void ended();

  private:
    void send(const QUrl& url);
    void onHeader();
    void onFinished();
    void redirect();
    void end(std::optional<Failure> failure);
    Failure transportFailure() const;

    Session& m_session;
    Method m_method;
    QUrl m_url;
    qint64 m_from = 0, m_count = 0;
    int m_hops = 0;
    bool m_mayCarryToken = true;  ///< until the chain leaves the endpoint; then for good
    bool m_tokenSent = false;
    bool m_atHub = true;
    bool m_answered = false;
    bool m_ended = false;
    bool m_readerWaits = false;
    QPointer<QNetworkReply> m_reply;
    QList<QNetworkReply::RawHeaderPair> m_hubHeaders;
    std::optional<Failure> m_failure;
    QTimer m_idle;
};

}  // namespace edgechat::models::hub
