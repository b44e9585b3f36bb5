#include "models/hub/request.h"

#include <QNetworkRequest>

namespace edgechat::models::hub {
namespace {

constexpr int kMostHops = 10;

QByteArray find(const QList<QNetworkReply::RawHeaderPair>& headers, const QByteArray& name) {
    for (const auto& [key, value] : headers) {
        if (key.compare(name, Qt::CaseInsensitive) == 0) return value;
    }
    return {};
}

bool isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Request::Request(Session& session, Method method, const QUrl& url, QObject* parent)
    : QObject(parent), m_session(session), m_method(method), m_url(url) {
    m_idle.setSingleShot(true);
    m_idle.setInterval(session.settings().times.idle);
    connect(&m_idle, &QTimer::timeout, this, [this] {
        end(makeFailure(Problem::unreachable, "no connection to", shownUrl(m_url),
                        QStringLiteral("no byte for %1 s").arg(m_idle.interval() / 1000.0),
                        QStringLiteral("an answer: is the network up?")));
    });
}

Request::~Request() {
    stop();
}

void Request::stop() {
    m_ended = true;
    m_idle.stop();
    if (!m_reply) return;
    m_reply->disconnect(this);
    // Not now: Qt may be in the middle of telling about this reply.
    QMetaObject::invokeMethod(m_reply, &QNetworkReply::abort, Qt::QueuedConnection);
    m_reply->deleteLater();
    m_reply = nullptr;
}

void Request::start(qint64 from, qint64 count) {
    m_from = from;
    m_count = count;
    if (m_session.settings().offline) {
        return QTimer::singleShot(0, this, [this] {
            end(makeFailure(Problem::offline, "no request was made to", shownUrl(m_url),
                            QStringLiteral("offline mode"), QStringLiteral("that it is switched off")));
        });
    }
    send(m_url);
}

void Request::send(const QUrl& url) {
    m_url = url;
    m_atHub = m_session.settings().endpoint.owns(url);
    if (!m_atHub) m_mayCarryToken = false;
    QNetworkRequest request(url);
    request.setAttribute(QNetworkRequest::RedirectPolicyAttribute, QNetworkRequest::ManualRedirectPolicy);
    request.setAttribute(QNetworkRequest::CacheLoadControlAttribute, QNetworkRequest::AlwaysNetwork);
    request.setAttribute(QNetworkRequest::CacheSaveControlAttribute, false);
    request.setAttribute(QNetworkRequest::AuthenticationReuseAttribute, QNetworkRequest::Manual);
    // Qt's HTTP/2 does not keep to the read buffer: a slow disk or a bandwidth limit would fill the memory.
    request.setAttribute(QNetworkRequest::Http2AllowedAttribute, false);
    request.setRawHeader("User-Agent", "EdgeChat/" EDGECHAT_VERSION);
    // Sizes, ranges and hashes are of the file itself, not of a compressed one.
    request.setRawHeader("Accept-Encoding", "identity");
    if (m_from > 0 || m_count > 0) {
        const QByteArray last = m_count > 0 ? QByteArray::number(m_from + m_count - 1) : QByteArray();
        request.setRawHeader("Range", "bytes=" + QByteArray::number(m_from) + '-' + last);
    }
    m_tokenSent = m_mayCarryToken && !m_session.settings().token.isEmpty();
    if (m_tokenSent) request.setRawHeader("Authorization", m_session.settings().token.bearer());

    QNetworkReply* const reply =
        m_method == Method::head ? m_session.network().head(request) : m_session.network().get(request);
    reply->setReadBufferSize(kReadBufferBytes);
    m_reply = reply;
    m_idle.start();
    connect(reply, &QNetworkReply::metaDataChanged, this, &Request::onHeader);
    connect(reply, &QNetworkReply::readyRead, this, [this] {
        if (!m_readerWaits) m_idle.start();
        if (m_answered) Q_EMIT readable();
    });
    connect(reply, &QNetworkReply::finished, this, &Request::onFinished);
}

void Request::onHeader() {
    const int code = status();
    if (m_answered || m_ended || code == 0) return;
    m_idle.start();
    if (m_atHub) m_hubHeaders = m_reply->rawHeaderPairs();
    if (isRedirect(code)) return redirect();
    const QByteArray encoding = header("Content-Encoding").toLower();
    if (!encoding.isEmpty() && encoding != "identity") {
        return end(makeFailure(Problem::badAnswer, "cannot use the answer of", shownUrl(m_url),
                               QStringLiteral("a compressed body"), QStringLiteral("the file itself")));
    }
    m_answered = true;
    Q_EMIT answered();
}

void Request::redirect() {
    const QByteArray location = header("Location");
    const QUrl target = m_url.resolved(QUrl::fromEncoded(location, QUrl::StrictMode));
    if (location.isEmpty() || !target.isValid()) {
        return end(makeFailure(Problem::badAnswer, "cannot follow the redirect of", shownUrl(m_url),
                               QStringLiteral("no address"), QStringLiteral("one in Location")));
    }
    if (!isSecure(target) ||
        (m_url.scheme() == QStringLiteral("https") && target.scheme() != m_url.scheme())) {
        return end(makeFailure(Problem::insecure, "cannot follow the redirect of", shownUrl(m_url),
                               shownUrl(target), QStringLiteral("an https address")));
    }
    if (++m_hops > kMostHops) {
        return end(makeFailure(Problem::badAnswer, "cannot follow the redirects of", shownUrl(m_url),
                               QStringLiteral("more than %1").arg(kMostHops), QStringLiteral("a file")));
    }
    if (m_method == Method::head && !m_session.settings().endpoint.owns(target)) {
        // The other host is asked for the bytes, not for what they are.
        m_answered = true;
        Q_EMIT answered();
        return;
    }
    stop();
    m_ended = false;
    send(target);
}

void Request::onFinished() {
    m_idle.stop();
    // An answer without a body may say all at once.
    if (!m_answered && !m_ended && status() != 0) {
        onHeader();
        if (!m_reply || !m_reply->isFinished() || m_ended) return;  // redirected, broken off or over
    }
    if (m_ended) return;
    if (!m_answered || m_reply->error() == QNetworkReply::SslHandshakeFailedError)
        return end(transportFailure());
    end(std::nullopt);
}

void Request::end(std::optional<Failure> failure) {
    if (m_ended) return;
    m_ended = true;
    m_idle.stop();
    m_failure = std::move(failure);
    if (m_failure) stop();
    Q_EMIT ended();
}

Failure Request::transportFailure() const {
    const QNetworkReply::NetworkError error = m_reply ? m_reply->error() : QNetworkReply::UnknownNetworkError;
    const QString found = m_reply ? m_reply->errorString().section(u'?', 0, 0) : QString();
    if (error == QNetworkReply::SslHandshakeFailedError) {
        return makeFailure(Problem::insecure, "no safe connection to", shownUrl(m_url), found,
                           QStringLiteral("a certificate that this machine trusts (is its clock right?)"));
    }
    return makeFailure(Problem::unreachable, "no connection to", shownUrl(m_url), found,
                       QStringLiteral("an answer: is the network up?"));
}

int Request::status() const {
    return m_reply ? m_reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt() : 0;
}

QByteArray Request::header(const QByteArray& name) const {
    return m_reply ? find(m_reply->rawHeaderPairs(), name) : QByteArray();
}

QByteArray Request::hubHeader(const QByteArray& name) const {
    return find(m_hubHeaders, name);
}

Refusal Request::refusal() const {
    return {status(), header("X-Error-Code"), header("X-Error-Message"), m_tokenSent};
}

qint64 Request::available() const {
    return m_reply ? m_reply->bytesAvailable() : 0;
}

QByteArray Request::read(qint64 most) {
    return m_reply ? m_reply->read(most) : QByteArray();
}

void Request::setReaderWaits(bool waits) {
    if (waits == m_readerWaits) return;
    m_readerWaits = waits;
    if (waits)
        m_idle.stop();
    else if (!m_ended)
        m_idle.start();
}

}  // namespace edgechat::models::hub
