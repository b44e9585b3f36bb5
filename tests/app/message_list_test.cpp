#include "app/chat/message_list.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/chat/message_tree.h"

using namespace edgechat::app;

namespace {

MessageRecord message(qint64 id, qint64 parent, MessageRole role, const QString& text) {
    MessageRecord record;
    record.id = id;
    record.parentId = parent;
    record.role = role;
    record.text = text;
    return record;
}

}  // namespace

class MessageListTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_tree = MessageTree({message(1, 0, MessageRole::user, QStringLiteral("question")),
                              message(2, 1, MessageRole::assistant, QStringLiteral("first")),
                              message(3, 1, MessageRole::assistant, QStringLiteral("second")),
                              message(4, 3, MessageRole::user, QStringLiteral("more"))});
    }

    void marksWhereAnotherModelTakesOver() {
        MessageList list;
        const auto answeredBy = [this](qint64 id, const char* model) {
            MessageRecord answer = *m_tree.find(id);
            answer.figures.model = QString::fromLatin1(model);
            m_tree.update(answer);
        };
        const auto marked = [&list](int row) {
            return list.data(list.index(row), MessageList::ModelChangedRole).toBool();
        };
        m_tree.add(message(5, 4, MessageRole::assistant, QStringLiteral("third")));
        list.show(m_tree, m_tree.pathTo(5));
        QVERIFY(!marked(3));  // nobody knows yet who answers
        answeredBy(3, "small");
        answeredBy(5, "large");
        list.update(m_tree, 5);
        QVERIFY(marked(3));
        list.update(m_tree, 3);
        QVERIFY(!marked(1));  // the first answer follows no other
        QVERIFY(!marked(2));
        answeredBy(5, "small");
        list.update(m_tree, 5);
        QVERIFY(!marked(3));
    }

    void showsThePathAndWhichVersionEachMessageIs() {
        MessageList list;
        QAbstractItemModelTester tester(&list, QAbstractItemModelTester::FailureReportingMode::QtTest);
        list.show(m_tree, m_tree.pathTo(4));
        QCOMPARE(list.count(), 3);
        QCOMPARE(list.data(list.index(1), MessageList::TextRole).toString(), QStringLiteral("second"));
        QCOMPARE(list.data(list.index(1), MessageList::VersionIndexRole).toInt(), 2);
        QCOMPARE(list.data(list.index(1), MessageList::VersionCountRole).toInt(), 2);
        QCOMPARE(list.data(list.index(0), MessageList::VersionCountRole).toInt(), 1);
        QCOMPARE(list.data(list.index(1), MessageList::RoleRole).toInt(), int(MessageList::Assistant));
    }

    void anotherVersionReplacesOnlyTheRowsBehindTheFork() {
        MessageList list;
        QAbstractItemModelTester tester(&list, QAbstractItemModelTester::FailureReportingMode::QtTest);
        list.show(m_tree, m_tree.pathTo(4));
        QSignalSpy removed(&list, &QAbstractItemModel::rowsRemoved);
        QSignalSpy inserted(&list, &QAbstractItemModel::rowsInserted);
        QSignalSpy reset(&list, &QAbstractItemModel::modelReset);
        list.show(m_tree, m_tree.pathTo(2));
        QCOMPARE(list.count(), 2);
        QCOMPARE(removed.size(), 1);
        QCOMPARE(removed[0][1].toInt(), 1);
        QCOMPARE(inserted.size(), 1);
        QCOMPARE(inserted[0][1].toInt(), 1);
        QCOMPARE(reset.size(), 0);
        QCOMPARE(list.data(list.index(1), MessageList::TextRole).toString(), QStringLiteral("first"));
    }

    void streamingChangesOnlyTheTextOfTheLastRow() {
        MessageList list;
        QAbstractItemModelTester tester(&list, QAbstractItemModelTester::FailureReportingMode::QtTest);
        list.show(m_tree, m_tree.pathTo(2));
        QSignalSpy changed(&list, &QAbstractItemModel::dataChanged);
        list.setText(2, QStringLiteral("first and more"));
        list.setText(2, QStringLiteral("first and more"));  // nothing new
        list.setText(1, QStringLiteral("not the last row"));
        QCOMPARE(changed.size(), 1);
        QCOMPARE(changed[0][0].toModelIndex().row(), 1);
        QCOMPARE(changed[0][2].value<QList<int>>(), QList<int>{MessageList::TextRole});
        QCOMPARE(list.data(list.index(1), MessageList::TextRole).toString(),
                 QStringLiteral("first and more"));
    }

    void onlyAnEarlyEndedLastAnswerCanGoOn() {
        MessageList list;
        for (const auto& [status, expected] :
             {std::pair(MessageStatus::complete, false), std::pair(MessageStatus::streaming, false),
              std::pair(MessageStatus::stopped, true), std::pair(MessageStatus::interrupted, true),
              std::pair(MessageStatus::length, true), std::pair(MessageStatus::failed, true),
              std::pair(MessageStatus::contextFull, false)}) {
            MessageRecord answer = *m_tree.find(3);
            answer.status = status;
            m_tree.update(answer);
            list.show(m_tree, m_tree.pathTo(3));
            list.update(m_tree, 3);
            QCOMPARE(list.data(list.index(1), MessageList::CanContinueRole).toBool(), expected);
            list.show(m_tree, m_tree.pathTo(4));
            QCOMPARE(list.data(list.index(1), MessageList::CanContinueRole).toBool(), false);
        }
    }

    void everyRoleOfTheWindowHasAName() {
        const MessageList list;
        for (const char* name : {"messageId", "role", "text", "status", "versionIndex", "versionCount",
                                 "modelName", "generatedTokens", "decodeRate", "prefillRate",
                                 "timeToFirstToken", "createdAt", "canContinue"}) {
            QVERIFY2(list.roleNames().values().contains(name), name);
        }
    }

  private:
    MessageTree m_tree;
};

QTEST_GUILESS_MAIN(MessageListTest)
#include "message_list_test.moc"
