#include "inference/text/utf8_assembler.h"

#include "inference/text/utf8.h"

namespace edgechat::inference {

std::string Utf8Assembler::push(std::string_view bytes) {
    m_pending += bytes;
    const std::string_view text = m_pending;
    std::string complete;
    complete.reserve(text.size());
    size_t position = 0;
    while (position < text.size()) {
        const Utf8Step step = nextUtf8(text.substr(position));
        if (step.kind == Utf8Kind::incomplete) break;
        complete +=
            step.kind == Utf8Kind::character ? text.substr(position, step.length) : kReplacementCharacter;
        position += step.length;
    }
    m_pending.erase(0, position);
    return complete;
}

std::string Utf8Assembler::flush() {
    if (m_pending.empty()) return {};
    m_pending.clear();
    return std::string(kReplacementCharacter);
}

}  // namespace edgechat::inference
