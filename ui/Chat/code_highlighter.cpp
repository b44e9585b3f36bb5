#include "ui/Chat/code_highlighter.h"

#include <QTextDocument>

#include "ui/Chat/code_tokens.h"

namespace edgechat::ui {

CodeHighlighter::CodeHighlighter(QObject* parent) : QSyntaxHighlighter(parent) {
    connect(this, &CodeHighlighter::colorsChanged, this, [this] {
        if (document()) rehighlight();
    });
}

void CodeHighlighter::setTarget(QQuickTextDocument* target) {
    if (m_target == target) return;
    m_target = target;
    attach();
    Q_EMIT targetChanged();
}

void CodeHighlighter::setLanguage(const QString& language) {
    if (m_language == language) return;
    m_language = language;
    attach();
    if (document()) rehighlight();
    Q_EMIT languageChanged();
}

QString CodeHighlighter::title() const {
    return languageTitle(m_language);
}

void CodeHighlighter::setActive(bool active) {
    if (m_active == active) return;
    m_active = active;
    attach();
    Q_EMIT activeChanged();
}

void CodeHighlighter::attach() {
    QTextDocument* wanted =
        m_active && m_target && isKnownLanguage(m_language) ? m_target->textDocument() : nullptr;
    if (document() != wanted) setDocument(wanted);
}

void CodeHighlighter::highlightBlock(const QString& text) {
    CodeState state = previousBlockState() < 0 ? 0 : previousBlockState();
    for (const CodeToken& token : tokenizeLine(m_language, text, state)) {
        const QColor& color = token.kind == CodeToken::Keyword   ? m_keywordColor
                              : token.kind == CodeToken::String  ? m_stringColor
                              : token.kind == CodeToken::Comment ? m_commentColor
                              : token.kind == CodeToken::Number  ? m_numberColor
                                                                 : m_nameColor;
        setFormat(token.begin, token.length, color);
    }
    setCurrentBlockState(state);
}

}  // namespace edgechat::ui
