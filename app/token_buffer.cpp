#include "app/token_buffer.h"

#include <utility>

namespace edgechat::app {
namespace {

double seconds(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

void TokenBuffer::begin() {
    const std::lock_guard lock(m_mutex);
    m_text.clear();
    m_figures = {};
    m_start = Clock::now();
    m_prefillStart = m_start;
}

void TokenBuffer::addText(std::string_view text) {
    const std::lock_guard lock(m_mutex);
    m_text.append(text);
}

void TokenBuffer::setPrefill(int done, int total) {
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(m_mutex);
    if (m_figures.prefillTotal == 0) {
        m_prefillStart = now;
        m_figures.prefillCached = done;
    }
    m_figures.prefillDone = done;
    m_figures.prefillTotal = total;
    m_figures.prefillSeconds = seconds(now - m_prefillStart);
}

void TokenBuffer::setGenerated(int tokens) {
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(m_mutex);
    if (m_figures.generated == 0) {
        m_firstToken = now;
        m_figures.timeToFirstToken = seconds(now - m_start);
    }
    m_figures.generated = tokens;
    m_figures.decodeSeconds = seconds(now - m_firstToken);
}

std::string TokenBuffer::takeText() {
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_text, {});
}

LiveFigures TokenBuffer::figures() const {
    const std::lock_guard lock(m_mutex);
    return m_figures;
}

}  // namespace edgechat::app
