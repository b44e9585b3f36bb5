#include "inference/text/jinja/text.h"

#include <algorithm>

#include "inference/text/utf8.h"

namespace edgechat::inference::jinja {

std::vector<Text::Run> Text::runs() const {
    std::vector<Run> runs;
    size_t begin = 0;
    for (const Mark& mark : m_marks) {
        runs.push_back({std::string_view(m_bytes).substr(begin, mark.end - begin), mark.origin});
        begin = mark.end;
    }
    return runs;
}

Origin Text::weakestOrigin() const {
    Origin weakest = Origin::literal;
    for (const Mark& mark : m_marks) {
        if (mark.origin == Origin::content) return Origin::content;
        if (mark.origin == Origin::answer) weakest = Origin::answer;
    }
    return weakest;
}

void Text::append(std::string_view bytes, Origin origin) {
    if (bytes.empty()) return;
    m_bytes += bytes;
    if (m_marks.empty() || m_marks.back().origin != origin) m_marks.push_back({0, origin});
    m_marks.back().end = m_bytes.size();
}

void Text::append(const Text& other) {
    if (&other == this) {
        append(Text(other));
        return;
    }
    for (const Run& run : other.runs()) append(run.bytes, run.origin);
}

Text Text::slice(size_t begin, size_t count) const {
    Text part;
    if (begin >= size()) return part;
    const size_t end = begin + std::min(count, size() - begin);
    auto mark = std::upper_bound(m_marks.begin(), m_marks.end(), begin,
                                 [](size_t at, const Mark& candidate) { return at < candidate.end; });
    for (; begin < end; ++mark) {
        const size_t upTo = std::min(mark->end, end);
        part.append(std::string_view(m_bytes).substr(begin, upTo - begin), mark->origin);
        begin = upTo;
    }
    return part;
}

size_t characterLength(std::string_view text) {
    const Utf8Step step = nextUtf8(text);
    return step.kind == Utf8Kind::character ? step.length : 1;
}

size_t characterCount(std::string_view text) {
    size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(characterLength(text));
    return count;
}

size_t whitespaceLength(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = static_cast<unsigned char>(text[0]);
    if ((byte >= 0x09 && byte <= 0x0d) || (byte >= 0x1c && byte <= 0x20)) return 1;
    if (byte < 0x80) return 0;
    // U+0085, U+00A0, U+1680, U+2000..U+200A, U+2028, U+2029, U+202F, U+205F, U+3000
    for (const std::string_view space : {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8",
                                         "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"}) {
        if (text.starts_with(space)) return space.size();
    }
    return text.size() >= 3 && text.starts_with("\xe2\x80") && static_cast<unsigned char>(text[2]) >= 0x80 &&
                   static_cast<unsigned char>(text[2]) <= 0x8a
               ? 3
               : 0;
}

Span trimmedSpan(std::string_view text, bool left, bool right) {
    size_t begin = 0;
    while (left && begin < text.size()) {
        const size_t length = whitespaceLength(text.substr(begin));
        if (length == 0) break;
        begin += length;
    }
    size_t end = text.size();
    while (right && end > begin) {
        // A white space character has one to three bytes, and only its own beginning looks like one.
        size_t length = 1;
        while (length <= 3 &&
               (length > end - begin || whitespaceLength(text.substr(end - length, length)) != length))
            ++length;
        if (length > 3) break;
        end -= length;
    }
    return {begin, end};
}

Text trimmed(const Text& text, bool left, bool right) {
    const Span span = trimmedSpan(text.bytes(), left, right);
    return text.slice(span.begin, span.end - span.begin);
}

}  // namespace edgechat::inference::jinja
