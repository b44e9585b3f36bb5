// Reads memory, and on a Jetson GPU load, temperature and power, from the kernel's files; on a PC what
// NVIDIA's driver tells of its GPU.
#pragma once

#include <QString>
#include <QtGlobal>

#include <limits>
#include <memory>

#include "app/telemetry/nvml.h"

namespace edgechat::app {

/// One reading. What cannot be read is -1 (load), NaN (temperature, power), 0 or empty.
struct SystemSample {
    qint64 processBytes = 0;     ///< resident
    qint64 memoryTotal = 0;      ///< bytes
    qint64 memoryAvailable = 0;  ///< bytes that a new program could have
    bool jetson = false;
    double gpuLoad = -1;                                            ///< 0..1
    double temperature = std::numeric_limits<double>::quiet_NaN();  ///< degrees Celsius, of a Jetson's
                                                                    ///< hottest junction or a PC's GPU
    double power = std::numeric_limits<double>::quiet_NaN();  ///< watts, of a Jetson's module or a PC's GPU
    qint64 gpuMemoryUsed = 0;   ///< bytes of a GPU with memory of its own, by all programs
    qint64 gpuMemoryTotal = 0;  ///< 0: there is none, or it cannot be read
    QString powerMode;          ///< "15W"
};

/// Needs no rights beyond a user's. Used by one thread.
class SystemProbe {
  public:
    /// `root` stands in front of every path.
    /// @param nvml  the driver's library for measurements; empty: a PC's GPU is left out
    explicit SystemProbe(const QString& root = QString(), const QString& nvml = QString());

    SystemSample sample();
    /// The GPU to measure where there are several, "0000:01:00.0"; empty: the first.
    void setGpuBus(const QString& pciBus);

  private:
    bool isJetson() const;
    QString findGpu() const;          ///< folder that has `load`
    QString findTemperature() const;  ///< file in thousandths of a degree
    void findPower();
    QString powerMode() const;
    void readGpu(SystemSample& sample);

    const QString m_root;
    const QString m_nvmlLibrary;
    QString m_gpuBus;
    bool m_gpuSearched = false;
    std::unique_ptr<Nvml> m_nvml;
    bool m_searched = false;
    bool m_jetson = false;
    QString m_gpu;
    QString m_temperature;
    QString m_millivolts, m_milliamperes;
};

}  // namespace edgechat::app
