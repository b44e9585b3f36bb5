// Live figures of the answer, the process and the machine.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>

#include <limits>

#include "app/telemetry/answer_energy.h"
#include "app/telemetry/system_probe.h"
#include "app/token_buffer.h"
#include "app/worker_thread.h"

namespace edgechat::app {

/// Lives on the GUI thread; files are read on a worker. A value changes only when its displayed text would,
/// and nothing is read while the window is hidden.
class Telemetry : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the telemetry")
    Q_PROPERTY(double prefillRate READ prefillRate NOTIFY ratesChanged FINAL)
    Q_PROPERTY(double decodeRate READ decodeRate NOTIFY ratesChanged FINAL)
    Q_PROPERTY(double timeToFirstToken READ timeToFirstToken NOTIFY ratesChanged FINAL)
    Q_PROPERTY(QList<qreal> rateHistory READ rateHistory NOTIFY rateHistoryChanged FINAL)
    Q_PROPERTY(qint64 processBytes READ processBytes NOTIFY memoryChanged FINAL)
    Q_PROPERTY(qint64 modelBytes READ modelBytes NOTIFY memoryChanged FINAL)
    Q_PROPERTY(qint64 memoryTotal READ memoryTotal NOTIFY memoryChanged FINAL)
    Q_PROPERTY(qint64 memoryAvailable READ memoryAvailable NOTIFY memoryChanged FINAL)
    Q_PROPERTY(qint64 gpuMemoryUsed READ gpuMemoryUsed NOTIFY memoryChanged FINAL)
    Q_PROPERTY(qint64 gpuMemoryTotal READ gpuMemoryTotal NOTIFY memoryChanged FINAL)
    Q_PROPERTY(double energyPerToken READ energyPerToken NOTIFY energyChanged FINAL)
    Q_PROPERTY(bool jetson READ jetson NOTIFY boardChanged FINAL)
    Q_PROPERTY(double gpuLoad READ gpuLoad NOTIFY boardChanged FINAL)
    Q_PROPERTY(double temperature READ temperature NOTIFY boardChanged FINAL)
    Q_PROPERTY(double power READ power NOTIFY boardChanged FINAL)
    Q_PROPERTY(QString powerMode READ powerMode NOTIFY boardChanged FINAL)
    Q_PROPERTY(bool windowVisible READ windowVisible WRITE setWindowVisible NOTIFY windowVisibleChanged FINAL)

  public:
    /// `root` stands in front of /proc, /sys, /etc and /var: tests give a folder of their own.
    /// @param nvml  the driver's library for measurements; empty: the machine's, or none where `root` is
    /// given
    explicit Telemetry(const QString& root = QString(), QObject* parent = nullptr,
                       const QString& nvml = QString());
    ~Telemetry() override;

    double prefillRate() const {
        return m_prefillRate;
    }  ///< tokens per second, of the current or last answer
    double decodeRate() const { return m_decodeRate; }
    double timeToFirstToken() const { return m_timeToFirstToken; }  ///< seconds
    QList<qreal> rateHistory() const { return m_rateHistory; }      ///< decode, two a second, at most 60 s
    qint64 processBytes() const { return m_processBytes; }          ///< resident
    qint64 modelBytes() const { return m_modelBytes; }              ///< of processBytes: weights and KV cache
    qint64 memoryTotal() const { return m_memoryTotal; }
    qint64 memoryAvailable() const { return m_memoryAvailable; }
    qint64 gpuMemoryUsed() const { return m_gpuMemoryUsed; }    ///< of a GPU with memory of its own
    qint64 gpuMemoryTotal() const { return m_gpuMemoryTotal; }  ///< 0: there is none, or it cannot be read
    /// Joules that the last answer took for each of its tokens, NaN: unknown. Of what `power` measures.
    double energyPerToken() const { return m_energyPerToken; }
    bool jetson() const { return m_jetson; }
    double gpuLoad() const { return m_gpuLoad; }          ///< 0..1, -1: cannot be read
    double temperature() const { return m_temperature; }  ///< degrees Celsius, NaN: cannot be read
    double power() const { return m_power; }              ///< watts, NaN: cannot be read
    QString powerMode() const { return m_powerMode; }
    bool windowVisible() const { return m_windowVisible; }
    void setWindowVisible(bool visible);

    void setBusy(bool busy);  ///< an answer is computed or a model is loaded
    void setModelBytes(qint64 bytes);
    void beginAnswer();
    /// The final figures of an answer, tokens per second and seconds.
    void endAnswer(double prefillRate, double decodeRate, double timeToFirstToken);
    /// The GPU to measure where there are several, "0000:01:00.0".
    void setGpuBus(const QString& pciBus);
    /// Where the figures of a running answer are read.
    void watch(const TokenBuffer* buffer) { m_buffer = buffer; }

  Q_SIGNALS:
    void ratesChanged();
    void rateHistoryChanged();
    void memoryChanged();
    void energyChanged();
    void boardChanged();
    void windowVisibleChanged();

  private:
    void tick();
    void restartTimer();
    void readLive();
    void setRates(double prefill, double decode, double timeToFirstToken);
    void setEnergyPerToken(double joules);
    void show(const SystemSample& sample);

    const TokenBuffer* m_buffer = nullptr;
    bool m_answering = false;
    bool m_busy = false;
    bool m_sampling = false;  ///< the worker has not answered yet
    QTimer m_timer;
    /// Generated tokens and seconds of decoding at the last ticks, for a rate that follows the present.
    QList<QPair<int, double>> m_ticks;

    double m_prefillRate = 0;
    double m_decodeRate = 0;
    double m_timeToFirstToken = 0;
    QList<qreal> m_rateHistory;
    qint64 m_processBytes = 0;
    qint64 m_modelBytes = 0;
    qint64 m_memoryTotal = 0;
    qint64 m_memoryAvailable = 0;
    qint64 m_gpuMemoryUsed = 0;
    qint64 m_gpuMemoryTotal = 0;
    AnswerEnergy m_energy;
    double m_energyPerToken = AnswerEnergy::kUnknown;
    bool m_jetson = false;
    double m_gpuLoad = -1;
    double m_temperature = std::numeric_limits<double>::quiet_NaN();
    double m_power = std::numeric_limits<double>::quiet_NaN();
    QString m_powerMode;
    bool m_windowVisible = true;
    SystemProbe m_probe;  ///< worker only
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

}  // namespace edgechat::app
