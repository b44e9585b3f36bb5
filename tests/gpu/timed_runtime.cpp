#include "tests/gpu/timed_runtime.h"

namespace edgechat::gpu {

void* TimedRuntime::stream() const {
    if (m_timing) mark(m_label);
    return m_inner->stream();
}

void TimedRuntime::copyFromDevice(void* to, const void* from, uint64_t bytes) {
    if (m_timing) mark(kNoKernel);
    m_inner->copyFromDevice(to, from, bytes);
}

Result<void> TimedRuntime::synchronize() {
    letGo();
    return m_inner->synchronize();
}

void TimedRuntime::mark(const char* label) const {
    if (!m_held) m_clock.hold();
    m_held = true;
    m_clock.mark();
    m_labels.push_back(label);
}

void TimedRuntime::letGo() {
    if (!m_held) return;
    mark(kNoKernel);
    m_clock.letGo();
    m_held = false;
}

void TimedRuntime::stopTiming(std::map<std::string, Kernel>& times) {
    letGo();
    m_timing = false;
    const std::vector<double> seconds = m_clock.gaps();
    for (size_t i = 0; i < seconds.size(); ++i) {
        if (m_labels[i] == kNoKernel) continue;
        Kernel& kernel = times[m_labels[i]];
        kernel.seconds += seconds[i];
        ++kernel.launches;
    }
    m_labels.clear();
}

}  // namespace edgechat::gpu
