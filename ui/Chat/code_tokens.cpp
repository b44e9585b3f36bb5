#include "ui/Chat/code_tokens.h"

#include <QHash>
#include <QSet>

#include <algorithm>

namespace edgechat::ui {
namespace {

// What a language looks like to a reader who only wants keywords, strings, comments and numbers.
struct Language {
    QString title;
    QSet<QString> keywords;
    QString lineComment;            // "//", "#", "--"
    QString blockBegin, blockEnd;   // "/*" "*/"
    QString quotes;                 // characters that begin and end a string
    QString longQuotes;             // quotes that may run over lines
    bool tripleQuotes = false;      // Python
    bool ignoresCase = false;       // SQL
    bool namesBeforeColon = false;  // keys of JSON and YAML, properties of CSS and QML
    bool markup = false;            // HTML: names stand after "<"
};

QSet<QString> words(const char* list) {
    const QStringList split = QString::fromLatin1(list).split(u' ', Qt::SkipEmptyParts);
    return QSet<QString>(split.begin(), split.end());
}

const QHash<QString, Language>& languages() {
    static const QHash<QString, Language> all = [] {
        QHash<QString, Language> map;
        const QString slashes = QStringLiteral("//");
        const QString open = QStringLiteral("/*");
        const QString end = QStringLiteral("*/");
        const QString both = QStringLiteral("\"'");
        const QString hash = QStringLiteral("#");

        map[QStringLiteral("c")] = {QStringLiteral("C"),
                                    words("auto break case char const continue default do double else enum "
                                          "extern float for goto if inline "
                                          "int long register restrict return short signed sizeof static "
                                          "struct switch typedef union unsigned "
                                          "void volatile while bool true false NULL #include #define #ifdef "
                                          "#ifndef #endif #if #else #pragma"),
                                    slashes,
                                    open,
                                    end,
                                    both,
                                    {}};
        Language cpp = map[QStringLiteral("c")];
        cpp.title = QStringLiteral("C++");
        cpp.keywords |= words(
            "alignas catch class concept consteval constexpr constinit const_cast co_await co_return "
            "co_yield decltype "
            "delete dynamic_cast explicit export final friend import module mutable namespace new noexcept "
            "nullptr "
            "operator override private protected public reinterpret_cast requires static_assert static_cast "
            "template "
            "this throw try typeid typename using virtual");
        map[QStringLiteral("cpp")] = cpp;
        map[QStringLiteral("python")] = {QStringLiteral("Python"),
                                         words("False None True and as assert async await break class "
                                               "continue def del elif else except finally "
                                               "for from global if import in is lambda match nonlocal not or "
                                               "pass raise return self try while "
                                               "with yield"),
                                         hash,
                                         {},
                                         {},
                                         both,
                                         {},
                                         true};
        map[QStringLiteral("javascript")] = {
            QStringLiteral("JavaScript"),
            words("async await break case catch class const continue debugger default delete do else export "
                  "extends "
                  "false finally for from function get if import in instanceof let new null of return set "
                  "static "
                  "super switch this throw true try typeof undefined var void while with yield"),
            slashes,
            open,
            end,
            QStringLiteral("\"'`"),
            QStringLiteral("`")};
        Language typescript = map[QStringLiteral("javascript")];
        typescript.title = QStringLiteral("TypeScript");
        typescript.keywords |= words(
            "abstract any as boolean declare enum implements interface keyof namespace never number private "
            "protected "
            "public readonly string type unknown");
        map[QStringLiteral("typescript")] = typescript;
        map[QStringLiteral("rust")] = {
            QStringLiteral("Rust"),
            words("as async await box break const continue crate dyn else enum extern false fn for if impl "
                  "in let "
                  "loop match mod move mut pub ref return self Self static struct super trait true type "
                  "unsafe use "
                  "where while bool char f32 f64 i8 i16 i32 i64 isize str u8 u16 u32 u64 usize"),
            slashes,
            open,
            end,
            QStringLiteral("\""),
            QStringLiteral("\"")};
        map[QStringLiteral("go")] = {QStringLiteral("Go"),
                                     words("any bool break byte case chan const continue default defer else "
                                           "error fallthrough false float32 "
                                           "float64 for func go goto if import int int32 int64 interface map "
                                           "nil package range return rune "
                                           "select string struct switch true type uint uint8 var"),
                                     slashes,
                                     open,
                                     end,
                                     QStringLiteral("\"'`"),
                                     QStringLiteral("`")};
        map[QStringLiteral("java")] = {
            QStringLiteral("Java"),
            words("abstract assert boolean break byte case catch char class const continue default do double "
                  "else "
                  "enum extends false final finally float for if implements import instanceof int interface "
                  "long "
                  "native new null package private protected public record return short static super switch "
                  "synchronized this throw throws transient true try var void volatile while yield"),
            slashes,
            open,
            end,
            both,
            {}};
        map[QStringLiteral("bash")] = {QStringLiteral("Shell"),
                                       words("alias break case cd continue declare do done echo elif else "
                                             "esac eval exec exit export fi for "
                                             "function if in local read readonly return select set shift "
                                             "source sudo test then trap unset until "
                                             "while"),
                                       hash,
                                       {},
                                       {},
                                       both,
                                       both};
        map[QStringLiteral("json")] = {QStringLiteral("JSON"),
                                       words("true false null"),
                                       {},
                                       {},
                                       {},
                                       QStringLiteral("\""),
                                       {},
                                       false,
                                       false,
                                       true};
        map[QStringLiteral("yaml")] = {QStringLiteral("YAML"),
                                       words("true false null yes no on off"),
                                       hash,
                                       {},
                                       {},
                                       both,
                                       {},
                                       false,
                                       true,
                                       true};
        map[QStringLiteral("sql")] = {QStringLiteral("SQL"),
                                      words("add all alter and any as asc begin between bigint blob boolean "
                                            "by case check char column commit "
                                            "constraint create cross date default delete desc distinct drop "
                                            "else end exists false foreign from "
                                            "full group having if in index inner insert int integer into is "
                                            "join key left like limit not null "
                                            "numeric offset on or order outer primary real references "
                                            "replace right rollback select set table "
                                            "text then timestamp transaction true union unique update values "
                                            "varchar view when where with"),
                                      QStringLiteral("--"),
                                      open,
                                      end,
                                      both,
                                      QStringLiteral("'"),
                                      false,
                                      true};
        map[QStringLiteral("html")] = {QStringLiteral("HTML"),
                                       {},
                                       {},
                                       QStringLiteral("<!--"),
                                       QStringLiteral("-->"),
                                       both,
                                       both,
                                       false,
                                       false,
                                       false,
                                       true};
        map[QStringLiteral("css")] = {
            QStringLiteral("CSS"),
            words("@media @import @font-face @keyframes @supports !important from to"),
            {},
            open,
            end,
            both,
            {},
            false,
            false,
            true};
        Language qml = map[QStringLiteral("javascript")];
        qml.title = QStringLiteral("QML");
        qml.keywords |= words(
            "alias bool color double enum int list on pragma property readonly real required signal "
            "string url component");
        qml.namesBeforeColon = true;
        map[QStringLiteral("qml")] = qml;
        return map;
    }();
    return all;
}

const Language* find(const QString& name) {
    static const QHash<QString, QString> aliases = {{QStringLiteral("c++"), QStringLiteral("cpp")},
                                                    {QStringLiteral("cc"), QStringLiteral("cpp")},
                                                    {QStringLiteral("cxx"), QStringLiteral("cpp")},
                                                    {QStringLiteral("hpp"), QStringLiteral("cpp")},
                                                    {QStringLiteral("cuda"), QStringLiteral("cpp")},
                                                    {QStringLiteral("h"), QStringLiteral("c")},
                                                    {QStringLiteral("py"), QStringLiteral("python")},
                                                    {QStringLiteral("python3"), QStringLiteral("python")},
                                                    {QStringLiteral("js"), QStringLiteral("javascript")},
                                                    {QStringLiteral("jsx"), QStringLiteral("javascript")},
                                                    {QStringLiteral("ts"), QStringLiteral("typescript")},
                                                    {QStringLiteral("tsx"), QStringLiteral("typescript")},
                                                    {QStringLiteral("rs"), QStringLiteral("rust")},
                                                    {QStringLiteral("golang"), QStringLiteral("go")},
                                                    {QStringLiteral("sh"), QStringLiteral("bash")},
                                                    {QStringLiteral("shell"), QStringLiteral("bash")},
                                                    {QStringLiteral("zsh"), QStringLiteral("bash")},
                                                    {QStringLiteral("console"), QStringLiteral("bash")},
                                                    {QStringLiteral("yml"), QStringLiteral("yaml")},
                                                    {QStringLiteral("sqlite"), QStringLiteral("sql")},
                                                    {QStringLiteral("postgresql"), QStringLiteral("sql")},
                                                    {QStringLiteral("xml"), QStringLiteral("html")},
                                                    {QStringLiteral("svg"), QStringLiteral("html")},
                                                    {QStringLiteral("scss"), QStringLiteral("css")},
                                                    {QStringLiteral("jsonc"), QStringLiteral("json")}};
    const QString lower = name.toLower();
    const auto found = languages().constFind(aliases.value(lower, lower));
    return found == languages().constEnd() ? nullptr : &*found;
}

// States: 0 nothing, 1 a block comment, otherwise an open string: 2 + quote, 1000 + quote for a triple one.
constexpr CodeState kInComment = 1;
constexpr CodeState kStringBase = 2;
constexpr CodeState kTripleBase = 0x20000;

bool isWordStart(QChar c) {
    return c.isLetter() || c == u'_' || c == u'#' || c == u'@' || c == u'!';
}

bool isWordPart(QChar c) {
    return c.isLetterOrNumber() || c == u'_';
}

class LineReader {
  public:
    LineReader(const Language& language, const QString& line) : m_language(language), m_line(line) {}

    std::vector<CodeToken> read(CodeState& state);

  private:
    bool at(const QString& text) const {
        return !text.isEmpty() && QStringView(m_line).mid(m_at).startsWith(text);
    }
    void add(CodeToken::Kind kind, qsizetype begin, qsizetype end) {
        if (end > begin) m_tokens.push_back({kind, static_cast<int>(begin), static_cast<int>(end - begin)});
    }
    void comment(qsizetype begin, CodeState& state);
    void string(qsizetype begin, QChar quote, bool triple, CodeState& state);
    void word();
    void number();
    bool colonFollows(qsizetype position) const;

    const Language& m_language;
    const QString& m_line;
    qsizetype m_at = 0;
    std::vector<CodeToken> m_tokens;
};

void LineReader::comment(qsizetype begin, CodeState& state) {
    const qsizetype end = m_line.indexOf(m_language.blockEnd, m_at);
    state = end < 0 ? kInComment : 0;
    m_at = end < 0 ? m_line.size() : end + m_language.blockEnd.size();
    add(CodeToken::Comment, begin, m_at);
}

// Reads the rest of a string; m_at stands behind the opening quote.
void LineReader::string(qsizetype begin, QChar quote, bool triple, CodeState& state) {
    const QString close(triple ? 3 : 1, quote);
    state = 0;
    while (m_at < m_line.size()) {
        if (m_line[m_at] == u'\\' && m_at + 1 < m_line.size()) {
            m_at += 2;
        } else if (at(close)) {
            m_at += close.size();
            const bool key = m_language.namesBeforeColon && colonFollows(m_at);
            add(key ? CodeToken::Name : CodeToken::String, begin, m_at);
            return;
        } else {
            ++m_at;
        }
    }
    add(CodeToken::String, begin, m_at);
    if (triple)
        state = kTripleBase + quote.unicode();
    else if (m_language.longQuotes.contains(quote))
        state = kStringBase + quote.unicode();
}

bool LineReader::colonFollows(qsizetype position) const {
    while (position < m_line.size() && m_line[position].isSpace()) ++position;
    return position < m_line.size() && m_line[position] == u':';
}

void LineReader::word() {
    const qsizetype begin = m_at++;
    while (m_at < m_line.size() &&
           (isWordPart(m_line[m_at]) ||
            (m_language.namesBeforeColon && (m_line[m_at] == u'-' || m_line[m_at] == u'.'))))
        ++m_at;
    const QString text = m_line.mid(begin, m_at - begin);
    if (m_language.keywords.contains(m_language.ignoresCase ? text.toLower() : text))
        add(CodeToken::Keyword, begin, m_at);
    else if (m_language.namesBeforeColon ? colonFollows(m_at) : m_at < m_line.size() && m_line[m_at] == u'(')
        add(CodeToken::Name, begin, m_at);
    else if (m_language.markup && begin > 0 &&
             (m_line[begin - 1] == u'<' ||
              (begin > 1 && m_line[begin - 1] == u'/' && m_line[begin - 2] == u'<')))
        add(CodeToken::Keyword, begin, m_at);
    else if (m_language.markup && m_at < m_line.size() && m_line[m_at] == u'=')
        add(CodeToken::Name, begin, m_at);
}

void LineReader::number() {
    const qsizetype begin = m_at;
    while (m_at < m_line.size() && (isWordPart(m_line[m_at]) || m_line[m_at] == u'.')) ++m_at;
    add(CodeToken::Number, begin, m_at);
}

std::vector<CodeToken> LineReader::read(CodeState& state) {
    if (state == kInComment)
        comment(0, state);
    else if (state >= kTripleBase)
        string(0, QChar(static_cast<char16_t>(state - kTripleBase)), true, state);
    else if (state >= kStringBase)
        string(0, QChar(static_cast<char16_t>(state - kStringBase)), false, state);

    while (m_at < m_line.size()) {
        const QChar c = m_line[m_at];
        const bool hashInWord = c == u'#' && m_at > 0 && !m_line[m_at - 1].isSpace();  // "$#", "a#b"
        if (at(m_language.lineComment) && !(m_language.lineComment == u"#" && hashInWord)) {
            add(CodeToken::Comment, m_at, m_line.size());
            m_at = m_line.size();
        } else if (at(m_language.blockBegin)) {
            const qsizetype begin = m_at;
            m_at += m_language.blockBegin.size();
            comment(begin, state);
        } else if (m_language.quotes.contains(c)) {
            const qsizetype begin = m_at;
            const bool triple = m_language.tripleQuotes && at(QString(3, c));
            m_at += triple ? 3 : 1;
            string(begin, c, triple, state);
        } else if (c.isDigit()) {
            number();
        } else if (isWordStart(c)) {
            word();
        } else {
            ++m_at;
        }
    }
    return std::move(m_tokens);
}

}  // namespace

bool isKnownLanguage(const QString& language) {
    return find(language) != nullptr;
}

QString languageTitle(const QString& language) {
    const Language* known = find(language);
    return known ? known->title : language;
}

std::vector<CodeToken> tokenizeLine(const QString& language, const QString& line, CodeState& state) {
    const Language* known = find(language);
    if (!known) {
        state = 0;
        return {};
    }
    return LineReader(*known, line).read(state);
}

}  // namespace edgechat::ui
