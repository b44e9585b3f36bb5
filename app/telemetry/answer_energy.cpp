#include "app/telemetry/answer_energy.h"

#include <cmath>

namespace edgechat::app {

void AnswerEnergy::begin(double time) {
    *this = {};
    m_running = true;
    m_time = time;
}

void AnswerEnergy::add(double time, double watts) {
    // A measurement that was on its way when the answer began is older.
    if (!m_running || std::isnan(watts) || time < m_time) return;
    step(time);
    m_joules += (time - m_time) * (m_measurements == 0 ? watts : (m_watts + watts) / 2);
    m_time = time;
    m_watts = watts;
    ++m_measurements;
}

double AnswerEnergy::end(double time) {
    if (!m_running) return kUnknown;
    m_running = false;
    step(time);
    if (m_gap || m_measurements == 0) return kUnknown;
    return m_joules + (time - m_time) * m_watts;
}

void AnswerEnergy::step(double time) {
    m_gap = m_gap || time - m_time > kLongestGap;
}

double energyPerToken(double joules, int tokens) {
    return tokens > 0 ? joules / tokens : AnswerEnergy::kUnknown;
}

}  // namespace edgechat::app
