// How models are fetched, as a person set it: from which Hub, how fast, with whose access token.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>

#include "models/hub/session.h"

namespace edgechat::app {

class Settings;

/// What is set acts at once; the token goes to TokenStore and nowhere else. Lives on the GUI thread.
class HubAccess : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the access to the Hub")
    Q_PROPERTY(QString address READ address NOTIFY addressChanged FINAL)
    Q_PROPERTY(QString addressProblem READ addressProblem NOTIFY changed FINAL)
    Q_PROPERTY(QString usualAddress READ usualAddress CONSTANT FINAL)
    Q_PROPERTY(QString host READ host NOTIFY changed FINAL)
    Q_PROPERTY(bool mirror READ mirror NOTIFY changed FINAL)
    Q_PROPERTY(bool offline READ offline WRITE setOffline NOTIFY changed FINAL)
    Q_PROPERTY(bool alwaysOffline READ alwaysOffline CONSTANT FINAL)
    Q_PROPERTY(
        int megabytesPerSecond READ megabytesPerSecond WRITE setMegabytesPerSecond NOTIFY changed FINAL)
    Q_PROPERTY(TokenPlace tokenPlace READ tokenPlace NOTIFY changed FINAL)
    Q_PROPERTY(QString tokenProblem READ tokenProblem NOTIFY changed FINAL)

  public:
    /// Where the token is that the host is given. Asked: the keyring has not answered yet.
    enum TokenPlace { Asked, None, Keyring, File, Environment };
    Q_ENUM(TokenPlace)

    explicit HubAccess(Settings& settings, QObject* parent = nullptr);

    QString address() const;                                     ///< as it was set; empty: the usual one
    QString addressProblem() const { return m_addressProblem; }  ///< a sentence, or empty
    QString usualAddress() const { return m_usual.base().toString(); }
    QString host() const { return m_hub.endpoint.host(); }
    bool mirror() const { return m_hub.endpoint.isMirror(); }
    bool offline() const { return m_hub.offline; }
    void setOffline(bool offline);
    bool alwaysOffline() const { return m_alwaysOffline; }  ///< the environment says so
    int megabytesPerSecond() const;                         ///< 0: no limit
    void setMegabytesPerSecond(int megabytes);
    TokenPlace tokenPlace() const { return m_tokenPlace; }
    QString tokenProblem() const { return m_tokenProblem; }  ///< a sentence, or empty

    /// Empty: HF_ENDPOINT, else Hugging Face. One that is none changes nothing but addressProblem().
    Q_INVOKABLE bool setAddress(const QString& address);
    /// For the host of now: the token of one is never sent to another. False, with a problem, for what is
    /// none.
    Q_INVOKABLE bool setToken(const QString& token);
    /// What is kept is deleted; one of the environment may come back in its place.
    Q_INVOKABLE void removeToken();

    /// For the one who fetches.
    const models::hub::Settings& settings() const { return m_hub; }

  Q_SIGNALS:
    void changed();
    void addressChanged();
    /// settings() are others than before.
    void settingsChanged();

  private:
    void readAddress();
    void readToken();
    TokenPlace placeOfKept() const;
    void setTokenState(const models::hub::Token& token, TokenPlace place, const QString& problem);

    Settings& m_settings;
    models::hub::TokenStore m_store;
    models::hub::Endpoint m_usual;
    models::hub::Settings m_hub;
    models::hub::Token m_environmentToken;  ///< for the host of now
    QString m_addressProblem, m_tokenProblem;
    TokenPlace m_tokenPlace = Asked;
    quint64 m_question = 0;  ///< to the token store: what answers an older one is dropped
    bool m_alwaysOffline = false;
};

}  // namespace edgechat::app
