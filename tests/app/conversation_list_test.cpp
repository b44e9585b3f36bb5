#include "app/chat/conversation_list.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::Result;

class ConversationListTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_history.emplace(m_home->path(QStringLiteral("history.sqlite")));
        m_history->open();
        m_list.emplace(*m_history);
        m_tester = std::make_unique<QAbstractItemModelTester>(
            &*m_list, QAbstractItemModelTester::FailureReportingMode::QtTest);
        for (const char* text : {"first", "second", "third"}) {
            m_ids << askAndWait<AddedMessage>(*m_history, [text](HistoryDatabase& database) {
                         return database.addMessage(userMessage(QString::fromLatin1(text)));
                     })->conversation.id;
        }
        m_list->reload();
        QTRY_COMPARE(m_list->count(), 3);
        QVERIFY(m_list->loaded());
    }

    void cleanup() {
        m_tester.reset();
        m_list.reset();
        m_history.reset();
        m_ids.clear();
    }

    void newestComesFirst() {
        QCOMPARE(m_list->idAt(0), m_ids[2]);
        QCOMPARE(m_list->idAt(2), m_ids[0]);
        QCOMPARE(m_list->idAt(3), 0);
    }

    void aConversationThatGoesOnMovesToTheTop() {
        QSignalSpy moved(&*m_list, &QAbstractItemModel::rowsMoved);
        m_list->touch({m_ids[0], QStringLiteral("first"), QDateTime::currentDateTime().addSecs(5)});
        QCOMPARE(moved.size(), 1);
        QCOMPARE(m_list->idAt(0), m_ids[0]);
        QCOMPARE(m_list->idAt(1), m_ids[2]);
        m_list->touch({77, QStringLiteral("new"), QDateTime::currentDateTime().addSecs(9)});
        QCOMPARE(m_list->count(), 4);
        QCOMPARE(m_list->idAt(0), 77);
    }

    void groupsFollowTheDate() {
        const QDate today(2024, 5, 10);
        m_list->setToday(today);
        const auto groupAfter = [&](int days) {
            m_list->touch(
                {m_ids[0], QStringLiteral("first"), QDateTime(today.addDays(-days), QTime(23, 59))});
            for (int row = 0; row < m_list->count(); ++row) {
                if (m_list->idAt(row) != m_ids[0]) continue;
                return m_list->data(m_list->index(row), ConversationList::GroupRole).toInt();
            }
            return -1;
        };
        QCOMPARE(groupAfter(0), int(ConversationList::Today));
        QCOMPARE(groupAfter(1), int(ConversationList::Yesterday));
        QCOMPARE(groupAfter(2), int(ConversationList::LastWeek));
        QCOMPARE(groupAfter(7), int(ConversationList::LastWeek));
        QCOMPARE(groupAfter(8), int(ConversationList::Older));
    }

    void searchShowsHitsAndAnEmptyQueryShowsAllAgain() {
        m_list->setQuery(QStringLiteral("seco"));
        QTRY_COMPARE(m_list->count(), 1);
        QCOMPARE(m_list->idAt(0), m_ids[1]);
        QVERIFY(
            m_list->data(m_list->index(0), ConversationList::SnippetRole).toString().contains(QChar(0x2068)));
        QVERIFY(m_list->data(m_list->index(0), ConversationList::MessageIdRole).toLongLong() != 0);
        m_list->setQuery(QStringLiteral("nothing like it"));
        QTRY_COMPARE(m_list->count(), 0);
        m_list->setQuery({});
        QCOMPARE(m_list->count(), 3);
    }

    void deleteCanBeUndone() {
        m_list->remove(m_ids[1]);
        QTRY_COMPARE(m_list->count(), 2);
        QVERIFY(m_list->canUndoDelete());
        QCOMPARE(m_list->deletedTitle(), QStringLiteral("second"));
        m_list->undoRemove();
        QTRY_COMPARE(m_list->count(), 3);
        QCOMPARE(m_list->idAt(1), m_ids[1]);
        QVERIFY(!m_list->canUndoDelete());
        m_list->reload();
        QTRY_COMPARE(m_list->count(), 3);
    }

    void renameIsKeptAndDoesNotReorder() {
        QSignalSpy renamed(&*m_list, &ConversationList::renamed);
        m_list->rename(m_ids[0], QStringLiteral("  a better\nname "));
        QTRY_COMPARE(renamed.size(), 1);
        QCOMPARE(m_list->idAt(2), m_ids[0]);
        QCOMPARE(m_list->data(m_list->index(2), ConversationList::TitleRole).toString(),
                 QStringLiteral("a better name"));
    }

    void onlyTheOldAndTheNewCurrentRowChange() {
        m_list->setCurrent(m_ids[2]);
        QSignalSpy changed(&*m_list, &QAbstractItemModel::dataChanged);
        m_list->setCurrent(m_ids[0]);
        QCOMPARE(changed.size(), 2);
        QVERIFY(m_list->data(m_list->index(2), ConversationList::CurrentRole).toBool());
        QVERIFY(!m_list->data(m_list->index(0), ConversationList::CurrentRole).toBool());
    }

  private:
    std::optional<Home> m_home;
    std::optional<History> m_history;
    std::optional<ConversationList> m_list;
    std::unique_ptr<QAbstractItemModelTester> m_tester;
    QList<qint64> m_ids;
};

QTEST_GUILESS_MAIN(ConversationListTest)
#include "conversation_list_test.moc"
