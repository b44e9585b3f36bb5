#include "app/telemetry/telemetry.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace edgechat::app {
namespace {

constexpr int kBusyMilliseconds = 500;
constexpr int kIdleMilliseconds = 2000;
constexpr int kHistoryValues = 120;  // 60 seconds, two a second
constexpr int kRateTicks = 4;        // the present rate is that of the last two seconds

const QString kNvml = QStringLiteral("libnvidia-ml.so.1");

/// Seconds of a clock that only goes forward.
double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What the window would show: whole tokens per second from 100 on, else one decimal.
double shownRate(double rate) {
    return rate >= 100 ? std::round(rate) : std::round(rate * 10) / 10;
}

/// Below one gigabyte whole megabytes, above it one decimal.
qint64 shownBytes(qint64 bytes) {
    const qint64 unit = bytes >= 1'000'000'000 ? 100'000'000 : 1'000'000;
    return (bytes + unit / 2) / unit * unit;
}

double rounded(double value, double unit) {
    return std::isnan(value) ? value : std::round(value / unit) * unit;
}

bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

}  // namespace

Telemetry::Telemetry(const QString& root, QObject* parent, const QString& nvml)
    : QObject(parent), m_probe(root, nvml.isEmpty() && root.isEmpty() ? kNvml : nvml) {
    connect(&m_timer, &QTimer::timeout, this, &Telemetry::tick);
    restartTimer();
    tick();
}

Telemetry::~Telemetry() {
    m_worker.finish();
}

void Telemetry::restartTimer() {
    if (!m_windowVisible) {
        m_timer.stop();
        return;
    }
    const int interval = m_busy ? kBusyMilliseconds : kIdleMilliseconds;
    if (!m_timer.isActive() || m_timer.interval() != interval) m_timer.start(interval);
}

void Telemetry::setWindowVisible(bool visible) {
    if (visible == m_windowVisible) return;
    m_windowVisible = visible;
    Q_EMIT windowVisibleChanged();
    restartTimer();
    if (visible) tick();
}

void Telemetry::setBusy(bool busy) {
    if (busy == m_busy) return;
    m_busy = busy;
    restartTimer();
    if (m_windowVisible) tick();
}

void Telemetry::setModelBytes(qint64 bytes) {
    const qint64 shown = shownBytes(bytes);
    if (shown == m_modelBytes) return;
    m_modelBytes = shown;
    Q_EMIT memoryChanged();
}

void Telemetry::setGpuBus(const QString& pciBus) {
    m_worker.post([this, pciBus] { m_probe.setGpuBus(pciBus); });
}

void Telemetry::beginAnswer() {
    m_answering = true;
    m_energy.begin(now());
    setEnergyPerToken(AnswerEnergy::kUnknown);
    m_ticks.clear();
    setRates(0, 0, 0);
    if (m_rateHistory.isEmpty()) return;
    m_rateHistory.clear();
    Q_EMIT rateHistoryChanged();
}

void Telemetry::endAnswer(double prefillRate, double decodeRate, double timeToFirstToken) {
    m_answering = false;
    const int tokens = m_buffer != nullptr ? m_buffer->figures().generated : 0;
    setEnergyPerToken(app::energyPerToken(m_energy.end(now()), tokens));
    setRates(prefillRate, decodeRate, timeToFirstToken);
}

void Telemetry::setRates(double prefill, double decode, double timeToFirstToken) {
    prefill = shownRate(prefill);
    decode = shownRate(decode);
    timeToFirstToken = std::round(timeToFirstToken * 100) / 100;
    if (prefill == m_prefillRate && decode == m_decodeRate && timeToFirstToken == m_timeToFirstToken) return;
    m_prefillRate = prefill;
    m_decodeRate = decode;
    m_timeToFirstToken = timeToFirstToken;
    Q_EMIT ratesChanged();
}

void Telemetry::setEnergyPerToken(double joules) {
    joules = rounded(joules, 0.01);
    if (same(joules, m_energyPerToken)) return;
    m_energyPerToken = joules;
    Q_EMIT energyChanged();
}

void Telemetry::tick() {
    if (m_answering && m_buffer != nullptr) readLive();
    if (m_sampling) return;
    m_sampling = true;
    m_worker.post([this] {
        m_mailbox.post([this, sample = m_probe.sample(), time = now()] {
            m_sampling = false;
            m_energy.add(time, sample.power);
            show(sample);
        });
    });
}

void Telemetry::readLive() {
    const LiveFigures live = m_buffer->figures();
    const int computed = live.prefillDone - live.prefillCached;
    const double prefill = computed > 0 && live.prefillSeconds > 0 ? computed / live.prefillSeconds : 0;
    double decode = 0;
    if (live.generated > 1) {
        m_ticks.append({live.generated, live.decodeSeconds});
        if (m_ticks.size() > kRateTicks + 1) m_ticks.removeFirst();
        const auto [tokens, seconds] = m_ticks.size() > 1 ? m_ticks.constFirst() : QPair<int, double>(1, 0.0);
        const double passed = live.decodeSeconds - seconds;
        if (passed > 0) decode = (live.generated - tokens) / passed;
        m_rateHistory.append(shownRate(decode));
        if (m_rateHistory.size() > kHistoryValues) m_rateHistory.removeFirst();
        Q_EMIT rateHistoryChanged();
    }
    setRates(prefill, decode, live.timeToFirstToken);
}

void Telemetry::show(const SystemSample& sample) {
    const qint64 process = shownBytes(sample.processBytes);
    const qint64 total = shownBytes(sample.memoryTotal);
    const qint64 available = shownBytes(sample.memoryAvailable);
    const qint64 gpuUsed = shownBytes(sample.gpuMemoryUsed);
    const qint64 gpuTotal = shownBytes(sample.gpuMemoryTotal);
    if (process != m_processBytes || total != m_memoryTotal || available != m_memoryAvailable ||
        gpuUsed != m_gpuMemoryUsed || gpuTotal != m_gpuMemoryTotal) {
        m_processBytes = process;
        m_memoryTotal = total;
        m_memoryAvailable = available;
        m_gpuMemoryUsed = gpuUsed;
        m_gpuMemoryTotal = gpuTotal;
        Q_EMIT memoryChanged();
    }
    const double load = rounded(sample.gpuLoad, 0.01);
    const double temperature = rounded(sample.temperature, 1);
    const double power = rounded(sample.power, 0.1);
    if (sample.jetson != m_jetson || load != m_gpuLoad || !same(temperature, m_temperature) ||
        !same(power, m_power) || sample.powerMode != m_powerMode) {
        m_jetson = sample.jetson;
        m_gpuLoad = load;
        m_temperature = temperature;
        m_power = power;
        m_powerMode = sample.powerMode;
        Q_EMIT boardChanged();
    }
}

}  // namespace edgechat::app
