#include "models/hub/pace.h"

#include <algorithm>
#include <cmath>

namespace edgechat::models::hub {

std::optional<int> waitBeforeRetry(const Times& times, int failures, double random,
                                   std::optional<int64_t> seconds) {
    if (failures >= times.attempts) return std::nullopt;
    const double doubled = std::ldexp(static_cast<double>(times.firstWait), std::clamp(failures - 1, 0, 30));
    const double whole = std::min(doubled, static_cast<double>(times.longestWait));
    double wait = whole / 2 + whole / 2 * random;
    if (seconds) {
        const double asked = static_cast<double>(*seconds) * times.second;
        if (asked > times.longestPatience) return std::nullopt;
        wait = std::max(wait, asked);
    }
    return static_cast<int>(wait);
}

void BandwidthLimit::setBytesPerSecond(int64_t bytes) {
    m_bytesPerSecond = std::max<int64_t>(bytes, 0);
    m_level = 0;
    m_filled.reset();
}

/// A fifth of a second's bytes: small enough for an even flow, large enough to be worth a write.
int64_t BandwidthLimit::bucket() const {
    return std::max<int64_t>(m_bytesPerSecond / 5, 1);
}

void BandwidthLimit::fill(int64_t now) {
    if (m_filled && now > *m_filled) {
        const double seconds = static_cast<double>(now - *m_filled) / 1000;
        m_level = std::min(m_level + seconds * static_cast<double>(m_bytesPerSecond),
                           static_cast<double>(bucket()));
    }
    m_filled = now;
}

int64_t BandwidthLimit::take(int64_t wanted, int64_t now) {
    if (m_bytesPerSecond == 0) return wanted;
    fill(now);
    const int64_t given = std::min(wanted, static_cast<int64_t>(m_level));
    m_level -= static_cast<double>(given);
    return given;
}

int64_t BandwidthLimit::wait(int64_t now) {
    if (m_bytesPerSecond == 0) return 0;
    fill(now);
    const double missing = static_cast<double>(bucket()) / 2 - m_level;
    if (missing <= 0) return 0;
    return static_cast<int64_t>(std::ceil(missing * 1000 / static_cast<double>(m_bytesPerSecond)));
}

}  // namespace edgechat::models::hub
