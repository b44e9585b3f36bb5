#include "tests/gpu/timed_runtime.h"

namespace edgechat::gpu {

void TimedRuntime::stopTiming(std::map<std::string, Kernel>& times) {
    m_clock.mark();
    m_timing = false;
    const std::vector<double> seconds = m_clock.gaps();
    for (size_t i = 0; i < seconds.size() && i < m_labels.size(); ++i) {
        Kernel& kernel = times[m_labels[i]];
        kernel.seconds += seconds[i];
        ++kernel.launches;
    }
    m_labels.clear();
}

}  // namespace edgechat::gpu
