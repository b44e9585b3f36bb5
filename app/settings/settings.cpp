#include "app/settings/settings.h"

#include <QCryptographicHash>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QEvent>
#include <QGuiApplication>
#include <QPalette>

#include <algorithm>
#include <cmath>

#include "app/settings/value_ranges.h"
#include "models/paths.h"

namespace edgechat::app {
namespace {

constexpr int kMostRecentFiles = 8;
constexpr int kMostNotices = 16;
constexpr int kMostMegabytesPerSecond = 10000;
constexpr char kNotices[] = "window/noticesSeen";

const QString kPortalService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPortalPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kPortalInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kAppearanceGroup = QStringLiteral("org.freedesktop.appearance");
const QString kColorScheme = QStringLiteral("color-scheme");
const QString kModelGroup = QStringLiteral("model-");
const QString kOwner = QStringLiteral("of");
const QString kOwnerName = QStringLiteral("name");

QString settingsFile(const QString& file) {
    return file.isEmpty() ? models::configFolder() + QStringLiteral("/config.ini") : file;
}

QString key(const char* name) {
    return QString::fromLatin1(name);
}

const char* bandwidthKey(Settings::Decoder decoder) {
    return decoder == Settings::Decoder::Gpu ? "measured/gpuDecodeBandwidth" : "measured/decodeBandwidth";
}

/// Where a model's own values are: paths and dates are no names of groups.
QString modelGroup(const QString& model) {
    const QByteArray digest = QCryptographicHash::hash(model.toUtf8(), QCryptographicHash::Sha256);
    return kModelGroup + QString::fromLatin1(digest.left(8).toHex());
}

}  // namespace

Settings::Settings(const QString& file, QObject* parent)
    : QObject(parent), m_file(settingsFile(file), QSettings::IniFormat) {
    if (qGuiApp != nullptr) qGuiApp->installEventFilter(this);
    updateDark();
    askPortal();
}

int Settings::integer(const char* name, const IntegerRange& range) const {
    return range.read(m_file.value(key(name))).value_or(range.fallback);
}

double Settings::number(const char* name, const NumberRange& range) const {
    return range.read(m_file.value(key(name))).value_or(range.fallback);
}

bool Settings::flag(const char* name, bool fallback) const {
    return m_file.value(key(name), fallback).toBool();
}

template <class T>
bool Settings::store(const char* name, const T& value, const T& old) {
    if (value == old) return false;
    m_file.setValue(key(name), value);
    return true;
}

Settings::Appearance Settings::appearance() const {
    return static_cast<Appearance>(integer("window/appearance", {System, System, Dark}));
}

void Settings::setAppearance(Appearance value) {
    if (!store<int>("window/appearance", std::clamp<int>(value, System, Dark), appearance())) return;
    Q_EMIT appearanceChanged();
    updateDark();
}

double Settings::textScale() const {
    return number("window/textScale", {1.0, 0.8, 2.0});
}

void Settings::setTextScale(double scale) {
    if (std::isnan(scale)) return;
    if (store("window/textScale", std::clamp(scale, 0.8, 2.0), textScale())) Q_EMIT textScaleChanged();
}

bool Settings::reducedMotion() const {
    return flag("window/reducedMotion", false);
}

void Settings::setReducedMotion(bool reduced) {
    if (store("window/reducedMotion", reduced, reducedMotion())) Q_EMIT reducedMotionChanged();
}

Settings::Device Settings::device() const {
    return static_cast<Device>(integer("engine/device", {Automatic, Automatic, Cpu}));
}

void Settings::setDevice(Device value) {
    if (!store<int>("engine/device", std::clamp<int>(value, Automatic, Cpu), device())) return;
    // What was said of the old choice is to be said of the new one.
    m_file.remove(key(kNotices));
    Q_EMIT deviceChanged();
}

int Settings::threads() const {
    return integer("engine/threads", {0, 0, 256});
}

void Settings::setThreads(int count) {
    if (store("engine/threads", std::clamp(count, 0, 256), threads())) Q_EMIT threadsChanged();
}

int Settings::contextTokens() const {
    return integer("engine/contextTokens", ranges::contextTokens);
}

void Settings::setContextTokens(int tokens) {
    if (store("engine/contextTokens", ranges::usableContext(tokens), contextTokens()))
        Q_EMIT contextTokensChanged();
}

bool Settings::kvInt8() const {
    return flag("engine/kvInt8", false);
}

void Settings::setKvInt8(bool int8) {
    if (store("engine/kvInt8", int8, kvInt8())) Q_EMIT kvInt8Changed();
}

QString Settings::systemPrompt() const {
    return m_file.value(key("generation/systemPrompt")).toString();
}

void Settings::setSystemPrompt(const QString& prompt) {
    if (store("generation/systemPrompt", prompt, systemPrompt())) Q_EMIT systemPromptChanged();
}

double Settings::temperature() const {
    return number("generation/temperature", ranges::temperature);
}

void Settings::setTemperature(double value) {
    if (std::isnan(value)) return;
    if (store("generation/temperature", ranges::temperature.clamped(value), temperature()))
        Q_EMIT temperatureChanged();
}

int Settings::topK() const {
    return integer("generation/topK", ranges::topK);
}

void Settings::setTopK(int k) {
    if (store("generation/topK", ranges::topK.clamped(k), topK())) Q_EMIT topKChanged();
}

double Settings::topP() const {
    return number("generation/topP", ranges::topP);
}

void Settings::setTopP(double p) {
    if (std::isnan(p)) return;
    if (store("generation/topP", ranges::topP.clamped(p), topP())) Q_EMIT topPChanged();
}

double Settings::minP() const {
    return number("generation/minP", ranges::minP);
}

void Settings::setMinP(double p) {
    if (std::isnan(p)) return;
    if (store("generation/minP", ranges::minP.clamped(p), minP())) Q_EMIT minPChanged();
}

double Settings::repeatPenalty() const {
    return number("generation/repeatPenalty", ranges::repeatPenalty);
}

void Settings::setRepeatPenalty(double penalty) {
    if (std::isnan(penalty)) return;
    if (store("generation/repeatPenalty", ranges::repeatPenalty.clamped(penalty), repeatPenalty())) {
        Q_EMIT repeatPenaltyChanged();
    }
}

int Settings::maxTokens() const {
    return integer("generation/maxTokens", ranges::maxTokens);
}

void Settings::setMaxTokens(int tokens) {
    if (store("generation/maxTokens", ranges::maxTokens.clamped(tokens), maxTokens()))
        Q_EMIT maxTokensChanged();
}

qint64 Settings::seed() const {
    bool valid = false;
    const qint64 value = m_file.value(key("generation/seed"), 0).toLongLong(&valid);
    return valid ? std::max<qint64>(value, 0) : 0;
}

void Settings::setSeed(qint64 value) {
    if (store("generation/seed", std::max<qint64>(value, 0), seed())) Q_EMIT seedChanged();
}

QString Settings::lastModel() const {
    return m_file.value(key("models/last")).toString();
}

void Settings::setLastModel(const QString& path) {
    if (store("models/last", path, lastModel())) Q_EMIT lastModelChanged();
}

double Settings::decodeBandwidth(Decoder decoder) const {
    return number(bandwidthKey(decoder), {0, 0, 1e13});
}

void Settings::setDecodeBandwidth(Decoder decoder, double bytesPerSecond) {
    if (store(bandwidthKey(decoder), bytesPerSecond, decodeBandwidth(decoder)))
        Q_EMIT decodeBandwidthChanged();
}

double Settings::loadRate() const {
    return number("measured/loadRate", {0, 0, 1e12});
}

void Settings::setLoadRate(double bytesPerSecond) {
    if (store("measured/loadRate", bytesPerSecond, loadRate())) Q_EMIT loadRateChanged();
}

bool Settings::noticeSeen(const QString& notice) const {
    return m_file.value(key(kNotices)).toStringList().contains(notice);
}

void Settings::setNoticeSeen(const QString& notice) {
    if (noticeSeen(notice)) return;
    QStringList notices = m_file.value(key(kNotices)).toStringList();
    notices.prepend(notice);
    m_file.setValue(key(kNotices), notices.mid(0, kMostNotices));
}

bool Settings::sidebarVisible() const {
    return flag("window/sidebarVisible", true);
}

void Settings::setSidebarVisible(bool visible) {
    if (store("window/sidebarVisible", visible, sidebarVisible())) Q_EMIT sidebarVisibleChanged();
}

QRect Settings::windowGeometry() const {
    return m_file.value(key("window/geometry")).toRect();
}

void Settings::setWindowGeometry(const QRect& geometry) {
    if (store("window/geometry", geometry, windowGeometry())) Q_EMIT windowGeometryChanged();
}

bool Settings::windowMaximized() const {
    return flag("window/maximized", false);
}

void Settings::setWindowMaximized(bool maximized) {
    if (store("window/maximized", maximized, windowMaximized())) Q_EMIT windowMaximizedChanged();
}

QStringList Settings::recentFiles() const {
    return m_file.value(key("models/recent")).toStringList();
}

void Settings::addRecentFile(const QString& path) {
    QStringList files = recentFiles();
    files.removeAll(path);
    files.prepend(path);
    files = files.mid(0, kMostRecentFiles);
    if (store("models/recent", files, recentFiles())) Q_EMIT recentFilesChanged();
}

void Settings::removeRecentFile(const QString& path) {
    QStringList files = recentFiles();
    files.removeAll(path);
    if (store("models/recent", files, recentFiles())) Q_EMIT recentFilesChanged();
}

QString Settings::hubAddress() const {
    return m_file.value(key("hub/address")).toString();
}

void Settings::setHubAddress(const QString& address) {
    store("hub/address", address, hubAddress());
}

bool Settings::hubOffline() const {
    return flag("hub/offline", false);
}

void Settings::setHubOffline(bool offline) {
    store("hub/offline", offline, hubOffline());
}

int Settings::hubMegabytesPerSecond() const {
    return integer("hub/megabytesPerSecond", {0, 0, kMostMegabytesPerSecond});
}

void Settings::setHubMegabytesPerSecond(int megabytes) {
    const int wanted = std::clamp(megabytes, 0, kMostMegabytesPerSecond);
    store("hub/megabytesPerSecond", wanted, hubMegabytesPerSecond());
}

QVariant Settings::modelValue(const QString& model, const QString& value) const {
    return model.isEmpty() ? QVariant() : m_file.value(modelGroup(model) + u'/' + value);
}

void Settings::setModelValue(const QString& model, const QString& name, const QString& value,
                             const QVariant& now) {
    if (model.isEmpty() || now == modelValue(model, value)) return;
    m_file.beginGroup(modelGroup(model));
    if (now.isValid()) {
        m_file.setValue(kOwner, model);
        m_file.setValue(kOwnerName, name);
        m_file.setValue(value, now);
    } else {
        m_file.remove(value);
        QStringList left = m_file.childKeys();
        left.removeAll(kOwner);
        left.removeAll(kOwnerName);
        if (left.isEmpty()) m_file.remove(QString());
    }
    m_file.endGroup();
    Q_EMIT modelValuesChanged(model);
}

bool Settings::hasModelValues(const QString& model) const {
    return modelValue(model, kOwner).isValid();
}

void Settings::forgetModels(const std::function<bool(const QString& model, const QString& name)>& gone) {
    const QStringList groups = m_file.childGroups();
    for (const QString& group : groups) {
        if (!group.startsWith(kModelGroup)) continue;
        const QString model = m_file.value(group + u'/' + kOwner).toString();
        if (!gone(model, m_file.value(group + u'/' + kOwnerName).toString())) continue;
        m_file.remove(group);
        Q_EMIT modelValuesChanged(model);
    }
}

void Settings::resetGeneration() {
    setTemperature(ranges::temperature.fallback);
    setTopK(ranges::topK.fallback);
    setTopP(ranges::topP.fallback);
    setMinP(ranges::minP.fallback);
    setRepeatPenalty(ranges::repeatPenalty.fallback);
    setMaxTokens(ranges::maxTokens.fallback);
    setSeed(0);
}

bool Settings::isDefaultGeneration() const {
    return temperature() == ranges::temperature.fallback && topK() == ranges::topK.fallback &&
           topP() == ranges::topP.fallback && minP() == ranges::minP.fallback &&
           repeatPenalty() == ranges::repeatPenalty.fallback && maxTokens() == ranges::maxTokens.fallback &&
           seed() == 0;
}

void Settings::setDesktopColorScheme(uint scheme) {
    m_desktopScheme = scheme;
    updateDark();
}

void Settings::askPortal() {
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) return;
    bus.connect(kPortalService, kPortalPath, kPortalInterface, QStringLiteral("SettingChanged"), this,
                SLOT(onPortalSetting(QString, QString, QDBusVariant)));
    QDBusMessage question =
        QDBusMessage::createMethodCall(kPortalService, kPortalPath, kPortalInterface, QStringLiteral("Read"));
    question << kAppearanceGroup << kColorScheme;
    auto* watcher = new QDBusPendingCallWatcher(bus.asyncCall(question), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* call) {
        const QDBusPendingReply<QDBusVariant> reply = *call;
        if (reply.isValid()) onPortalSetting(kAppearanceGroup, kColorScheme, reply.value());
        call->deleteLater();
    });
}

void Settings::onPortalSetting(const QString& group, const QString& name, const QDBusVariant& value) {
    if (group != kAppearanceGroup || name != kColorScheme) return;
    // Read() wraps its answer in a second variant, SettingChanged does not.
    QVariant scheme = value.variant();
    if (scheme.canConvert<QDBusVariant>()) scheme = scheme.value<QDBusVariant>().variant();
    setDesktopColorScheme(scheme.toUInt());
}

bool Settings::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::ApplicationPaletteChange) updateDark();
    return QObject::eventFilter(watched, event);
}

void Settings::updateDark() {
    bool dark = false;
    if (appearance() != System) {
        dark = appearance() == Dark;
    } else if (m_desktopScheme == 1 || m_desktopScheme == 2) {
        dark = m_desktopScheme == 1;
    } else if (qGuiApp != nullptr) {
        dark = QGuiApplication::palette().color(QPalette::Window).lightness() < 128;
    }
    if (dark == m_dark) return;
    m_dark = dark;
    Q_EMIT darkChanged();
}

}  // namespace edgechat::app
