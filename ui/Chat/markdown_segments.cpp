#include "ui/Chat/markdown_segments.h"

#include <optional>

namespace edgechat::ui {
namespace {

int indentOf(QStringView line) {
    int indent = 0;
    for (const QChar c : line) {
        if (c == u' ')
            ++indent;
        else if (c == u'\t')
            indent += 4 - indent % 4;
        else
            break;
    }
    return indent;
}

struct Fence {
    QChar mark;
    qsizetype length = 0;
    QStringView info;
};

std::optional<Fence> fenceAt(QStringView line) {
    const QStringView text = line.trimmed();
    if (text.isEmpty() || (text[0] != u'`' && text[0] != u'~')) return std::nullopt;
    Fence fence;
    fence.mark = text[0];
    while (fence.length < text.size() && text[fence.length] == fence.mark) ++fence.length;
    if (fence.length < 3) return std::nullopt;
    fence.info = text.mid(fence.length).trimmed();
    if (fence.mark == u'`' && fence.info.contains(u'`')) return std::nullopt;
    return fence;
}

/// Width of the list marker and the space after it, 0 if the line does not begin with one.
int markerWidth(QStringView line, bool insideList) {
    const QStringView text = line.trimmed();
    if (text.isEmpty()) return 0;
    qsizetype width = 0;
    if (text[0] == u'-' || text[0] == u'*' || text[0] == u'+') {
        width = 1;
    } else {
        while (width < text.size() && width < 9 && text[width] >= u'0' && text[width] <= u'9') ++width;
        if (width == 0 || width >= text.size() || (text[width] != u'.' && text[width] != u')')) return 0;
        // Inside a paragraph only "1." begins a list; a line that starts with a year does not.
        if (!insideList && text.left(width) != u"1") return 0;
        ++width;
    }
    if (width < text.size() && text[width] != u' ' && text[width] != u'\t') return 0;
    return static_cast<int>(width) + 1;
}

bool isTableRule(QStringView line) {
    bool dash = false, bar = false;
    for (const QChar c : line.trimmed()) {
        if (c == u'-')
            dash = true;
        else if (c == u'|')
            bar = true;
        else if (c != u':' && c != u' ')
            return false;
    }
    return dash && bar;
}

}  // namespace

void MarkdownSegmenter::close(qsizetype end, std::vector<MarkdownSegment>& segments) {
    MarkdownSegment segment;
    if (m_mode == InFence) {
        segment = m_fence;
    } else if (m_mode != Empty) {
        segment.begin = m_begin;
        segment.continues = m_continues;
    }
    segment.end = end;
    if (m_mode != Empty) segments.push_back(segment);
    m_begin = end;
    m_mode = Empty;
    m_continues = false;
    m_blankInList = false;
    m_cutScan = end;
    m_backticks = m_stars = 0;
}

bool MarkdownSegmenter::startFence(QStringView line, qsizetype lineEnd) {
    const auto fence = fenceAt(line);
    if (!fence) return false;
    m_mode = InFence;
    m_fenceMark = fence->mark;
    m_fenceLength = fence->length;
    m_fence = MarkdownSegment{};
    m_fence.kind = MarkdownSegment::Fence;
    m_fence.begin = m_begin;
    m_fence.codeBegin = m_fence.codeEnd = lineEnd + 1;
    m_fence.fenceIndent = indentOf(line);
    const qsizetype space = fence->info.indexOf(u' ');
    m_fence.language = (space < 0 ? fence->info : fence->info.left(space)).toString();
    return true;
}

// `lineEnd` is the place of the newline, or of the end of a line that is still being written.
void MarkdownSegmenter::cutLongParagraph(const QString& source, qsizetype lineEnd,
                                         std::vector<MarkdownSegment>& segments) {
    for (; m_cutScan < lineEnd; ++m_cutScan) {
        const QChar c = source[m_cutScan];
        const qsizetype length = m_cutScan - m_begin;
        if (length >= kLongParagraph && m_cutScan > m_begin) {
            const QChar before = source[m_cutScan - 1];
            const bool sentence = c.isSpace() && (before == u'.' || before == u'!' || before == u'?');
            const bool settled = m_backticks % 2 == 0 && m_stars % 2 == 0;
            // Never between the halves of a surrogate pair, even in a text without a single space.
            const bool tooLong = length >= kLongestParagraph &&
                                 (c.isSpace() || length >= 2 * kLongestParagraph) && !c.isLowSurrogate();
            if ((sentence && settled) || tooLong) {
                const qsizetype cut = c.isSpace() ? m_cutScan + 1 : m_cutScan;
                close(cut, segments);
                m_mode = Paragraph;
                m_continues = true;
                if (cut > m_cutScan) continue;
            }
        }
        if (c == u'`') ++m_backticks;
        if (c == u'*') ++m_stars;
    }
}

// Reads the line [m_lineBegin, lineEnd), which is complete; its newline is at lineEnd.
void MarkdownSegmenter::takeLine(const QString& source, qsizetype lineEnd,
                                 std::vector<MarkdownSegment>& segments) {
    const QStringView line = QStringView(source).mid(m_lineBegin, lineEnd - m_lineBegin);
    const qsizetype next = lineEnd + 1;
    const int indent = indentOf(line);

    if (m_mode == InFence) {
        const auto fence = fenceAt(line);
        if (fence && indent < 4 && fence->mark == m_fenceMark && fence->length >= m_fenceLength &&
            fence->info.isEmpty()) {
            m_fence.codeEnd = m_lineBegin;
            close(next, segments);
        }
        return;
    }

    if (line.trimmed().isEmpty()) {
        if (m_mode == List)
            m_blankInList = true;
        else
            close(next, segments);
        return;
    }

    if (m_mode == List) {
        const bool inside = indent >= m_listIndent;
        const int marker = indent < 4 || inside ? markerWidth(line, true) : 0;
        if (inside) {
            m_blankInList = false;
            return;
        }
        if (marker > 0) {
            if (indent == 0 && m_lineBegin - m_begin >= kLongList) {
                close(m_lineBegin, segments);
                m_mode = List;
            }
            if (indent < 2 || indent < m_listIndent) m_listIndent = indent + marker;
            m_blankInList = false;
            return;
        }
        if (m_blankInList || (indent < 4 && fenceAt(line)))
            close(m_lineBegin, segments);
        else
            return;  // the item's paragraph goes on
    }

    if (indent < 4 && fenceAt(line)) {
        close(m_lineBegin, segments);
        startFence(line, lineEnd);
        return;
    }
    if (indent < 4) {
        if (const int marker = markerWidth(line, m_mode == Empty)) {
            if (m_mode == Paragraph) close(m_lineBegin, segments);
            if (m_mode == Empty) {
                m_mode = List;
                m_listIndent = indent + marker;
                m_blankInList = false;
                return;
            }
        }
    }
    if (m_mode == Empty)
        m_mode = line.trimmed().startsWith(u'>') ? Quote : Paragraph;
    else if (m_mode == Paragraph && isTableRule(line))
        m_mode = Table;
    if (m_mode == Paragraph) {
        cutLongParagraph(source, lineEnd, segments);
        m_cutScan = next;
    }
}

// Whether the line being written will be part of a paragraph, whatever follows. `rest` has no newline yet.
bool MarkdownSegmenter::isPlain(QStringView rest) const {
    constexpr qsizetype kEnoughToKnow = 16;
    return rest.size() > kEnoughToKnow && !rest.trimmed().isEmpty() && indentOf(rest) < 4 &&
           markerWidth(rest, m_mode == Empty) == 0 && !fenceAt(rest) && !isTableRule(rest) &&
           !(m_mode == Empty && rest.trimmed().startsWith(u'>'));
}

std::vector<MarkdownSegment> MarkdownSegmenter::takeClosed(const QString& source) {
    std::vector<MarkdownSegment> segments;
    for (;;) {
        const qsizetype lineEnd = source.indexOf(u'\n', m_lineBegin);
        if (lineEnd < 0) break;
        takeLine(source, lineEnd, segments);
        m_lineBegin = lineEnd + 1;
    }
    // One line can be a very long paragraph by itself. The last character waits: it may become part of a
    // pair.
    const QStringView rest = QStringView(source).mid(m_lineBegin);
    if (source.size() - m_begin > kLongParagraph && (m_mode == Paragraph || m_mode == Empty) &&
        isPlain(rest)) {
        m_mode = Paragraph;
        cutLongParagraph(source, source.size() - 1, segments);
    }
    return segments;
}

MarkdownSegment MarkdownSegmenter::tail(const QString& source) const {
    MarkdownSegment segment;
    segment.begin = m_begin;
    segment.continues = m_continues;
    segment.end = source.size();
    if (m_mode == InFence) {
        segment = m_fence;
        segment.end = source.size();
        segment.codeEnd = source.size();
        // The closing line while it is being written would flash up as code.
        const QStringView last = QStringView(source).mid(m_lineBegin);
        if (m_lineBegin >= segment.codeBegin && !last.isEmpty() &&
            last.count(m_fenceMark) == last.trimmed().size())
            segment.codeEnd = m_lineBegin;
    }
    return segment;
}

}  // namespace edgechat::ui
