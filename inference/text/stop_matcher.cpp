#include "inference/text/stop_matcher.h"

#include <algorithm>

namespace edgechat::inference {

namespace {

// Bytes at the end of `text` that could still become `stop`.
size_t partialLength(std::string_view text, std::string_view stop) {
    for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
        if (text.ends_with(stop.substr(0, length))) return length;
    }
    return 0;
}

}  // namespace

// The stop text that ends first wins, and of two that end together the one that begins first: so the answer
// does not depend on how the text was cut into pushes.
std::string StopMatcher::push(std::string_view text) {
    if (m_stopped) return {};
    m_held += text;
    size_t begin = std::string::npos, end = std::string::npos;
    size_t held = 0;
    for (const std::string& stop : m_stopTexts) {
        if (stop.empty()) continue;
        const size_t found = m_held.find(stop);
        if (found != std::string::npos) {
            const size_t foundEnd = found + stop.size();
            if (foundEnd < end || (foundEnd == end && found < begin)) {
                begin = found;
                end = foundEnd;
            }
        }
        held = std::max(held, partialLength(m_held, stop));
    }
    m_stopped = end != std::string::npos;
    std::string shown = m_held.substr(0, m_stopped ? begin : m_held.size() - held);
    m_held.erase(0, m_stopped ? m_held.size() : shown.size());
    return shown;
}

std::string StopMatcher::flush() {
    std::string rest;
    rest.swap(m_held);
    return rest;
}

}  // namespace edgechat::inference
