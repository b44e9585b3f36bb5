#include "ui/Chat/message_blocks.h"

#include <algorithm>
#include <iterator>

namespace edgechat::ui {
namespace {

void append(std::vector<MarkdownBlock>& to, std::vector<MarkdownBlock> blocks) {
    std::move(blocks.begin(), blocks.end(), std::back_inserter(to));
}

// A table grows by whole rows: a row that is half written would shift the columns with every letter.
MarkdownSegment withoutOpenTableRow(const QString& source, MarkdownSegment tail) {
    const QStringView text = QStringView(source).mid(tail.begin, tail.end - tail.begin);
    const qsizetype lastLine = text.lastIndexOf(u'\n') + 1;
    if (lastLine > 0 && lastLine < text.size() && text.mid(lastLine).trimmed().startsWith(u'|'))
        tail.end = tail.begin + lastLine;
    return tail;
}

}  // namespace

MessageBlocks::MessageBlocks(QObject* parent) : QAbstractListModel(parent) {}

int MessageBlocks::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant MessageBlocks::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const MarkdownBlock& block = m_rows[static_cast<size_t>(index.row())];
    switch (role) {
        case KindRole:
            return static_cast<int>(block.kind);
        case Qt::DisplayRole:
        case TextRole:
            return block.text;
        case LanguageRole:
            return block.language;
        case MarkerRole:
            return block.marker;
        case LevelRole:
            return block.level;
        case CheckRole:
            return block.check;
        case IndentRole:
            return block.indent;
        case QuoteDepthRole:
            return block.quoteDepth;
        case QuoteIndentRole:
            return block.quoteIndent;
        case ColumnsRole:
            return block.columns;
        case CellsRole:
            return block.cells;
        case AlignmentsRole:
            return QVariant::fromValue(block.alignments);
        case ContinuesRole:
            return block.continues;
        case ClosedRole:
            return block.closed;
        default:
            return {};
    }
}

QHash<int, QByteArray> MessageBlocks::roleNames() const {
    return {{KindRole, "kind"},
            {TextRole, "text"},
            {LanguageRole, "language"},
            {MarkerRole, "marker"},
            {LevelRole, "level"},
            {CheckRole, "check"},
            {IndentRole, "indent"},
            {QuoteDepthRole, "quoteDepth"},
            {QuoteIndentRole, "quoteIndent"},
            {ColumnsRole, "columns"},
            {CellsRole, "cells"},
            {AlignmentsRole, "alignments"},
            {ContinuesRole, "continues"},
            {ClosedRole, "closed"}};
}

void MessageBlocks::setSource(const QString& source) {
    // "\r\n" would make every blank line look written on.
    QString clean = source;
    clean.remove(u'\r');
    if (m_source == clean) return;
    const bool grown = m_streaming && clean.startsWith(m_source);
    m_source = clean;
    if (grown)
        grow();
    else
        parseAll();
    Q_EMIT sourceChanged();
}

void MessageBlocks::setStreaming(bool streaming) {
    if (m_streaming == streaming) return;
    m_streaming = streaming;
    parseAll();
    Q_EMIT streamingChanged();
}

// Rows of everything behind the segments already taken; `closed` of them can not change any more.
std::vector<MarkdownBlock> MessageBlocks::takeNewRows(size_t& closed) {
    std::vector<MarkdownBlock> rows;
    for (const MarkdownSegment& segment : m_segmenter.takeClosed(m_source))
        append(rows, parseMarkdown(m_source, segment));
    closed = rows.size();

    const MarkdownSegment tail = m_segmenter.tail(m_source);
    if (tail.begin < tail.end) {
        append(rows, parseMarkdown(m_source, withoutOpenTableRow(m_source, tail)));
        for (size_t i = closed; i < rows.size(); ++i) rows[i].closed = false;
    }
    return rows;
}

void MessageBlocks::grow() {
    size_t closed = 0;
    std::vector<MarkdownBlock> rows = takeNewRows(closed);
    replaceFrom(m_closedRows, std::move(rows));
    m_closedRows += closed;
}

void MessageBlocks::parseAll() {
    m_segmenter = MarkdownSegmenter();
    if (m_streaming) {
        replaceFrom(0, takeNewRows(m_closedRows));
        return;
    }
    std::vector<MarkdownSegment> segments = m_segmenter.takeClosed(m_source);
    const MarkdownSegment tail = m_segmenter.tail(m_source);
    if (tail.begin < tail.end) segments.push_back(tail);
    const QString definitions = linkDefinitions(m_source, segments);
    std::vector<MarkdownBlock> rows;
    for (const MarkdownSegment& segment : segments)
        append(rows, parseMarkdown(m_source, segment, definitions));
    m_closedRows = rows.size();
    replaceFrom(0, std::move(rows));
}

// Makes the rows from `first` on equal to `rows`; those that are equal already are not touched.
void MessageBlocks::replaceFrom(size_t first, std::vector<MarkdownBlock> rows) {
    const size_t before = m_rows.size();
    const size_t common = std::min(before - first, rows.size());
    for (size_t i = 0; i < common; ++i) {
        if (m_rows[first + i] == rows[i]) continue;
        m_rows[first + i] = std::move(rows[i]);
        const QModelIndex changed = index(static_cast<int>(first + i));
        Q_EMIT dataChanged(changed, changed);
    }
    if (first + rows.size() < before) {
        beginRemoveRows({}, static_cast<int>(first + rows.size()), static_cast<int>(before) - 1);
        m_rows.resize(first + rows.size());
        endRemoveRows();
    } else if (first + rows.size() > before) {
        beginInsertRows({}, static_cast<int>(before), static_cast<int>(first + rows.size()) - 1);
        for (size_t i = common; i < rows.size(); ++i) m_rows.push_back(std::move(rows[i]));
        endInsertRows();
    }
    if (m_rows.size() != before) Q_EMIT countChanged();
}

}  // namespace edgechat::ui
