// Reads memory, and on a Jetson GPU load, temperature and power, from the kernel's files.
#pragma once

#include <QString>
#include <QtGlobal>

#include <limits>

namespace edgechat::app {

/// One reading. What cannot be read is -1 (load), NaN (temperature, power), 0 or empty.
struct SystemSample {
    qint64 processBytes = 0;     ///< resident
    qint64 memoryTotal = 0;      ///< bytes
    qint64 memoryAvailable = 0;  ///< bytes that a new program could have
    bool jetson = false;
    double gpuLoad = -1;  ///< 0..1
    double temperature =
        std::numeric_limits<double>::quiet_NaN();             ///< degrees Celsius, of the hottest junction
    double power = std::numeric_limits<double>::quiet_NaN();  ///< watts, of the whole module
    QString powerMode;                                        ///< "15W"
};

/// Needs no rights beyond a user's. Used by one thread.
class SystemProbe {
  public:
    /// `root` stands in front of every path.
    explicit SystemProbe(const QString& root = QString());

    SystemSample sample();

  private:
    bool isJetson() const;
    QString findGpu() const;          ///< folder that has `load`
    QString findTemperature() const;  ///< file in thousandths of a degree
    void findPower();
    QString powerMode() const;

    const QString m_root;
    bool m_searched = false;
    bool m_jetson = false;
    QString m_gpu;
    QString m_temperature;
    QString m_millivolts, m_milliamperes;
};

}  // namespace edgechat::app
