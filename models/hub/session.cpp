#include "models/hub/session.h"

#include <QHostAddress>
#include <QNetworkCookie>
#include <QNetworkCookieJar>
#include <QNetworkProxy>
#include <chrono>

namespace edgechat::models::hub {
namespace {

/// Proxies as the desktop or the environment (https_proxy, no_proxy, ...) says.
class SystemProxies : public QNetworkProxyFactory {
  public:
    QList<QNetworkProxy> queryProxy(const QNetworkProxyQuery& query) override {
        const QString host = query.peerHostName();
        if (host.compare(QStringLiteral("localhost"), Qt::CaseInsensitive) == 0 ||
            QHostAddress(host).isLoopback()) {
            return {QNetworkProxy(QNetworkProxy::NoProxy)};
        }
        return systemProxyForQuery(query);
    }
};

/// Keeps nothing: a download needs no cookie, and one would tell two downloads to be the same person's.
class NoCookies : public QNetworkCookieJar {
  public:
    using QNetworkCookieJar::QNetworkCookieJar;
    QList<QNetworkCookie> cookiesForUrl(const QUrl&) const override { return {}; }
    bool setCookiesFromUrl(const QList<QNetworkCookie>&, const QUrl&) override { return false; }
};

int64_t steadyMilliseconds() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

bool isOn(const char* variable) {
    const QByteArray value = qgetenv(variable).toLower();
    return value == "1" || value == "on" || value == "yes" || value == "true";
}

}  // namespace

Result<Settings> Settings::fromEnvironment(const QString& endpoint) {
    Settings settings;
    const Result<Endpoint> hub = endpoint.isEmpty() ? Endpoint::fromEnvironment() : Endpoint::from(endpoint);
    if (!hub) return hub.error();
    settings.endpoint = *hub;
    settings.token = tokenOfEnvironment(settings.endpoint.host());
    settings.offline = isOn("HF_HUB_OFFLINE");
    return settings;
}

Session::Session(Settings settings, QObject* parent)
    : QObject(parent), m_settings(std::move(settings)), m_clock(steadyMilliseconds) {
    m_network.setProxyFactory(new SystemProxies);  // owned by m_network, as is the jar
    m_network.setCookieJar(new NoCookies);
    setBytesPerSecond(m_settings.bytesPerSecond);
}

void Session::setBytesPerSecond(int64_t bytes) {
    m_settings.bytesPerSecond = bytes;
    m_bandwidth.setBytesPerSecond(bytes);
}

}  // namespace edgechat::models::hub
