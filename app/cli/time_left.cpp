#include "app/cli/time_left.h"

#include <algorithm>

namespace edgechat::cli {

void TimeLeft::begin(double now, uint64_t done) {
    *this = TimeLeft();
    m_last = now;
    m_first = m_done = done;
}

double TimeLeft::at(double now, uint64_t done, uint64_t total, bool stood) {
    if (!stood) m_worked += now - m_last;
    m_last = now;
    if (done > m_done) {
        m_done = done;
        m_workedAtLastStep = m_worked;
    }
    if (m_done == m_first || total < m_done) return -1;
    const double step = m_workedAtLastStep / static_cast<double>(m_done - m_first);
    return std::max(0.0, step * static_cast<double>(total - m_done) - (m_worked - m_workedAtLastStep));
}

}  // namespace edgechat::cli
