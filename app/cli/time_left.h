// How long work that is done in steps will still take.
#pragma once

#include <cstdint>

namespace edgechat::cli {

class TimeLeft {
  public:
    /// Starts anew; what is done already (a cached prefix, a resumed file) took no time.
    /// @param now  seconds on any clock that only grows
    void begin(double now, uint64_t done);

    /// Between two steps the answer counts down: the step that runs takes as long as those before it.
    /// @param stood  the process stood still at some time since the last call, which does not count
    /// @return seconds; negative while no step is done
    double at(double now, uint64_t done, uint64_t total, bool stood = false);

  private:
    double m_last = 0;              // the last call, by the caller's clock
    double m_worked = 0;            // seconds since begin() without those that do not count
    double m_workedAtLastStep = 0;  // when `done` last grew
    uint64_t m_first = 0, m_done = 0;
};

}  // namespace edgechat::cli
