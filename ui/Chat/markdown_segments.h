#pragma once

#include <QString>

#include <vector>

namespace edgechat::ui {

/// A piece of Markdown that can be parsed on its own: [begin, end) of the source.
struct MarkdownSegment {
    enum Kind { Prose, Fence };

    Kind kind = Prose;
    qsizetype begin = 0;
    qsizetype end = 0;
    bool continues = false;  ///< the second part of a very long paragraph

    // Of a fence alone: where its text lies, and what its first line says the language is.
    qsizetype codeBegin = 0;
    qsizetype codeEnd = 0;
    int fenceIndent = 0;
    QString language;
};

/// Cuts growing Markdown into segments. A segment that was returned by `takeClosed` depends only on the text
/// before its end: nothing that is appended later can change it. So a streamed answer gives the same segments
/// as the same text at once, and only the open tail needs to be parsed again.
///
/// Cuts lie after a blank line outside of fences and lists, before and after a fence at the left edge,
/// between the items of a list, and at the end of a sentence when a paragraph passes `kLongParagraph`
/// characters.
class MarkdownSegmenter {
  public:
    static constexpr qsizetype kLongParagraph = 2048;
    static constexpr qsizetype kLongestParagraph = 4096;
    static constexpr qsizetype kLongList = 2048;

    /// Closed segments of `source` after those already taken. `source` must begin with what it was last time.
    std::vector<MarkdownSegment> takeClosed(const QString& source);

    /// The open rest, as it stands. Its kind is Prose with begin == end if there is none.
    MarkdownSegment tail(const QString& source) const;

    qsizetype closedEnd() const { return m_begin; }

  private:
    enum Mode { Empty, Paragraph, List, Quote, Table, InFence };

    void close(qsizetype end, std::vector<MarkdownSegment>& segments);
    void takeLine(const QString& source, qsizetype lineEnd, std::vector<MarkdownSegment>& segments);
    bool isPlain(QStringView rest) const;
    bool startFence(QStringView line, qsizetype lineEnd);
    void cutLongParagraph(const QString& source, qsizetype lineEnd, std::vector<MarkdownSegment>& segments);

    Mode m_mode = Empty;
    qsizetype m_begin = 0;      // of the open segment
    qsizetype m_lineBegin = 0;  // of the first line that has not been read whole
    int m_listIndent = 0;       // where the text of the last item at the left edge begins
    bool m_blankInList = false;
    bool m_continues = false;
    QChar m_fenceMark;
    qsizetype m_fenceLength = 0;
    MarkdownSegment m_fence;

    // How far the open paragraph was looked through for a place to cut, and what was open there.
    qsizetype m_cutScan = 0;
    int m_backticks = 0;
    int m_stars = 0;
};

}  // namespace edgechat::ui
