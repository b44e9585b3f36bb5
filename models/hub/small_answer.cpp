#include "models/hub/small_answer.h"

#include <QRandomGenerator>

#include "models/hub/headers.h"

namespace edgechat::models::hub {

SmallAnswer::SmallAnswer(Session& session, const QUrl& url, const QString& repository, const QString& subject,
                         qint64 most, QObject* parent)
    : QObject(parent),
      m_session(session),
      m_url(url),
      m_repository(repository),
      m_subject(subject),
      m_most(most) {
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &SmallAnswer::start);
}

void SmallAnswer::start() {
    m_body.clear();
    m_length = -1;
    m_http = new Request(m_session, Request::Method::get, m_url, this);
    connect(m_http, &Request::answered, this, &SmallAnswer::onAnswer);
    connect(m_http, &Request::readable, this, &SmallAnswer::take);
    connect(m_http, &Request::ended, this, &SmallAnswer::onEnded);
    m_http->start(0, m_beginning ? m_most : 0);
}

void SmallAnswer::onAnswer() {
    const Refusal refusal = m_http->refusal();
    const bool part = m_beginning && refusal.status == 206;
    if (refusal.status != 200 && !part) {
        const Failure failure =
            failureOf(refusal, m_repository, m_session.settings().endpoint.page(m_repository), m_subject);
        if (!isTransient(refusal.status)) return fail(failure);
        return retry(failure, secondsToWait(m_http->header("Retry-After").toStdString(),
                                            m_http->header("RateLimit").toStdString()));
    }
    if (part) {
        const QByteArray field = m_http->header("Content-Range");
        const std::optional<ContentRange> range = readContentRange(field.toStdString());
        if (!range || range->first != 0) {
            return retry(
                makeFailure(Problem::badAnswer, "cannot read the Hub's answer about", m_repository,
                            QStringLiteral("Content-Range \"") + QString::fromLatin1(field.left(80)) + u'"',
                            QStringLiteral("bytes 0-%1").arg(m_most - 1)));
        }
    }
    m_link = m_http->header("Link");
    m_length = readCount(m_http->header("Content-Length").toStdString()).value_or(-1);
    take();
}

void SmallAnswer::take() {
    if (!m_http || m_http->available() == 0) return;
    m_body += m_http->read(m_http->available());
    if (m_beginning && m_body.size() >= m_most) {
        m_body.truncate(static_cast<int>(m_most));  // a server that knows no ranges sends all
        endRequest();
        Q_EMIT arrived(m_body);
        return;
    }
    if (m_body.size() <= m_most) return;
    fail(makeFailure(Problem::badAnswer, "cannot read the Hub's answer about", m_repository,
                     QStringLiteral("more than %1 bytes").arg(m_most), QStringLiteral("a small answer")));
}

void SmallAnswer::onEnded() {
    if (m_http->failure()) {
        const Failure failure = *m_http->failure();
        return failure.problem == Problem::unreachable ? retry(failure) : fail(failure);
    }
    take();
    if (!m_http) return;
    const qint64 wanted = m_beginning ? m_most : m_length;
    if (wanted >= 0 && m_body.size() != wanted) {
        return retry(makeFailure(Problem::unreachable, "cannot read the Hub's answer about", m_repository,
                                 QStringLiteral("%1 bytes").arg(m_body.size()),
                                 QStringLiteral("%1 bytes").arg(wanted)));
    }
    endRequest();
    Q_EMIT arrived(m_body);
}

void SmallAnswer::retry(const Failure& why, std::optional<int64_t> seconds) {
    endRequest();
    m_failures++;
    const std::optional<int> wait = waitBeforeRetry(m_session.settings().times, m_failures,
                                                    QRandomGenerator::global()->generateDouble(), seconds);
    if (!wait) return fail(why);
    m_timer.start(*wait);
    Q_EMIT retrying(why, *wait);
}

void SmallAnswer::fail(const Failure& failure) {
    endRequest();
    Q_EMIT failed(failure);
}

void SmallAnswer::endRequest() {
    if (!m_http) return;
    m_http->disconnect(this);
    m_http->stop();
    m_http->deleteLater();
    m_http = nullptr;
}

}  // namespace edgechat::models::hub
