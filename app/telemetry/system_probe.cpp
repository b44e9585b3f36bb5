#include "app/telemetry/system_probe.h"

#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QRegularExpression>

#include <algorithm>
#include <optional>

namespace edgechat::app {
namespace {

/// A small file without its white space at the ends; empty when it cannot be read. Device-tree strings end in
/// NUL, and some sensors answer "try again" for ever: both are the same as absent here.
QByteArray content(const QString& path) {
    if (path.isEmpty()) return {};
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly | QIODevice::Unbuffered)) return {};
    QByteArray bytes = file.read(64 * 1024);
    while (bytes.endsWith('\0')) bytes.chop(1);
    return bytes.trimmed();
}

std::optional<double> number(const QString& path) {
    bool valid = false;
    const double value = content(path).toDouble(&valid);
    return valid ? std::optional(value) : std::nullopt;
}

QStringList folders(const QString& parent) {
    return QDir(parent).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
}

/// "MemTotal:  8000 kB" of /proc/meminfo, in bytes.
qint64 memoryField(const QByteArray& meminfo, const char* name) {
    for (const QByteArray& line : meminfo.split('\n')) {
        if (!line.startsWith(name)) continue;
        const QList<QByteArray> words = line.simplified().split(' ');
        if (words.size() >= 2) return words[1].toLongLong() * 1024;
    }
    return 0;
}

}  // namespace

SystemProbe::SystemProbe(const QString& root, const QString& nvml) : m_root(root), m_nvmlLibrary(nvml) {}

SystemSample SystemProbe::sample() {
    SystemSample sample;
    const QList<QByteArray> pages = content(m_root + QStringLiteral("/proc/self/statm")).split(' ');
    if (pages.size() >= 2) sample.processBytes = pages[1].toLongLong() * sysconf(_SC_PAGESIZE);
    const QByteArray meminfo = content(m_root + QStringLiteral("/proc/meminfo"));
    sample.memoryTotal = memoryField(meminfo, "MemTotal:");
    sample.memoryAvailable = memoryField(meminfo, "MemAvailable:");

    if (!m_searched) {
        m_searched = true;
        m_jetson = isJetson();
        if (m_jetson) {
            m_temperature = findTemperature();
            findPower();
        }
    }
    sample.jetson = m_jetson;
    if (!m_jetson) {
        readGpu(sample);
        return sample;
    }

    // The GPU's node can appear late after the machine was started.
    if (m_gpu.isEmpty()) m_gpu = findGpu();
    if (!m_gpu.isEmpty()) {
        const std::optional<double> load = number(m_gpu + QStringLiteral("/load"));  // thousandths
        if (load) sample.gpuLoad = std::clamp(*load / 1000, 0.0, 1.0);
    }
    if (const std::optional<double> temperature = number(m_temperature))
        sample.temperature = *temperature / 1000;
    const std::optional<double> millivolts = number(m_millivolts);
    const std::optional<double> milliamperes = number(m_milliamperes);
    if (millivolts && milliamperes) sample.power = *millivolts * *milliamperes / 1e6;
    sample.powerMode = powerMode();
    return sample;
}

void SystemProbe::setGpuBus(const QString& pciBus) {
    if (pciBus == m_gpuBus) return;
    m_gpuBus = pciBus;
    m_gpuSearched = false;
    m_nvml.reset();
}

void SystemProbe::readGpu(SystemSample& sample) {
    if (!m_gpuSearched) {
        m_gpuSearched = true;
        if (!m_nvmlLibrary.isEmpty()) m_nvml = Nvml::open(m_nvmlLibrary, m_gpuBus);
    }
    if (m_nvml == nullptr) return;
    const GpuSample gpu = m_nvml->sample();
    sample.gpuLoad = gpu.load;
    sample.temperature = gpu.temperature;
    sample.power = gpu.power;
    sample.gpuMemoryUsed = gpu.memoryUsed;
    sample.gpuMemoryTotal = gpu.memoryTotal;
}

bool SystemProbe::isJetson() const {
    return QFile::exists(m_root + QStringLiteral("/etc/nv_tegra_release")) ||
           content(m_root + QStringLiteral("/proc/device-tree/compatible")).contains("tegra");
}

QString SystemProbe::findGpu() const {
    const QString devfreq = m_root + QStringLiteral("/sys/class/devfreq/");
    for (const QString& entry : folders(devfreq)) {
        const QString device = devfreq + entry + QStringLiteral("/device");
        const QByteArray name = content(device + QStringLiteral("/of_node/name"));
        for (const char* gpu : {"gpu", "ga10b", "gv11b", "gp10b", "gb10b"}) {
            if (name == gpu && QFile::exists(device + QStringLiteral("/load"))) return device;
        }
    }
    for (const char* path : {"/sys/devices/platform/bus@0/17000000.gpu", "/sys/devices/platform/gpu.0",
                             "/sys/devices/platform/17000000.gpu", "/sys/devices/gpu.0",
                             "/sys/devices/platform/17000000.ga10b"}) {
        const QString device = m_root + QString::fromLatin1(path);
        if (QFile::exists(device + QStringLiteral("/load"))) return device;
    }
    return {};
}

QString SystemProbe::findTemperature() const {
    const QString thermal = m_root + QStringLiteral("/sys/class/thermal/");
    for (const QString& zone : folders(thermal)) {
        if (content(thermal + zone + QStringLiteral("/type")) == "tj-thermal") {
            return thermal + zone + QStringLiteral("/temp");
        }
    }
    return {};
}

void SystemProbe::findPower() {
    const QString hwmon = m_root + QStringLiteral("/sys/class/hwmon/");
    for (const QString& entry : folders(hwmon)) {
        const QString monitor = hwmon + entry;
        if (content(monitor + QStringLiteral("/name")) != "ina3221") continue;
        for (int channel = 1; channel <= 3; ++channel) {
            // VDD_IN is what the module takes in all.
            if (content(QStringLiteral("%1/in%2_label").arg(monitor).arg(channel)) != "VDD_IN") continue;
            m_millivolts = QStringLiteral("%1/in%2_input").arg(monitor).arg(channel);
            m_milliamperes = QStringLiteral("%1/curr%2_input").arg(monitor).arg(channel);
            return;
        }
    }
}

QString SystemProbe::powerMode() const {
    const QString table = QString::fromUtf8(content(m_root + QStringLiteral("/etc/nvpmodel.conf")));
    if (table.isEmpty()) return {};
    static const QRegularExpression status(QStringLiteral("pmode:\\s*(\\d+)"));
    static const QRegularExpression standard(QStringLiteral("<\\s*PM_CONFIG\\s+DEFAULT=(\\d+)"));
    const QString now = QString::fromUtf8(content(m_root + QStringLiteral("/var/lib/nvpmodel/status")));
    QRegularExpressionMatch mode = status.match(now);
    if (!mode.hasMatch()) mode = standard.match(table);
    if (!mode.hasMatch()) return {};
    const QRegularExpression entry(
        QStringLiteral("<\\s*POWER_MODEL\\s+ID=%1\\s+NAME=([^\\s>]+)").arg(mode.captured(1).toInt()));
    return entry.match(table).captured(1);
}

}  // namespace edgechat::app
