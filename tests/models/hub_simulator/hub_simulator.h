// A Hugging Face Hub for tests: repositories in memory behind the real protocol on two local servers, the Hub
// itself and the other host that it sends for large files; with scripted faults and a record of every
// request. python_client_test.py lets the huggingface_hub client prove that it is faithful.
#pragma once

#include <QList>
#include <QObject>
#include <QTcpServer>
#include <functional>
#include <map>

#include "tests/models/hub_simulator/fault.h"
#include "tests/models/hub_simulator/http_connection.h"
#include "tests/models/hub_simulator/simulated_repository.h"

namespace edgechat::testing {

struct RecordedRequest {
    QByteArray method;
    QByteArray target;        ///< path and query
    QByteArray server;        ///< "hub" or "cdn"
    QByteArray host;          ///< the Host field
    QByteArray range;         ///< the Range field
    bool authorized = false;  ///< an Authorization field came, or a token of setTokens() anywhere else
    int status = 0;
    qint64 first = 0;  ///< first byte of the body in the file
    qint64 sent = 0;   ///< bytes of the body
};

/// Lives in the thread that made it and needs its event loop.
class HubSimulator : public QObject {
    Q_OBJECT

  public:
    explicit HubSimulator(QObject* parent = nullptr);

    /// Both servers, at ports that are free.
    /// @param port  of the Hub, as a Hub that comes back has its old one; 0: a free one
    bool listen(quint16 port = 0);
    QString endpoint() const;  ///< "http://127.0.0.1:<port>"
    quint16 cdnPort() const { return m_cdn.serverPort(); }

    void add(const SimulatedRepository& repository) { m_repositories[repository.id] = repository; }
    SimulatedRepository& repository(const QString& id) { return m_repositories[id]; }
    /// Gated repositories give their files to `member`; `guest` is known and not let in. Other tokens are
    /// unknown.
    void setTokens(const QByteArray& member, const QByteArray& guest);
    void setPageSize(qsizetype entries) { m_pageSize = entries; }
    /// Small files come from another path of the same host, as those of renamed repositories do.
    void setRelativeRedirect(bool on) { m_relativeRedirect = on; }
    void script(const Fault& fault) { m_script.append(fault); }
    void clearScript() { m_script.clear(); }

    const QList<RecordedRequest>& requests() const { return m_requests; }
    void clearRequests() { m_requests.clear(); }

  Q_SIGNALS:
    void requested(const edgechat::testing::RecordedRequest& request);
    /// Another piece of a body went out; `total` of this request's.
    void sent(qint64 total);

  private:
    void onConnection(QTcpServer& server, const QByteArray& name);
    bool holdsToken(const HttpRequest& request) const;
    HttpAnswer answer(const HttpRequest& request, RecordedRequest& record);
    HttpAnswer hubAnswer(const HttpRequest& request, const QString& path, const QString& query);
    HttpAnswer tree(const SimulatedRepository& repository, const QString& query, const QString& path) const;
    HttpAnswer resolve(const HttpRequest& request, const SimulatedRepository& repository,
                       const QString& path);
    HttpAnswer cdnAnswer(const QString& path, const QString& query) const;
    /// 401 or 403 unless the request may have the repository's files.
    std::optional<HttpAnswer> refused(const HttpRequest& request,
                                      const SimulatedRepository& repository) const;
    void applyRange(const HttpRequest& request, const QList<Fault>& faults, HttpAnswer& answer,
                    RecordedRequest& record) const;
    void applyFaults(const QList<Fault>& faults, HttpAnswer& answer) const;

    QTcpServer m_hub, m_cdn;
    std::map<QString, SimulatedRepository> m_repositories;
    QByteArray m_member, m_guest;
    qsizetype m_pageSize = 1000;
    bool m_relativeRedirect = false;
    QList<Fault> m_script;
    QList<RecordedRequest> m_requests;
};

}  // namespace edgechat::testing
