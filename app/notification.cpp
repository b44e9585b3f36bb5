#include "app/notification.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QGuiApplication>
#include <QVariant>

namespace edgechat::app {

void notify(const QString& title, const QString& text) {
    if (QGuiApplication::focusWindow() != nullptr) return;
    const QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) return;
    QDBusMessage call = QDBusMessage::createMethodCall(
        QStringLiteral("org.freedesktop.Notifications"), QStringLiteral("/org/freedesktop/Notifications"),
        QStringLiteral("org.freedesktop.Notifications"), QStringLiteral("Notify"));
    constexpr quint32 kNewOne = 0;
    constexpr int kDesktopsOwnTime = -1;
    call.setArguments({QStringLiteral("EdgeChat"), kNewOne, QStringLiteral("edgechat"), title,
                       text.toHtmlEscaped(), QStringList(), QVariantMap(), kDesktopsOwnTime});
    bus.send(call);
}

}  // namespace edgechat::app
