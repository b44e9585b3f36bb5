#include <QtTest>

#include "ui/Chat/code_tokens.h"

using namespace edgechat::ui;

class CodeTokensTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void coloursOneLine_data();
    void coloursOneLine();
    void carriesACommentOverLines();
    void carriesATripleQuotedStringOverLines();
    void knowsAliasesAndTitles();
    void tokensStayInsideTheirLine();
};

// Written as "K:if S:"x"": the kinds and the text they cover.
static QString describe(const QString& language, const QString& line) {
    CodeState state = 0;
    QStringList parts;
    for (const CodeToken& token : tokenizeLine(language, line, state))
        parts += QStringLiteral("%1:%2").arg(QStringLiteral("KSCNn")[token.kind],
                                             line.mid(token.begin, token.length));
    return parts.join(u' ');
}

void CodeTokensTest::coloursOneLine_data() {
    QTest::addColumn<QString>("language");
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* language, const char* line, const char* expected) {
        QTest::addRow("%s: %s", language, line)
            << QString::fromLatin1(language) << QString::fromLatin1(line) << QString::fromLatin1(expected);
    };
    row("cpp", "return \"a // b\"; // c", "K:return S:\"a // b\" C:// c");
    row("cpp", "int x = 0x1F + f(2.5);", "K:int N:0x1F n:f N:2.5");
    row("cpp", "char c = '\\'';", "K:char S:'\\''");
    row("cpp", "a /* b */ if", "C:/* b */ K:if");
    row("python", "def f(x): # y", "K:def n:f C:# y");
    row("python", "s = 'it''s'", "S:'it' S:'s'");
    row("js", "const a = `b`;", "K:const S:`b`");
    row("rust", "let mut x = 1;", "K:let K:mut N:1");
    row("go", "func main() {", "K:func n:main");
    row("java", "public class A", "K:public K:class");
    row("bash", "echo \"$1\" # note", "K:echo S:\"$1\" C:# note");
    row("bash", "x=$#", "");
    row("json", "{\"a\": \"b\", \"c\": true}", "n:\"a\" S:\"b\" n:\"c\" K:true");
    row("yaml", "name: 'x' # y", "n:name S:'x' C:# y");
    row("sql", "SELECT a FROM t -- x", "K:SELECT K:FROM C:-- x");
    row("html", "<p class=\"x\">if</p>", "K:p n:class S:\"x\" K:p");
    row("css", "color: red; /* x */", "n:color C:/* x */");
    row("qml", "width: parent.width", "n:width");
    row("nothing", "if (x) return 1;", "");
}

void CodeTokensTest::coloursOneLine() {
    QFETCH(QString, language);
    QFETCH(QString, line);
    QFETCH(QString, expected);
    QCOMPARE(describe(language, line), expected);
}

void CodeTokensTest::carriesACommentOverLines() {
    CodeState state = 0;
    const QString cpp = QStringLiteral("cpp");
    tokenizeLine(cpp, QStringLiteral("a /* b"), state);
    QVERIFY(state != 0);
    const auto inside = tokenizeLine(cpp, QStringLiteral("if c"), state);
    QCOMPARE(inside.size(), size_t(1));
    QCOMPARE(inside[0], (CodeToken{CodeToken::Comment, 0, 4}));
    const auto last = tokenizeLine(cpp, QStringLiteral("d */ if"), state);
    QCOMPARE(state, 0);
    QCOMPARE(last.size(), size_t(2));
    QCOMPARE(last[1].kind, CodeToken::Keyword);
}

void CodeTokensTest::carriesATripleQuotedStringOverLines() {
    CodeState state = 0;
    const QString python = QStringLiteral("python");
    tokenizeLine(python, QStringLiteral("x = \"\"\"one"), state);
    QVERIFY(state != 0);
    tokenizeLine(python, QStringLiteral("two \" three"), state);
    QVERIFY(state != 0);
    const auto last = tokenizeLine(python, QStringLiteral("four\"\"\" if"), state);
    QCOMPARE(state, 0);
    QCOMPARE(last.back().kind, CodeToken::Keyword);
}

void CodeTokensTest::knowsAliasesAndTitles() {
    QCOMPARE(languageTitle(QStringLiteral("CPP")), QStringLiteral("C++"));
    QCOMPARE(languageTitle(QStringLiteral("py")), QStringLiteral("Python"));
    QCOMPARE(languageTitle(QStringLiteral("brainfog")), QStringLiteral("brainfog"));
    QVERIFY(!isKnownLanguage(QStringLiteral("brainfog")));
}

void CodeTokensTest::tokensStayInsideTheirLine() {
    const QString line = QStringLiteral("\\\"'`#/*<!--\"\"\"'''a1_0x\\");
    for (const char* language : {"c", "cpp", "python", "js", "ts", "rust", "go", "java", "bash", "json",
                                 "yaml", "sql", "html", "css", "qml"}) {
        for (int begin = 0; begin < line.size(); ++begin) {
            for (int length = 0; begin + length <= line.size(); ++length) {
                CodeState state = 0;
                const QString part = line.mid(begin, length);
                int end = 0;
                for (const CodeToken& token : tokenizeLine(QString::fromLatin1(language), part, state)) {
                    QVERIFY(token.begin >= end && token.length > 0);
                    end = token.begin + token.length;
                }
                QVERIFY(end <= part.size());
            }
        }
    }
}

QTEST_GUILESS_MAIN(CodeTokensTest)
#include "tst_code_tokens.moc"
