// How fast something goes, and how long it will take.
#pragma once

#include <cstdint>
#include <deque>

namespace edgechat::models::jobs {

/// The mean over the last seconds. Time is handed in.
class Speed {
  public:
    /// @param milliseconds  of a steady clock
    void note(uint64_t done, int64_t milliseconds) {
        if (!m_samples.empty() && done < m_samples.back().done) m_samples.clear();
        m_samples.push_back({done, milliseconds});
        while (m_samples.size() > 2 && milliseconds - m_samples[1].milliseconds >= kWindow)
            m_samples.pop_front();
    }
    void reset() { m_samples.clear(); }

    /// 0: not known yet.
    double perSecond() const {
        if (m_samples.size() < 2) return 0;
        const int64_t passed = m_samples.back().milliseconds - m_samples.front().milliseconds;
        if (passed < kLeast) return 0;
        return static_cast<double>(m_samples.back().done - m_samples.front().done) * 1000 /
               static_cast<double>(passed);
    }
    /// Negative: not known yet.
    double secondsLeft(uint64_t total) const {
        const double speed = perSecond();
        if (speed <= 0 || m_samples.back().done > total) return -1;
        return static_cast<double>(total - m_samples.back().done) / speed;
    }

  private:
    static constexpr int64_t kWindow = 10'000;  // ms
    static constexpr int64_t kLeast = 500;      // ms that a figure rests on
    struct Sample {
        uint64_t done;
        int64_t milliseconds;
    };
    std::deque<Sample> m_samples;
};

}  // namespace edgechat::models::jobs
