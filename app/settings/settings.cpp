#include "app/settings/settings.h"

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

#include "inference/sampling/sampler.h"
#include "models/paths.h"

namespace edgechat::app {
namespace {

constexpr int kMostRecentFiles = 8;
const inference::SamplingOptions kSampling;

const QString kPortalService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPortalPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kPortalInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kAppearanceGroup = QStringLiteral("org.freedesktop.appearance");
const QString kColorScheme = QStringLiteral("color-scheme");

QString settingsFile(const QString& file) {
    return file.isEmpty() ? models::configFolder() + QStringLiteral("/config.ini") : file;
}

QString key(const char* name) {
    return QString::fromLatin1(name);
}

/// A float that was given as a short decimal, as that decimal: 0.7f is 0.7 and not 0.699999988.
double decimal(float value) {
    return std::round(static_cast<double>(value) * 1e6) / 1e6;
}

}  // namespace

Settings::Settings(const QString& file, QObject* parent)
    : QObject(parent), m_file(settingsFile(file), QSettings::IniFormat) {
    if (qGuiApp != nullptr) qGuiApp->installEventFilter(this);
    updateDark();
    askPortal();
}

int Settings::integer(const char* name, int fallback, int low, int high) const {
    bool valid = false;
    const int value = m_file.value(key(name), fallback).toInt(&valid);
    return valid ? std::clamp(value, low, high) : fallback;
}

double Settings::number(const char* name, double fallback, double low, double high) const {
    bool valid = false;
    const double value = m_file.value(key(name), fallback).toDouble(&valid);
    return valid && std::isfinite(value) ? std::clamp(value, low, high) : fallback;
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
    return static_cast<Appearance>(integer("window/appearance", System, System, Dark));
}

void Settings::setAppearance(Appearance value) {
    if (!store<int>("window/appearance", std::clamp<int>(value, System, Dark), appearance())) return;
    Q_EMIT appearanceChanged();
    updateDark();
}

double Settings::textScale() const {
    return number("window/textScale", 1.0, 0.8, 2.0);
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

int Settings::threads() const {
    return integer("engine/threads", 0, 0, 256);
}

void Settings::setThreads(int count) {
    if (store("engine/threads", std::clamp(count, 0, 256), threads())) Q_EMIT threadsChanged();
}

int Settings::contextTokens() const {
    return integer("engine/contextTokens", 0, 0, 1 << 20);
}

void Settings::setContextTokens(int tokens) {
    // A context below 256 tokens holds no conversation.
    const int wanted = tokens <= 0 ? 0 : std::clamp(tokens, 256, 1 << 20);
    if (store("engine/contextTokens", wanted, contextTokens())) Q_EMIT contextTokensChanged();
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
    return number("generation/temperature", decimal(kSampling.temperature), 0.0, 5.0);
}

void Settings::setTemperature(double value) {
    if (std::isnan(value)) return;
    if (store("generation/temperature", std::clamp(value, 0.0, 5.0), temperature()))
        Q_EMIT temperatureChanged();
}

int Settings::topK() const {
    return integer("generation/topK", kSampling.topK, 0, 1 << 20);
}

void Settings::setTopK(int k) {
    if (store("generation/topK", std::clamp(k, 0, 1 << 20), topK())) Q_EMIT topKChanged();
}

double Settings::topP() const {
    return number("generation/topP", decimal(kSampling.topP), 0.0, 1.0);
}

void Settings::setTopP(double p) {
    if (std::isnan(p)) return;
    if (store("generation/topP", std::clamp(p, 0.0, 1.0), topP())) Q_EMIT topPChanged();
}

double Settings::minP() const {
    return number("generation/minP", decimal(kSampling.minP), 0.0, 1.0);
}

void Settings::setMinP(double p) {
    if (std::isnan(p)) return;
    if (store("generation/minP", std::clamp(p, 0.0, 1.0), minP())) Q_EMIT minPChanged();
}

double Settings::repeatPenalty() const {
    return number("generation/repeatPenalty", decimal(kSampling.repeatPenalty), 0.5, 2.0);
}

void Settings::setRepeatPenalty(double penalty) {
    if (std::isnan(penalty)) return;
    if (store("generation/repeatPenalty", std::clamp(penalty, 0.5, 2.0), repeatPenalty())) {
        Q_EMIT repeatPenaltyChanged();
    }
}

int Settings::maxTokens() const {
    return integer("generation/maxTokens", 0, 0, 1 << 20);
}

void Settings::setMaxTokens(int tokens) {
    if (store("generation/maxTokens", std::clamp(tokens, 0, 1 << 20), maxTokens())) Q_EMIT maxTokensChanged();
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

double Settings::decodeBandwidth() const {
    return number("measured/decodeBandwidth", 0, 0, 1e13);
}

void Settings::setDecodeBandwidth(double bytesPerSecond) {
    if (store("measured/decodeBandwidth", bytesPerSecond, decodeBandwidth())) Q_EMIT decodeBandwidthChanged();
}

double Settings::loadRate() const {
    return number("measured/loadRate", 0, 0, 1e12);
}

void Settings::setLoadRate(double bytesPerSecond) {
    if (store("measured/loadRate", bytesPerSecond, loadRate())) Q_EMIT loadRateChanged();
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

void Settings::resetGeneration() {
    setTemperature(decimal(kSampling.temperature));
    setTopK(kSampling.topK);
    setTopP(decimal(kSampling.topP));
    setMinP(decimal(kSampling.minP));
    setRepeatPenalty(decimal(kSampling.repeatPenalty));
    setMaxTokens(0);
    setSeed(0);
}

bool Settings::isDefaultGeneration() const {
    return temperature() == decimal(kSampling.temperature) && topK() == kSampling.topK &&
           topP() == decimal(kSampling.topP) && minP() == decimal(kSampling.minP) &&
           repeatPenalty() == decimal(kSampling.repeatPenalty) && maxTokens() == 0 && seed() == 0;
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
