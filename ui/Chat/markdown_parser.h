#pragma once

#include <QList>
#include <QString>
#include <QStringList>

#include <vector>

#include "ui/Chat/markdown_segments.h"

namespace edgechat::ui {

/// One block of a message as a view shows it. Containers are flat: a paragraph in a list in a quote is a
/// paragraph that knows how far in it stands.
struct MarkdownBlock {
    enum Kind { Paragraph, Heading, Code, Table, Rule };

    Kind kind = Paragraph;
    QString text;      ///< Code: plain text. Paragraph, Heading: rich text, with everything else escaped
    QString language;  ///< of code, as the fence says it
    QString marker;    ///< in front of the first block of a list item: "•", "3."
    int level = 0;     ///< of a heading, 1..6
    int check = -1;    ///< a task: 0 open, 1 done
    int indent = 0;    ///< how many lists it stands in
    int quoteDepth = 0;
    int quoteIndent = 0;  ///< how many lists the outermost quote stands in
    int columns = 0;
    QStringList cells;      ///< rich text, row by row, the header first
    QList<int> alignments;  ///< Qt::AlignLeft ... per column
    bool continues = false;
    bool closed = true;

    bool operator==(const MarkdownBlock&) const = default;
};

/// Parses one segment. Raw HTML comes out as text, images as links, and only http, https and mailto become
/// links. \param definitions link definitions from elsewhere in the message, as Markdown
std::vector<MarkdownBlock> parseMarkdown(const QString& source, const MarkdownSegment& segment,
                                         const QString& definitions = {});

/// The link definitions ("[name]: https://...") that stand outside of code.
QString linkDefinitions(const QString& source, const std::vector<MarkdownSegment>& segments);

}  // namespace edgechat::ui
