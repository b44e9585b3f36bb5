#include <QAbstractItemModelTester>
#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QSignalSpy>
#include <QtTest>

#include "ui/Chat/message_blocks.h"

using namespace edgechat::ui;

namespace {

const QString kDocument = QStringLiteral(
    "# Title\n\nA paragraph with **bold**, *italic*, ~~gone~~ and `code`.\nIts second line.\n\n"
    "- one\n- two\n  - inner\n\n    more of inner\n- [x] done\n\n"
    "3. three\n4. four\n\n"
    "```cpp\nint main() {\n\n    return 0;\n}\n```\n"
    "Text right after.\n\n"
    "> quoted\n> > twice\n\n"
    "| a | b |\n|:--|--:|\n| 1 | `x` |\n| 3 | 4 |\n\n"
    "---\n\nSee [here](https://example.org) or <b>not html</b>.\n\n~~~\nopen fence\n");

std::vector<MarkdownBlock> whole(const QString& source) {
    MessageBlocks blocks;
    blocks.setSource(source);
    return blocks.blocks();
}

/// Streams `source` in pieces of the given size and checks on the way that closed rows stay as they are.
std::vector<MarkdownBlock> streamed(const QString& source, qsizetype step, QString* problem) {
    MessageBlocks blocks;
    blocks.setStreaming(true);
    std::vector<MarkdownBlock> before;
    QObject::connect(
        &blocks, &QAbstractItemModel::dataChanged, &blocks,
        [&](const QModelIndex& from, const QModelIndex& to) {
            for (int row = from.row(); row <= to.row(); ++row) {
                if (static_cast<size_t>(row) < before.size() && before[static_cast<size_t>(row)].closed)
                    *problem = QStringLiteral("closed row %1 was changed").arg(row);
            }
        });
    QObject::connect(
        &blocks, &QAbstractItemModel::rowsAboutToBeRemoved, &blocks,
        [&](const QModelIndex&, int from, int to) {
            for (int row = from; row <= to; ++row) {
                if (static_cast<size_t>(row) < before.size() && before[static_cast<size_t>(row)].closed)
                    *problem = QStringLiteral("closed row %1 was removed").arg(row);
            }
        });
    for (qsizetype end = step; end < source.size() + step; end += step) {
        before = blocks.blocks();
        blocks.setSource(source.left(end));
    }
    before.clear();  // the whole is read once more, link definitions may change any row
    blocks.setStreaming(false);
    return blocks.blocks();
}

QString describe(const std::vector<MarkdownBlock>& blocks) {
    QString text;
    for (const MarkdownBlock& block : blocks)
        text += QStringLiteral("%1 %2|%3|%4|%5\n")
                    .arg(block.kind)
                    .arg(block.indent)
                    .arg(block.marker, block.text, block.cells.join(u'/'));
    return text;
}

}  // namespace

class MessageBlocksTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void givesEachBlockItsKind();
    void keepsTheModelContract();
    void streamedByCharacterEqualsAtOnce();
    void closesAParagraphAtABlankLine();
    void closesAListWhenTextFollowsIt();
    void keepsAFenceOpenUntilItsEnd();
    void escapesRawHtml();
    void linksOnlySafeSchemes_data();
    void linksOnlySafeSchemes();
    void showsImagesAsLinks();
    void findsDefinitionsBelowTheirUse();
    void splitsAVeryLongParagraph();
    void doesNotSplitSurrogatePairs();
    void showsATableRowOnlyWhenItIsWhole();
    void numbersGoOnAfterACutInALongList();
    void readsCarriageReturns();
    void continuesAnAnswerWithoutTouchingItsStart();
    void survivesHostileInput_data();
    void survivesHostileInput();
    void streamsRandomTextLikeAtOnce();
};

void MessageBlocksTest::givesEachBlockItsKind() {
    const auto blocks =
        whole(QStringLiteral("## Two\n\ntext **b** *i* ~~s~~ `c<d`\n\n1. first\n2. second\n   * inner\n\n- [ "
                             "] open\n- [x] done\n\n```py\nx = 1\n```\n\n"
                             "> quote\n\n| l | r |\n|:--|--:|\n| 1 | 2 |\n\n---\n"));
    QCOMPARE(blocks.size(), size_t(11));
    QCOMPARE(blocks[10].kind, MarkdownBlock::Rule);
    QCOMPARE(blocks[0].kind, MarkdownBlock::Heading);
    QCOMPARE(blocks[0].level, 2);
    QCOMPARE(blocks[0].text, QStringLiteral("Two"));
    QCOMPARE(blocks[1].text, QStringLiteral("text <b>b</b> <i>i</i> <s>s</s> <code>c&lt;d</code>"));
    QCOMPARE(blocks[2].marker, QStringLiteral("1."));
    QCOMPARE(blocks[3].marker, QStringLiteral("2."));
    QCOMPARE(blocks[3].indent, 1);
    QCOMPARE(blocks[4].marker, QStringLiteral("\u25E6"));
    QCOMPARE(blocks[4].indent, 2);
    QCOMPARE(blocks[5].check, 0);
    QCOMPARE(blocks[6].check, 1);
    QCOMPARE(blocks[7].kind, MarkdownBlock::Code);
    QCOMPARE(blocks[7].language, QStringLiteral("py"));
    QCOMPARE(blocks[7].text, QStringLiteral("x = 1"));
    QCOMPARE(blocks[8].quoteDepth, 1);
    QCOMPARE(blocks[9].kind, MarkdownBlock::Table);
    QCOMPARE(blocks[9].columns, 2);
    QCOMPARE(blocks[9].cells, (QStringList{QStringLiteral("l"), QStringLiteral("r"), QStringLiteral("1"),
                                           QStringLiteral("2")}));
    QCOMPARE(blocks[9].alignments, (QList<int>{Qt::AlignLeft, Qt::AlignRight}));
}

void MessageBlocksTest::keepsTheModelContract() {
    MessageBlocks blocks;
    QAbstractItemModelTester tester(&blocks, QAbstractItemModelTester::FailureReportingMode::QtTest);
    blocks.setStreaming(true);
    for (int end = 1; end <= kDocument.size(); ++end) blocks.setSource(kDocument.left(end));
    blocks.setStreaming(false);
    blocks.setSource(QStringLiteral("short"));
    blocks.setSource(QString());
    QCOMPARE(blocks.count(), 0);
}

void MessageBlocksTest::streamedByCharacterEqualsAtOnce() {
    QString problem;
    const auto parts = streamed(kDocument, 1, &problem);
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    QCOMPARE(describe(parts), describe(whole(kDocument)));
    QVERIFY(parts == whole(kDocument));
}

void MessageBlocksTest::closesAParagraphAtABlankLine() {
    MessageBlocks blocks;
    blocks.setStreaming(true);
    blocks.setSource(QStringLiteral("first"));
    QVERIFY(!blocks.blocks()[0].closed);
    blocks.setSource(QStringLiteral("first\n\nsec"));
    QVERIFY(blocks.blocks()[0].closed);
    QVERIFY(!blocks.blocks()[1].closed);

    QSignalSpy changed(&blocks, &QAbstractItemModel::dataChanged);
    blocks.setSource(QStringLiteral("first\n\nsecond **wor"));
    QCOMPARE(changed.size(), 1);
    QCOMPARE(changed[0][0].toModelIndex().row(), 1);
    blocks.setStreaming(false);
    QVERIFY(blocks.blocks()[1].closed);
}

void MessageBlocksTest::closesAListWhenTextFollowsIt() {
    MessageBlocks blocks;
    blocks.setStreaming(true);
    blocks.setSource(QStringLiteral("- one\n- two\n\n"));
    QVERIFY(!blocks.blocks()[1].closed);  // another item could follow
    blocks.setSource(QStringLiteral("- one\n- two\n\nText of a new paragraph\n"));
    QVERIFY(blocks.blocks()[0].closed && blocks.blocks()[1].closed);
    QVERIFY(!blocks.blocks()[2].closed);
}

void MessageBlocksTest::keepsAFenceOpenUntilItsEnd() {
    MessageBlocks blocks;
    blocks.setStreaming(true);
    blocks.setSource(QStringLiteral("```js\nlet a;\n\nlet b;"));
    QCOMPARE(blocks.count(), 1);
    QCOMPARE(blocks.blocks()[0].text, QStringLiteral("let a;\n\nlet b;"));
    QVERIFY(!blocks.blocks()[0].closed);
    blocks.setSource(QStringLiteral("```js\nlet a;\n\nlet b;\n``"));
    QCOMPARE(blocks.blocks()[0].text, QStringLiteral("let a;\n\nlet b;"));  // no flash of the closing line
    blocks.setSource(QStringLiteral("```js\nlet a;\n\nlet b;\n```\n"));
    QVERIFY(blocks.blocks()[0].closed);
    QCOMPARE(blocks.blocks()[0].text, QStringLiteral("let a;\n\nlet b;"));
}

void MessageBlocksTest::escapesRawHtml() {
    const auto blocks = whole(
        QStringLiteral("<script>alert(1)</script> & <img "
                       "src=\"http://a.example/x.png\">\n\n<div>\nblock\n</div>\n\n# <i>h</i>\n\n- <b>x\n"));
    for (const MarkdownBlock& block : blocks) {
        QVERIFY2(!block.text.contains(u"<script"), qPrintable(block.text));
        QVERIFY2(!block.text.contains(u"<img"), qPrintable(block.text));
        QVERIFY2(!block.text.contains(u"<div"), qPrintable(block.text));
        QVERIFY2(!block.text.contains(u"<i>") && !block.text.contains(u"<b>"), qPrintable(block.text));
    }
    QVERIFY(blocks[0].text.contains(u"&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img"));
}

void MessageBlocksTest::linksOnlySafeSchemes_data() {
    QTest::addColumn<QString>("markdown");
    QTest::addColumn<bool>("linked");
    QTest::newRow("https") << QStringLiteral("[a](https://example.org/?x=1&y=2)") << true;
    QTest::newRow("http") << QStringLiteral("[a](http://example.org)") << true;
    QTest::newRow("mailto") << QStringLiteral("[a](mailto:ada@example.org)") << true;
    QTest::newRow("bare") << QStringLiteral("https://example.org") << true;
    QTest::newRow("javascript") << QStringLiteral("[a](javascript:alert(1))") << false;
    QTest::newRow("file") << QStringLiteral("[a](file:///etc/passwd)") << false;
    QTest::newRow("data") << QStringLiteral("[a](data:text/html,x)") << false;
    QTest::newRow("relative") << QStringLiteral("[a](page.html)") << false;
    QTest::newRow("odd case") << QStringLiteral("[a](JaVaScRiPt:alert(1))") << false;
    QTest::newRow("quote in address") << QStringLiteral("[a](<https://example.org/\"onclick=\"x>)") << true;
}

void MessageBlocksTest::linksOnlySafeSchemes() {
    QFETCH(QString, markdown);
    QFETCH(bool, linked);
    const QString text = whole(markdown)[0].text;
    QCOMPARE(text.contains(u"<a href=\"http") || text.contains(u"<a href=\"mailto:"), linked);
    QVERIFY(linked || !text.contains(u"<a"));
    QVERIFY(!text.contains(u"\"onclick"));
}

void MessageBlocksTest::showsImagesAsLinks() {
    const QString text = whole(QStringLiteral("![a cat](https://example.org/cat.png)"))[0].text;
    QCOMPARE(text, QStringLiteral("<a href=\"https://example.org/cat.png\">a cat</a>"));
}

void MessageBlocksTest::findsDefinitionsBelowTheirUse() {
    const QString source = QStringLiteral("See [the page][p].\n\nMore.\n\n[p]: https://example.org\n");
    QString problem;
    const auto blocks = streamed(source, 1, &problem);
    QCOMPARE(blocks[0].text, QStringLiteral("See <a href=\"https://example.org\">the page</a>."));
    QCOMPARE(blocks.size(), size_t(2));
}

void MessageBlocksTest::splitsAVeryLongParagraph() {
    QString source;
    for (int i = 0; i < 400; ++i) source += QStringLiteral("This is sentence number %1. ").arg(i);
    const auto blocks = whole(source);
    QVERIFY(blocks.size() >= 4);
    QString text;
    for (const MarkdownBlock& block : blocks) {
        QVERIFY(block.text.size() < 2 * MarkdownSegmenter::kLongParagraph);
        text += block.text + u' ';
    }
    QCOMPARE(text.simplified(), source.simplified());
    QVERIFY(!blocks[0].continues);
    QVERIFY(blocks[1].continues);

    QString problem;
    QVERIFY(streamed(source, 7, &problem) == blocks);
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
}

void MessageBlocksTest::doesNotSplitSurrogatePairs() {
    QString source;
    for (int i = 0; i < 9000; ++i) source += QString::fromUcs4(U"\U0001F600", 1);
    source.prepend(u'a');
    for (const MarkdownBlock& block : whole(source))
        QVERIFY(!block.text.contains(QChar::ReplacementCharacter));
}

void MessageBlocksTest::showsATableRowOnlyWhenItIsWhole() {
    MessageBlocks blocks;
    blocks.setStreaming(true);
    const QString head = QStringLiteral("| a | b |\n|---|---|\n| 1 | 2 |\n");
    blocks.setSource(head);
    QCOMPARE(blocks.blocks()[0].cells.size(), 4);
    blocks.setSource(head + QStringLiteral("| 3 "));
    QCOMPARE(blocks.blocks()[0].cells.size(), 4);
    blocks.setSource(head + QStringLiteral("| 3 | 4 |\n"));
    QCOMPARE(blocks.blocks()[0].cells.size(), 6);
}

void MessageBlocksTest::numbersGoOnAfterACutInALongList() {
    QString source;
    for (int i = 1; i <= 200; ++i)
        source += QStringLiteral("%1. An entry of some length, number %1\n").arg(i);
    const auto blocks = whole(source);
    QCOMPARE(blocks.size(), size_t(200));
    for (size_t i = 0; i < blocks.size(); ++i) QCOMPARE(blocks[i].marker, QStringLiteral("%1.").arg(i + 1));
}

void MessageBlocksTest::readsCarriageReturns() {
    QVERIFY(whole(QStringLiteral("a\r\n\r\n- b\r\n- c\r\n")) == whole(QStringLiteral("a\n\n- b\n- c\n")));
}

void MessageBlocksTest::continuesAnAnswerWithoutTouchingItsStart() {
    MessageBlocks blocks;
    blocks.setSource(QStringLiteral("one\n\ntwo"));
    QSignalSpy changed(&blocks, &QAbstractItemModel::dataChanged);
    QSignalSpy removed(&blocks, &QAbstractItemModel::rowsRemoved);
    blocks.setStreaming(true);
    blocks.setSource(QStringLiteral("one\n\ntwo and more"));
    QCOMPARE(removed.size(), 0);
    for (const QList<QVariant>& change : changed) QCOMPARE(change[0].toModelIndex().row(), 1);
}

void MessageBlocksTest::survivesHostileInput_data() {
    QTest::addColumn<QString>("source");
    const auto repeat = [](const char* text, int bytes) {
        return QString::fromUtf8(text).repeated(bytes / static_cast<int>(qstrlen(text)));
    };
    constexpr int kBytes = 100'000;
    QTest::newRow("stars") << repeat("*", kBytes);
    QTest::newRow("stars and letters") << repeat("*a", kBytes);
    QTest::newRow("open brackets") << repeat("[", kBytes);
    QTest::newRow("links inside links") << repeat("[a](", kBytes);
    QTest::newRow("images") << repeat("![", kBytes);
    QTest::newRow("bars") << repeat("|", kBytes);
    QTest::newRow("wide table") << repeat("|a", 20'000) + u'\n' + repeat("|-", 20'000) + u'\n' +
                                       repeat("|b", 20'000);
    QTest::newRow("long table") << QStringLiteral("|a|b|\n|-|-|\n") + repeat("|1|2|\n", kBytes);
    QTest::newRow("quotes") << repeat(">", kBytes);
    QTest::newRow("quotes with spaces") << repeat("> ", kBytes);
    QTest::newRow("nested lists") << repeat("- ", kBytes);
    QTest::newRow("backticks") << repeat("`", kBytes);
    QTest::newRow("open code spans") << repeat("`a``b", kBytes);
    QTest::newRow("angle brackets") << repeat("<", kBytes);
    QTest::newRow("entities") << repeat("&amp;", kBytes);
    QTest::newRow("tildes") << repeat("~~a", kBytes);
    QTest::newRow("underscores") << repeat("_a_", kBytes);
    QTest::newRow("blank lines") << repeat("\n", kBytes);
    QTest::newRow("fences") << repeat("```\n", kBytes);
    QTest::newRow("nulls") << QString(kBytes, QChar(0));
    QTest::newRow("one long word") << QString(kBytes, u'a');
    QTest::newRow("lone surrogates") << QString(kBytes, QChar(0xD800));
    QTest::newRow("definitions") << repeat("[a]: https://a.example\n", kBytes);
    QTest::newRow("uses of definitions") << repeat("[a]: https://a.example\n[a] ", kBytes);
}

// Time is not asserted: what would be quadratic here does not end within the test's own limit.
void MessageBlocksTest::survivesHostileInput() {
    QFETCH(QString, source);
    whole(source);
    QString problem;
    streamed(source, 2500, &problem);
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
}

void MessageBlocksTest::streamsRandomTextLikeAtOnce() {
    const QStringList pieces = {
        QStringLiteral("word "),
        QStringLiteral("\n"),
        QStringLiteral("\n\n"),
        QStringLiteral("- item\n"),
        QStringLiteral("1. x\n"),
        QStringLiteral("```\n"),
        QStringLiteral("```c\n"),
        QStringLiteral("> q\n"),
        QStringLiteral("| a | b |\n"),
        QStringLiteral("|--|--|\n"),
        QStringLiteral("**"),
        QStringLiteral("*"),
        QStringLiteral("`"),
        QStringLiteral("  "),
        QStringLiteral("    "),
        QStringLiteral("# h\n"),
        QStringLiteral("---\n"),
        QStringLiteral("[x](https://e.example)"),
        QStringLiteral("<b>"),
        QStringLiteral("~~~\n"),
        QStringLiteral("\\"),
        QStringLiteral("[r]: https://e.example\n"),
        QStringLiteral("[r]"),
        QStringLiteral("\t"),
        QStringLiteral("A long sentence that fills the paragraph until it has to be cut somewhere. ")
            .repeated(30)};
    QRandomGenerator random(20240611);
    for (int round = 0; round < 400; ++round) {
        QString source;
        const int count = 1 + random.bounded(40);
        for (int i = 0; i < count; ++i)
            source += pieces[random.bounded(static_cast<int>(pieces.size()) - (random.bounded(8) ? 1 : 0))];
        QString problem;
        const auto parts = streamed(source, source.size() > 3000 ? 13 : 1, &problem);
        QVERIFY2(problem.isEmpty(), qPrintable(problem + u'\n' + source));
        if (parts != whole(source)) QCOMPARE(describe(parts) + source, describe(whole(source)) + source);
    }
}

QTEST_GUILESS_MAIN(MessageBlocksTest)
#include "tst_message_blocks.moc"
