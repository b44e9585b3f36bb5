#include "app/chat/message_tree.h"

#include <QTest>

#include "app/chat/title.h"

using namespace edgechat::app;

namespace {

MessageRecord message(qint64 id, qint64 parent) {
    MessageRecord record;
    record.id = id;
    record.parentId = parent;
    return record;
}

using Ids = std::vector<qint64>;

}  // namespace

class MessageTreeTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    // 1 - 2 - 3 - 4
    //       \ 5 - 6
    //   7 - 8          (7 is another version of 1)
    void init() {
        m_tree = MessageTree({message(4, 3), message(2, 1), message(1, 0), message(3, 2), message(6, 5),
                              message(5, 2), message(8, 7), message(7, 0)});
    }

    void pathLeadsFromTheFirstMessageToTheLeaf() {
        QCOMPARE(m_tree.pathTo(4), (Ids{1, 2, 3, 4}));
        QCOMPARE(m_tree.pathTo(6), (Ids{1, 2, 5, 6}));
        QCOMPARE(m_tree.pathTo(99), Ids());
    }

    void versionsOfAMessageAreItsSiblings() {
        QCOMPARE(m_tree.siblings(5), (Ids{3, 5}));
        QCOMPARE(m_tree.siblings(1), (Ids{1, 7}));
        QCOMPARE(m_tree.siblings(4), (Ids{4}));
        QVERIFY(m_tree.siblings(99).empty());
    }

    void showingASiblingLeadsToTheEndOfItsNewestBranch() {
        QCOMPARE(m_tree.leafOfSibling(3, 1), 6);
        QCOMPARE(m_tree.leafOfSibling(5, -1), 4);
        QCOMPARE(m_tree.leafOfSibling(1, 1), 8);
        QCOMPARE(m_tree.leafOfSibling(7, -1), 6);  // under 2 the newest branch is the one with 5
        QCOMPARE(m_tree.leafOfSibling(5, 1), 0);
        QCOMPARE(m_tree.leafOfSibling(3, -1), 0);
        QCOMPARE(m_tree.newestLeaf(), 8);
    }

    void editMakesASiblingAndKeepsTheOtherBranch() {
        m_tree.add(message(9, 2));
        QCOMPARE(m_tree.siblings(3), (Ids{3, 5, 9}));
        QCOMPARE(m_tree.pathTo(4), (Ids{1, 2, 3, 4}));
        QCOMPARE(m_tree.pathTo(9), (Ids{1, 2, 9}));
    }

    void removeTakesOnlyALeaf() {
        m_tree.remove(5);
        QCOMPARE(m_tree.siblings(5), (Ids{3, 5}));
        m_tree.remove(6);
        m_tree.remove(5);
        QCOMPARE(m_tree.siblings(3), (Ids{3}));
        QVERIFY(m_tree.find(6) == nullptr);
    }

    void aMissingParentOrACircleHidesNothing() {
        const MessageTree tree({message(1, 0), message(2, 77), message(3, 4), message(4, 3)});
        QCOMPARE(tree.pathTo(2), (Ids{2}));
        QCOMPARE(tree.pathTo(3), (Ids{3}));
        QCOMPARE(tree.pathTo(4), (Ids{3, 4}));
        QCOMPARE(tree.siblings(1), (Ids{1, 2, 3}));
    }

    void titleIsTheFirstWordsOfTheFirstLine_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("title");
        QTest::newRow("short") << QStringLiteral("Hello there") << QStringLiteral("Hello there");
        QTest::newRow("empty lines first")
            << QStringLiteral("\n  \n What is\tthis? \nmore") << QStringLiteral("What is this?");
        QTest::newRow("cut between words")
            << QStringLiteral("one two three four five six") << QStringLiteral("one two three four\u2026");
        QTest::newRow("one long word") << QString(30, u'x') << QString(19, u'x') + QChar(0x2026);
        QTest::newRow("nothing") << QStringLiteral(" \n ") << QString();
    }

    void titleIsTheFirstWordsOfTheFirstLine() {
        QFETCH(QString, text);
        QFETCH(QString, title);
        QCOMPARE(titleFromText(text, 20), title);
    }

  private:
    MessageTree m_tree;
};

QTEST_GUILESS_MAIN(MessageTreeTest)
#include "message_tree_test.moc"
