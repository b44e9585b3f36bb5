#include "app/settings/hub_access.h"

#include <QPointer>

#include "app/settings/settings.h"
#include "models/paths.h"

namespace edgechat::app {
namespace {

using models::hub::Token;

constexpr int64_t kMegabyte = 1'000'000;

/// An environment that names no possible Hub leaves the public one.
models::hub::Settings ofEnvironment() {
    Result<models::hub::Settings> settings = models::hub::Settings::fromEnvironment();
    return settings ? *settings : models::hub::Settings();
}

}  // namespace

HubAccess::HubAccess(Settings& settings, QObject* parent)
    : QObject(parent), m_settings(settings), m_store(models::configFolder()) {
    const models::hub::Settings environment = ofEnvironment();
    m_usual = environment.endpoint;
    m_alwaysOffline = environment.offline;
    readAddress();
    setOffline(settings.hubOffline());
    setMegabytesPerSecond(settings.hubMegabytesPerSecond());
}

QString HubAccess::address() const {
    return m_settings.hubAddress();
}

int HubAccess::megabytesPerSecond() const {
    return static_cast<int>(m_hub.bytesPerSecond / kMegabyte);
}

void HubAccess::readAddress() {
    m_addressProblem.clear();
    m_hub.endpoint = m_usual;
    if (const QString set = address(); !set.isEmpty()) {
        if (const Result<models::hub::Endpoint> endpoint = models::hub::Endpoint::from(set)) {
            m_hub.endpoint = *endpoint;
        } else {
            m_addressProblem = tr("The address that is kept is none of a Hub, so %1 is asked.").arg(host());
        }
    }
    m_environmentToken = models::hub::tokenOfEnvironment(host());
    setTokenState(m_environmentToken, Asked, {});
    readToken();
}

bool HubAccess::setAddress(const QString& address) {
    const QString wanted = address.trimmed();
    if (!wanted.isEmpty() && !models::hub::Endpoint::from(wanted)) {
        m_addressProblem = tr(
            "This is no address of a Hub. It begins with https:// and ends with the host or a folder there; "
            "http:// is only for this machine itself.");
        Q_EMIT changed();
        return false;
    }
    if (wanted == m_settings.hubAddress() && m_addressProblem.isEmpty()) return true;
    m_settings.setHubAddress(wanted);
    Q_EMIT addressChanged();
    readAddress();
    return true;
}

void HubAccess::setOffline(bool offline) {
    m_settings.setHubOffline(offline);
    const bool wanted = offline || m_alwaysOffline;
    if (wanted == m_hub.offline) return;
    m_hub.offline = wanted;
    Q_EMIT changed();
    Q_EMIT settingsChanged();
}

void HubAccess::setMegabytesPerSecond(int megabytes) {
    m_settings.setHubMegabytesPerSecond(megabytes);
    const int64_t bytes = m_settings.hubMegabytesPerSecond() * kMegabyte;
    if (bytes == m_hub.bytesPerSecond) return;
    m_hub.bytesPerSecond = bytes;
    Q_EMIT changed();
    Q_EMIT settingsChanged();
}

void HubAccess::readToken() {
    const quint64 question = ++m_question;
    m_store.read(host(), [self = QPointer<HubAccess>(this), question](const Result<Token>& kept) {
        if (!self || question != self->m_question) return;
        const bool given = !self->m_environmentToken.isEmpty();
        if (kept && !kept->isEmpty()) {
            self->setTokenState(*kept, self->placeOfKept(), {});
        } else {
            self->setTokenState(self->m_environmentToken, given ? Environment : None,
                                kept ? QString() : QString::fromStdString(kept.error().message()));
        }
    });
}

bool HubAccess::setToken(const QString& text) {
    const Result<Token> token = Token::from(text.toUtf8());
    if (!token || token->isEmpty()) {
        m_tokenProblem = tr("This is no access token: one is a single word, which begins with hf_.");
        Q_EMIT changed();
        return false;
    }
    ++m_question;
    setTokenState(*token, Asked, {});
    m_store.write(
        host(), *token, [self = QPointer<HubAccess>(this), question = m_question](const Result<void>& kept) {
            if (!self || question != self->m_question) return;
            // Who fetches has it since it was given.
            self->m_tokenPlace = !kept ? None : self->placeOfKept();
            if (!kept) {
                self->m_tokenProblem = tr("It is used until EdgeChat ends, and could not be kept: %1")
                                           .arg(QString::fromStdString(kept.error().message()));
            }
            Q_EMIT self->changed();
        });
    return true;
}

void HubAccess::removeToken() {
    ++m_question;
    setTokenState(m_environmentToken, Asked, {});
    m_store.write(host(), Token(),
                  [self = QPointer<HubAccess>(this), question = m_question](const Result<void>& removed) {
                      if (!self || question != self->m_question) return;
                      if (removed) return self->readToken();
                      self->m_tokenPlace = self->placeOfKept();
                      self->m_tokenProblem = QString::fromStdString(removed.error().message());
                      Q_EMIT self->changed();
                  });
}

HubAccess::TokenPlace HubAccess::placeOfKept() const {
    return m_store.keptInFile(host()) ? File : Keyring;
}

void HubAccess::setTokenState(const Token& token, TokenPlace place, const QString& problem) {
    m_hub.token = token;
    m_tokenPlace = place;
    m_tokenProblem = problem;
    Q_EMIT changed();
    Q_EMIT settingsChanged();
}

}  // namespace edgechat::app
