#include "ui/Chat/markdown_parser.h"

#include <md4c.h>

#include <QRegularExpression>
#include <QUrl>

#include <algorithm>

namespace edgechat::ui {
namespace {

constexpr int kDeepest = 6;             // containers further in are drawn here
constexpr int kMostColumns = 32;        // a wider table is shown as text
constexpr int kMostCells = 1500;        // and so is a longer one
constexpr int kDeepestQuoteMarks = 32;  // of one line, before the rest of them is text

QString attributeText(const MD_ATTRIBUTE& attribute) {
    QString text = QString::fromUtf8(attribute.text, static_cast<qsizetype>(attribute.size));
    return text.replace(QStringLiteral("&amp;"), QStringLiteral("&"));
}

bool isSafeLink(const QString& href) {
    const QString scheme = QUrl(href, QUrl::StrictMode).scheme();
    return scheme == u"https" || scheme == u"http" || scheme == u"mailto";
}

class Builder {
  public:
    std::vector<MarkdownBlock> blocks;

    int enterBlock(MD_BLOCKTYPE type, void* detail);
    int leaveBlock(MD_BLOCKTYPE type);
    int enterSpan(MD_SPANTYPE type, void* detail);
    int leaveSpan(MD_SPANTYPE type);
    int text(MD_TEXTTYPE type, const char* bytes, MD_SIZE size);

  private:
    struct List {
        bool ordered = false;
        unsigned next = 1;
    };

    MarkdownBlock& openLeaf(MarkdownBlock::Kind kind);
    void closeLeaf();
    QString& target();

    std::vector<List> m_lists;
    int m_quoteDepth = 0;
    int m_quoteIndent = 0;
    QString m_marker;  // waits for the first block of its item
    int m_check = -1;
    bool m_leafOpen = false;
    bool m_inCell = false;
    std::vector<bool> m_linkWritten;
};

MarkdownBlock& Builder::openLeaf(MarkdownBlock::Kind kind) {
    closeLeaf();
    MarkdownBlock block;
    block.kind = kind;
    block.indent = std::min<int>(static_cast<int>(m_lists.size()), kDeepest);
    block.quoteDepth = std::min(m_quoteDepth, kDeepest);
    block.quoteIndent = std::min(m_quoteIndent, kDeepest);
    block.marker = m_marker;
    block.check = m_check;
    m_marker.clear();
    m_check = -1;
    blocks.push_back(block);
    m_leafOpen = true;
    return blocks.back();
}

void Builder::closeLeaf() {
    m_leafOpen = false;
}

// Where text goes. Items of a tight list have no paragraph of their own, so one is opened here.
QString& Builder::target() {
    if (m_inCell) return blocks.back().cells.back();
    if (!m_leafOpen) openLeaf(MarkdownBlock::Paragraph);
    return blocks.back().text;
}

int Builder::enterBlock(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
        case MD_BLOCK_QUOTE:
            closeLeaf();
            if (m_quoteDepth++ == 0) m_quoteIndent = static_cast<int>(m_lists.size());
            break;
        case MD_BLOCK_UL:
            closeLeaf();
            m_lists.push_back({});
            break;
        case MD_BLOCK_OL:
            closeLeaf();
            m_lists.push_back({true, static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start});
            break;
        case MD_BLOCK_LI: {
            closeLeaf();
            const auto* item = static_cast<MD_BLOCK_LI_DETAIL*>(detail);
            List& list = m_lists.back();
            if (item->is_task) {
                m_check = item->task_mark == ' ' ? 0 : 1;
                m_marker = QStringLiteral(" ");
            } else if (list.ordered) {
                m_marker = QStringLiteral("%1.").arg(list.next);
            } else {
                m_marker = m_lists.size() % 2 == 1 ? QStringLiteral("\u2022") : QStringLiteral("\u25E6");
            }
            ++list.next;
            break;
        }
        case MD_BLOCK_HR:
            openLeaf(MarkdownBlock::Rule);
            closeLeaf();
            break;
        case MD_BLOCK_H:
            openLeaf(MarkdownBlock::Heading).level =
                static_cast<int>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
            break;
        case MD_BLOCK_CODE:
            openLeaf(MarkdownBlock::Code).language =
                attributeText(static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang);
            break;
        case MD_BLOCK_TABLE:
            openLeaf(MarkdownBlock::Table);
            break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD: {
            MarkdownBlock& table = blocks.back();
            table.cells.append(QString());
            if (type == MD_BLOCK_TH) {
                ++table.columns;
                const MD_ALIGN align = static_cast<MD_BLOCK_TD_DETAIL*>(detail)->align;
                table.alignments.append(align == MD_ALIGN_RIGHT    ? Qt::AlignRight
                                        : align == MD_ALIGN_CENTER ? Qt::AlignHCenter
                                                                   : Qt::AlignLeft);
            }
            m_inCell = true;
            break;
        }
        case MD_BLOCK_P:
        case MD_BLOCK_HTML:
            openLeaf(MarkdownBlock::Paragraph);
            break;
        default:
            break;
    }
    return 0;
}

int Builder::leaveBlock(MD_BLOCKTYPE type) {
    switch (type) {
        case MD_BLOCK_QUOTE:
            closeLeaf();
            if (--m_quoteDepth == 0) m_quoteIndent = 0;
            break;
        case MD_BLOCK_UL:
        case MD_BLOCK_OL:
            closeLeaf();
            m_lists.pop_back();
            break;
        case MD_BLOCK_LI:
            if (!m_marker.isEmpty()) openLeaf(MarkdownBlock::Paragraph);  // an empty item
            closeLeaf();
            break;
        case MD_BLOCK_CODE:
            if (blocks.back().text.endsWith(u'\n')) blocks.back().text.chop(1);
            closeLeaf();
            break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD:
            m_inCell = false;
            break;
        case MD_BLOCK_P:
        case MD_BLOCK_HTML:
        case MD_BLOCK_H:
        case MD_BLOCK_TABLE:
            closeLeaf();
            break;
        default:
            break;
    }
    return 0;
}

int Builder::enterSpan(MD_SPANTYPE type, void* detail) {
    switch (type) {
        case MD_SPAN_EM:
            target() += u"<i>";
            break;
        case MD_SPAN_STRONG:
            target() += u"<b>";
            break;
        case MD_SPAN_DEL:
            target() += u"<s>";
            break;
        case MD_SPAN_CODE:
            target() += u"<code>";
            break;
        case MD_SPAN_A:
        case MD_SPAN_IMG: {
            const QString href =
                attributeText(type == MD_SPAN_A ? static_cast<MD_SPAN_A_DETAIL*>(detail)->href
                                                : static_cast<MD_SPAN_IMG_DETAIL*>(detail)->src);
            const bool nested =
                std::find(m_linkWritten.begin(), m_linkWritten.end(), true) != m_linkWritten.end();
            const bool write = !nested && isSafeLink(href);
            m_linkWritten.push_back(write);
            if (write) target() += QStringLiteral("<a href=\"%1\">").arg(href.toHtmlEscaped());
            break;
        }
        default:
            break;
    }
    return 0;
}

int Builder::leaveSpan(MD_SPANTYPE type) {
    switch (type) {
        case MD_SPAN_EM:
            target() += u"</i>";
            break;
        case MD_SPAN_STRONG:
            target() += u"</b>";
            break;
        case MD_SPAN_DEL:
            target() += u"</s>";
            break;
        case MD_SPAN_CODE:
            target() += u"</code>";
            break;
        case MD_SPAN_A:
        case MD_SPAN_IMG:
            if (m_linkWritten.back()) target() += u"</a>";
            m_linkWritten.pop_back();
            break;
        default:
            break;
    }
    return 0;
}

int Builder::text(MD_TEXTTYPE type, const char* bytes, MD_SIZE size) {
    if (m_leafOpen && !m_inCell && blocks.back().kind == MarkdownBlock::Code) {
        blocks.back().text += QString::fromUtf8(bytes, static_cast<qsizetype>(size));
        return 0;
    }
    switch (type) {
        case MD_TEXT_NULLCHAR:
            target() += QChar::ReplacementCharacter;
            break;
        case MD_TEXT_BR:
        case MD_TEXT_SOFTBR:  // models mean their line breaks
            target() += u"<br>";
            break;
        case MD_TEXT_ENTITY:  // "&copy;": rich text knows the same names
            target() += QString::fromUtf8(bytes, static_cast<qsizetype>(size));
            break;
        default:
            target() += QString::fromUtf8(bytes, static_cast<qsizetype>(size)).toHtmlEscaped();
            break;
    }
    return 0;
}

Builder& builder(void* data) {
    return *static_cast<Builder*>(data);
}

// A table beyond any use is shown as the text it is, cheaply.
void flattenHugeTables(std::vector<MarkdownBlock>& blocks) {
    for (MarkdownBlock& block : blocks) {
        if (block.kind != MarkdownBlock::Table) continue;
        if (block.columns > 0 && block.columns <= kMostColumns && block.cells.size() <= kMostCells) continue;
        block.kind = MarkdownBlock::Paragraph;
        block.text = block.cells.join(u" | ");
        block.cells.clear();
        block.alignments.clear();
        block.columns = 0;
    }
}

MarkdownBlock codeBlock(const QString& source, const MarkdownSegment& segment) {
    MarkdownBlock block;
    block.kind = MarkdownBlock::Code;
    block.language = segment.language;
    const qsizetype begin = std::min(segment.codeBegin, source.size());
    block.text = source.mid(begin, segment.codeEnd - begin);
    if (segment.fenceIndent > 0) {
        const QRegularExpression margin(QStringLiteral("^ {1,%1}").arg(segment.fenceIndent),
                                        QRegularExpression::MultilineOption);
        block.text.remove(margin);
    }
    if (block.text.endsWith(u'\n')) block.text.chop(1);
    return block;
}

// md4c keeps a container for each ">" of a line, and looks through all of them at each line: a line of
// nothing but quote marks would cost the square of its length.
QString limitQuoteMarks(const QString& markdown) {
    static const QRegularExpression marks(
        QStringLiteral("^((?:[ \\t]*>){%1})[ \\t]*(?=>)").arg(kDeepestQuoteMarks),
        QRegularExpression::MultilineOption);
    if (!markdown.contains(u">>>>>>>>") && !markdown.contains(u"> > > > > > > >")) return markdown;
    QString limited = markdown;
    return limited.replace(marks, QStringLiteral("\\1 \\"));
}

}  // namespace

std::vector<MarkdownBlock> parseMarkdown(const QString& source, const MarkdownSegment& segment,
                                         const QString& definitions) {
    if (segment.kind == MarkdownSegment::Fence) return {codeBlock(source, segment)};

    QString markdown = limitQuoteMarks(source.mid(segment.begin, segment.end - segment.begin));
    if (!definitions.isEmpty() && markdown.contains(u'[')) markdown += QStringLiteral("\n\n") + definitions;
    const QByteArray utf8 = markdown.toUtf8();

    MD_PARSER parser = {};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS |
                   MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_NOHTML | MD_FLAG_NOINDENTEDCODEBLOCKS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* data) {
        return builder(data).enterBlock(type, detail);
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* data) { return builder(data).leaveBlock(type); };
    parser.enter_span = [](MD_SPANTYPE type, void* detail, void* data) {
        return builder(data).enterSpan(type, detail);
    };
    parser.leave_span = [](MD_SPANTYPE type, void*, void* data) { return builder(data).leaveSpan(type); };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* data) {
        return builder(data).text(type, text, size);
    };

    Builder result;
    if (md_parse(utf8.constData(), static_cast<MD_SIZE>(utf8.size()), &parser, &result) != 0) {
        // Out of memory for it: the text as it was written is still worth reading.
        MarkdownBlock plain;
        plain.text = markdown.toHtmlEscaped();
        result.blocks.assign(1, plain);
    }
    flattenHugeTables(result.blocks);
    if (segment.continues && !result.blocks.empty()) result.blocks.front().continues = true;
    return std::move(result.blocks);
}

QString linkDefinitions(const QString& source, const std::vector<MarkdownSegment>& segments) {
    static const QRegularExpression definition(QStringLiteral("^ {0,3}\\[[^\\]\\n]{1,200}\\]:[ \\t]+\\S+.*$"),
                                               QRegularExpression::MultilineOption);
    QString definitions;
    for (const MarkdownSegment& segment : segments) {
        if (segment.kind == MarkdownSegment::Fence) continue;
        const QString text = source.mid(segment.begin, segment.end - segment.begin);
        if (!text.contains(u"]:")) continue;
        auto matches = definition.globalMatch(text);
        while (matches.hasNext()) definitions += matches.next().captured() + u'\n';
    }
    return definitions;
}

}  // namespace edgechat::ui
