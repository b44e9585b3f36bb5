#include "tests/models/hub_simulator/http_connection.h"

#include <sys/socket.h>

#include <algorithm>

namespace edgechat::testing {
namespace {

// Small, so that what was sent and what the other side has are never far apart.
constexpr qint64 kStepBytes = 16 << 10;
constexpr int kTickMilliseconds = 5;

QByteArray reason(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 206:
            return "Partial Content";
        case 302:
            return "Found";
        case 307:
            return "Temporary Redirect";
        case 404:
            return "Not Found";
        default:
            return "Status";
    }
}

}  // namespace

QByteArray HttpRequest::header(const QByteArray& name) const {
    for (const auto& [key, value] : headers) {
        if (key.compare(name, Qt::CaseInsensitive) == 0) return value;
    }
    return {};
}

HttpConnection::HttpConnection(QTcpSocket* socket, Handler handler, Sent sent, QObject* parent)
    : QObject(parent), m_socket(socket), m_handler(std::move(handler)), m_sent(std::move(sent)) {
    socket->setParent(this);
    // Header and body go out apart: the second would wait for the first one's acknowledgement.
    socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    m_tick.setInterval(kTickMilliseconds);
    connect(&m_tick, &QTimer::timeout, this, &HttpConnection::write);
    connect(socket, &QTcpSocket::readyRead, this, &HttpConnection::read);
    connect(socket, &QTcpSocket::bytesWritten, this, [this] {
        if (m_busy && m_answer.bytesPerTick == 0) write();
    });
    connect(socket, &QTcpSocket::disconnected, this, &QObject::deleteLater);
}

void HttpConnection::read() {
    m_input += m_socket->readAll();
    while (!m_busy) {
        const qsizetype end = m_input.indexOf("\r\n\r\n");
        if (end < 0) return;
        const QList<QByteArray> lines = m_input.left(end).split('\n');
        m_input.remove(0, end + 4);
        const QList<QByteArray> words = lines[0].trimmed().split(' ');
        if (words.size() != 3) return m_socket->abort();
        HttpRequest request{words[0], words[1], {}};
        for (qsizetype i = 1; i < lines.size(); i++) {
            const qsizetype colon = lines[i].indexOf(':');
            request.headers.append({lines[i].left(colon), lines[i].mid(colon + 1).trimmed()});
        }
        begin(request);
    }
}

void HttpConnection::begin(const HttpRequest& request) {
    m_answer = m_handler(request);
    m_bodyless = request.method == "HEAD";
    m_written = 0;
    m_busy = true;
    QByteArray head =
        "HTTP/1.1 " + QByteArray::number(m_answer.status) + ' ' + reason(m_answer.status) + "\r\n";
    bool hasLength = false;
    for (const auto& [name, value] : m_answer.headers) {
        head += name + ": " + value + "\r\n";
        hasLength = hasLength || name == "Content-Length";
    }
    if (!hasLength) head += "Content-Length: " + QByteArray::number(m_answer.body.size()) + "\r\n";
    m_socket->write(head + "\r\n");
    if (m_answer.bytesPerTick > 0) m_tick.start();
    write();
}

void HttpConnection::write() {
    if (!m_busy || m_socket->bytesToWrite() > kStepBytes) return;
    const bool whole = m_answer.end == HttpAnswer::End::complete;
    const qint64 until = m_bodyless ? 0
                         : whole    ? m_answer.body.size()
                                    : std::min<qint64>(m_answer.endsAfter, m_answer.body.size());
    const qint64 step = m_answer.bytesPerTick > 0 ? m_answer.bytesPerTick : kStepBytes;
    const qint64 count = std::min(step, until - m_written);
    if (count > 0) {
        m_socket->write(m_answer.body.constData() + m_written, count);
        m_written += count;
        m_sent(count);
    }
    if (m_written >= until && m_socket->bytesToWrite() == 0) endBody();
}

void HttpConnection::endBody() {
    m_tick.stop();
    const HttpAnswer::End end = m_bodyless ? HttpAnswer::End::complete : m_answer.end;
    if (end == HttpAnswer::End::stall) return;
    m_busy = false;
    if (end == HttpAnswer::End::cut) return m_socket->disconnectFromHost();
    if (end == HttpAnswer::End::reset) {
        const linger now{1, 0};
        ::setsockopt(static_cast<int>(m_socket->socketDescriptor()), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return m_socket->abort();
    }
    read();
}

}  // namespace edgechat::testing
