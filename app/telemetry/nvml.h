// Load, memory, power and temperature of a PC's NVIDIA GPU, from the driver's library NVML, which is loaded
// when it is there. It costs no CUDA context.
#pragma once

#include <QString>
#include <QtGlobal>

#include <limits>
#include <memory>

namespace edgechat::app {

/// One reading. What cannot be read is -1 (load), NaN (temperature, power) or 0 (memory).
struct GpuSample {
    double load = -1;                                               ///< 0..1
    double temperature = std::numeric_limits<double>::quiet_NaN();  ///< degrees Celsius
    double power = std::numeric_limits<double>::quiet_NaN();        ///< watts, of the board
    qint64 memoryUsed = 0;                                          ///< bytes, by all programs
    qint64 memoryTotal = 0;
};

/// Used by one thread.
class Nvml {
  public:
    /// Null where there is no such library, or no GPU that it can measure. A Jetson's measures nothing.
    /// @param library  name or path, "libnvidia-ml.so.1"
    /// @param pciBus   "0000:01:00.0"; empty: the first GPU
    static std::unique_ptr<Nvml> open(const QString& library, const QString& pciBus);
    ~Nvml();

    GpuSample sample() const;

  private:
    struct Functions;
    Nvml();

    std::unique_ptr<Functions> m_functions;
};

}  // namespace edgechat::app
