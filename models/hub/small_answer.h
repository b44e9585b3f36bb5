// The body of a small answer in memory, with as many attempts as it takes.
#pragma once

#include <QByteArray>
#include <QObject>
#include <QTimer>
#include <QUrl>

#include "models/hub/problem.h"
#include "models/hub/request.h"
#include "models/hub/session.h"

namespace edgechat::models::hub {

/// Lives in the session's thread; ends with arrived() or failed().
class SmallAnswer : public QObject {
    Q_OBJECT

  public:
    /// @param repository  "org/name", for messages and the page where its licence is
    /// @param subject     what is asked for, for messages: "revision main"
    /// @param most        bytes of the body, at most kMostAnswerBytes
    SmallAnswer(Session& session, const QUrl& url, const QString& repository, const QString& subject,
                qint64 most, QObject* parent);

    /// The body is larger, and only its first `most` bytes are wanted. To be called before start().
    void takeBeginning() { m_beginning = true; }
    void start();
    /// The Link field that came with the body.
    const QByteArray& link() const { return m_link; }

  Q_SIGNALS:
    void arrived(const QByteArray& body);
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);
    void failed(const edgechat::models::hub::Failure& failure);

  private:
    void onAnswer();
    void take();
    void onEnded();
    void retry(const Failure& why, std::optional<int64_t> seconds = std::nullopt);
    void fail(const Failure& failure);
    void endRequest();

    Session& m_session;
    QUrl m_url;
    QString m_repository, m_subject;
    qint64 m_most;
    bool m_beginning = false;
    Request* m_http = nullptr;
    QByteArray m_body, m_link;
    qint64 m_length = -1;  ///< of the body, where the server says
    int m_failures = 0;
    QTimer m_timer;
};

}  // namespace edgechat::models::hub
