// What all requests of one thread share: which Hub, whose token, how fast, through which proxy.
#pragma once

#include <QNetworkAccessManager>
#include <QObject>
#include <functional>

#include "models/hub/endpoint.h"
#include "models/hub/pace.h"
#include "models/hub/token.h"

namespace edgechat::models::hub {

struct Settings {
    Endpoint endpoint;
    Token token;  ///< goes to the endpoint and nowhere else
    bool offline = false;
    int64_t bytesPerSecond = 0;  ///< 0: as fast as it goes
    Times times;

    /// HF_ENDPOINT (or `endpoint`, where it is not empty), the environment's token for it, and
    /// HF_HUB_OFFLINE.
    static Result<Settings> fromEnvironment(const QString& endpoint = QString());
};

/// Lives in one thread, which runs an event loop; so do all requests, clients, transfers and downloads made
/// with it, and it must outlive them. Proxies are the system's and the environment's, none for this machine.
class Session : public QObject {
    Q_OBJECT

  public:
    explicit Session(Settings settings, QObject* parent = nullptr);

    const Settings& settings() const { return m_settings; }
    void setOffline(bool offline) { m_settings.offline = offline; }
    void setToken(const Token& token) { m_settings.token = token; }
    void setBytesPerSecond(int64_t bytes);

    QNetworkAccessManager& network() { return m_network; }
    BandwidthLimit& bandwidth() { return m_bandwidth; }
    /// Milliseconds of the clock that the bandwidth is measured by: steady, or a test's.
    int64_t now() const { return m_clock(); }
    void setClock(std::function<int64_t()> clock) { m_clock = std::move(clock); }

  private:
    Settings m_settings;
    QNetworkAccessManager m_network;
    BandwidthLimit m_bandwidth;
    std::function<int64_t()> m_clock;
};

}  // namespace edgechat::models::hub
