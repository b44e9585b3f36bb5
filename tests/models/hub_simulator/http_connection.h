// One connection of the simulated Hub: requests in, answers out, broken off where a fault says so.
#pragma once

#include <QList>
#include <QObject>
#include <QTcpSocket>
#include <QTimer>
#include <functional>
#include <utility>

namespace edgechat::testing {

struct HttpRequest {
    QByteArray method;
    QByteArray target;  ///< path and query, as sent
    QList<std::pair<QByteArray, QByteArray>> headers;

    /// Empty when there is none.
    QByteArray header(const QByteArray& name) const;
};

struct HttpAnswer {
    enum class End { complete, cut, reset, stall };

    int status = 200;
    QList<std::pair<QByteArray, QByteArray>> headers;  ///< Content-Length comes from the body where not given
    QByteArray body;
    End end = End::complete;
    qint64 endsAfter = -1;    ///< bytes of the body, unless complete
    qint64 bytesPerTick = 0;  ///< 0: as fast as the client reads
};

/// Belongs to its socket's thread and deletes itself when the connection ends.
class HttpConnection : public QObject {
    Q_OBJECT

  public:
    using Handler = std::function<HttpAnswer(const HttpRequest&)>;
    /// Bytes of a body that were handed to the network, in steps.
    using Sent = std::function<void(qint64 bytes)>;

    HttpConnection(QTcpSocket* socket, Handler handler, Sent sent, QObject* parent);

  private:
    void read();
    void begin(const HttpRequest& request);
    void write();
    void endBody();

    QTcpSocket* m_socket;
    Handler m_handler;
    Sent m_sent;
    QByteArray m_input;
    HttpAnswer m_answer;
    qint64 m_written = 0;  ///< of the body
    bool m_busy = false;
    bool m_bodyless = false;
    QTimer m_tick;
};

}  // namespace edgechat::testing
