// The energy that an answer took, from a few measurements of power.
#pragma once

#include <limits>

namespace edgechat::app {

/// Times are in seconds, of any clock that only goes forward; power in watts.
class AnswerEnergy {
  public:
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    /// Seconds between two measurements, or from an end of the answer to one, that can be bridged.
    static constexpr double kLongestGap = 2.5;

    void begin(double time);
    /// Ignored outside an answer, and where `watts` is NaN.
    void add(double time, double watts);
    /// Joules of the answer: the power runs straight from a measurement to the next, and is level before the
    /// first and behind the last. NaN where it was not measured often enough.
    double end(double time);

  private:
    void step(double time);

    bool m_running = false;
    bool m_gap = false;
    int m_measurements = 0;
    double m_time = 0;  ///< of the last measurement, or the beginning
    double m_watts = 0;
    double m_joules = 0;
};

/// Joules per token; NaN where either is unknown.
double energyPerToken(double joules, int tokens);

}  // namespace edgechat::app
