#include "inference/text/jinja/lexer.h"

#include <algorithm>

#include "inference/text/jinja/string_literal.h"

namespace edgechat::inference::jinja {

namespace {

bool isDigit(char character) {
    return character >= '0' && character <= '9';
}
bool isNameCharacter(char character) {
    return isDigit(character) || character == '_' || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z') || static_cast<unsigned char>(character) >= 0x80;
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : m_source(source) {}

    std::vector<Token> run() {
        while (m_at < m_source.size()) {
            const size_t open = nextOpening();
            addData(open);
            if (open == std::string_view::npos) break;
            m_at = open + 2;
            const char kind = m_source[open + 1];
            if (m_at < m_source.size() && (m_source[m_at] == '-' || m_source[m_at] == '+')) ++m_at;
            if (kind == '#')
                skipComment(open);
            else if (kind == '{')
                readCode(open, Token::Kind::outputBegin, Token::Kind::outputEnd, "}}");
            else if (!readRaw(open))
                readCode(open, Token::Kind::blockBegin, Token::Kind::blockEnd, "%}");
        }
        add(Token::Kind::end, {}, m_source.size());
        return std::move(m_tokens);
    }

  private:
    std::string_view rest() const { return m_source.substr(m_at); }
    void add(Token::Kind kind, std::string text, size_t position) {
        m_tokens.push_back({kind, std::move(text), position});
    }

    size_t nextOpening() const {
        for (size_t at = m_source.find('{', m_at); at != std::string_view::npos && at + 1 < m_source.size();
             at = m_source.find('{', at + 1)) {
            const char next = m_source[at + 1];
            if (next == '{' || next == '%' || next == '#') return at;
        }
        return std::string_view::npos;
    }

    // The text up to what opens at `open`, without the white space that is taken away there.
    void addData(size_t open) {
        std::string_view text = m_source.substr(m_at, open == std::string_view::npos ? open : open - m_at);
        const bool lineStart = m_at == 0 || m_source[m_at - 1] == '\n';
        if (open != std::string_view::npos) {
            const char sign = open + 2 < m_source.size() ? m_source[open + 2] : '\0';
            text = text.substr(0, keptBefore(text, sign, m_source[open + 1] != '{', lineStart));
        }
        if (!text.empty()) add(Token::Kind::data, std::string(text), m_at);
    }

    static size_t keptBefore(std::string_view text, char sign, bool stripsLine, bool lineStart) {
        if (sign == '-') return trimmedSpan(text, false, true).end;
        if (sign == '+' || !stripsLine) return text.size();
        const size_t newline = text.rfind('\n');
        if (newline == std::string_view::npos && !lineStart) return text.size();
        const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
        const Span blank = trimmedSpan(text.substr(line), true, false);
        return blank.begin == text.size() - line ? line : text.size();
    }

    // After the end of a tag whose last character before the closing was `sign`.
    void skipAfter(char sign, bool dropsNewline) {
        if (sign == '-')
            m_at += trimmedSpan(rest(), true, false).begin;
        else if (sign != '+' && dropsNewline && rest().starts_with('\n'))
            ++m_at;
    }

    void skipComment(size_t open) {
        const size_t close = m_source.find("#}", m_at);
        if (close == std::string_view::npos) throw SyntaxFailure{"a comment does not end", open};
        const char sign = close > m_at ? m_source[close - 1] : '\0';
        m_at = close + 2;
        skipAfter(sign, true);
    }

    // {% raw %}: whether it is one. Its text up to {% endraw %} becomes data.
    bool readRaw(size_t open) {
        size_t at = m_at + blanks(m_at);
        if (!word(at, "raw")) return false;
        at += 3 + blanks(at + 3);
        const bool strips = m_source.substr(at).starts_with("-%}");
        if (!strips && !m_source.substr(at).starts_with("%}")) return false;
        m_at = at + (strips ? 3 : 2);
        if (strips) skipAfter('-', false);
        for (size_t begin = m_source.find("{%", m_at); begin != std::string_view::npos;
             begin = m_source.find("{%", begin + 1)) {
            size_t end = begin + 2;
            const char before = end < m_source.size() ? m_source[end] : '\0';
            if (before == '-' || before == '+') ++end;
            end += blanks(end);
            if (!word(end, "endraw")) continue;
            end += 6 + blanks(end + 6);
            const char after = end < m_source.size() ? m_source[end] : '\0';
            if (after == '-' || after == '+') ++end;
            if (!m_source.substr(end).starts_with("%}")) continue;
            const std::string_view text = m_source.substr(m_at, begin - m_at);
            const bool lineStart = m_source[m_at - 1] == '\n';
            const size_t kept = keptBefore(text, before, true, lineStart);
            if (kept > 0) add(Token::Kind::data, std::string(text.substr(0, kept)), m_at);
            m_at = end + 2;
            skipAfter(after, true);
            return true;
        }
        throw SyntaxFailure{"a raw block does not end", open};
    }

    size_t blanks(size_t at) const {
        return at < m_source.size() ? trimmedSpan(m_source.substr(at), true, false).begin : 0;
    }
    bool word(size_t at, std::string_view name) const {
        return at < m_source.size() && m_source.substr(at).starts_with(name);
    }

    void readCode(size_t open, Token::Kind begin, Token::Kind end, std::string_view close) {
        add(begin, {}, open);
        const bool block = begin == Token::Kind::blockBegin;
        std::string nesting;  // closing brackets that are to come
        for (;;) {
            m_at += blanks(m_at);
            if (m_at >= m_source.size())
                throw SyntaxFailure{block ? "a block does not end" : "an output does not end", open};
            const char first = m_source[m_at];
            if (nesting.empty()) {
                const bool sign = first == '-' || (block && first == '+');
                if (m_source.substr(m_at + (sign ? 1 : 0)).starts_with(close)) {
                    add(end, {}, m_at);
                    m_at += sign ? 3 : 2;
                    skipAfter(sign ? first : '\0', block);
                    return;
                }
            }
            readToken(first, nesting);
        }
    }

    void readToken(char first, std::string& nesting) {
        const size_t begin = m_at;
        if (isDigit(first)) {
            readNumber();
        } else if (isNameCharacter(first)) {
            while (m_at < m_source.size() && isNameCharacter(m_source[m_at])) ++m_at;
            add(Token::Kind::name, std::string(m_source.substr(begin, m_at - begin)), begin);
        } else if (first == '\'' || first == '"') {
            ++m_at;
            while (m_at < m_source.size() && m_source[m_at] != first) m_at += m_source[m_at] == '\\' ? 2 : 1;
            if (m_at >= m_source.size()) throw SyntaxFailure{"a string does not end", begin};
            add(Token::Kind::string, unescaped(m_source.substr(begin + 1, m_at - begin - 1), begin), begin);
            ++m_at;
        } else {
            readSymbol(first, nesting);
        }
    }

    void readSymbol(char first, std::string& nesting) {
        for (const std::string_view pair : {"==", "!=", ">=", "<=", "//", "**"}) {
            if (!rest().starts_with(pair)) continue;
            add(Token::Kind::symbol, std::string(pair), m_at);
            m_at += 2;
            return;
        }
        if (std::string_view("+-/*%~[](){}><=.:|,;").find(first) == std::string_view::npos)
            throw SyntaxFailure{"a character that no expression has", m_at};
        if (first == '(') nesting += ')';
        if (first == '[') nesting += ']';
        if (first == '{') nesting += '}';
        if (first == ')' || first == ']' || first == '}') {
            if (nesting.empty() || nesting.back() != first)
                throw SyntaxFailure{std::string("a \"") + first + "\" that closes nothing", m_at};
            nesting.pop_back();
        }
        add(Token::Kind::symbol, std::string(1, first), m_at);
        ++m_at;
    }

    void readNumber() {
        const size_t begin = m_at;
        const auto digits = [this] {
            while (m_at < m_source.size() && (isDigit(m_source[m_at]) || m_source[m_at] == '_')) ++m_at;
        };
        digits();
        bool fraction = false;
        if (m_at + 1 < m_source.size() && m_source[m_at] == '.' && isDigit(m_source[m_at + 1])) {
            fraction = true;
            ++m_at;
            digits();
        }
        if (m_at < m_source.size() && (m_source[m_at] == 'e' || m_source[m_at] == 'E')) {
            size_t exponent = m_at + 1;
            if (exponent < m_source.size() && (m_source[exponent] == '-' || m_source[exponent] == '+'))
                ++exponent;
            if (exponent < m_source.size() && isDigit(m_source[exponent])) {
                fraction = true;
                m_at = exponent;
                digits();
            }
        }
        std::string text(m_source.substr(begin, m_at - begin));
        text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
        add(fraction ? Token::Kind::number : Token::Kind::integer, std::move(text), begin);
    }

    std::string_view m_source;
    size_t m_at = 0;
    std::vector<Token> m_tokens;
};

}  // namespace

std::string normalizedSource(std::string_view source) {
    std::string text;
    text.reserve(source.size());
    for (size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            text += source[i];
            continue;
        }
        text += '\n';
        if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

std::vector<Token> tokensOf(std::string_view normalizedSource) {
    return Lexer(normalizedSource).run();
}

std::string placeOf(std::string_view normalizedSource, size_t position) {
    const std::string_view before = normalizedSource.substr(0, std::min(position, normalizedSource.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t newline = before.rfind('\n');
    const size_t column =
        1 + characterCount(newline == std::string_view::npos ? before : before.substr(newline + 1));
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace edgechat::inference::jinja
