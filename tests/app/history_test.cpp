#include "app/storage/history.h"

#include <QDir>
#include <QSignalSpy>
#include <QTest>

#include <unistd.h>

#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::Result;

namespace {

Result<AddedMessage> add(History& history, const QString& text) {
    return askAndWait<AddedMessage>(
        history, [text](HistoryDatabase& database) { return database.addMessage(userMessage(text)); });
}

size_t countConversations(History& history) {
    return askAndWait<std::vector<ConversationSummary>>(
               history, [](HistoryDatabase& database) { return database.conversations(); })
        ->size();
}

}  // namespace

/// What happens when the file cannot be used: everything goes on in memory, and problem() says why.
class HistoryTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_file = m_home->path(QStringLiteral("history.sqlite"));
    }

    void isOnDiskAndSilentWhenAllIsWell() {
        {
            History history(m_file);
            history.open();
            QVERIFY(bool(add(history, QStringLiteral("hello"))));
            QVERIFY(history.problem().what.isEmpty());
        }
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT text FROM messages")).toString(),
                 QStringLiteral("hello"));
    }

    void aFileThatIsNoDatabaseIsReportedAndKept() {
        QFile file(m_file);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(QByteArray(8192, 'x'));
        file.close();
        History history(m_file);
        history.open();
        QVERIFY(bool(add(history, QStringLiteral("in memory"))));
        QVERIFY2(history.problem().what.contains(m_file), qPrintable(history.problem().what));
        QVERIFY2(history.problem().what.contains(QStringLiteral("damaged")),
                 qPrintable(history.problem().what));
        QVERIFY(!history.problem().fix.isEmpty());

        history.startFresh();
        QCOMPARE(countConversations(history), size_t(1));
        QVERIFY2(history.problem().what.isEmpty(), qPrintable(history.problem().what));
        history.finish();
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT text FROM messages")).toString(),
                 QStringLiteral("in memory"));
        const QStringList aside = QDir(m_home->path()).entryList({QStringLiteral("history.sqlite.broken-*")});
        QCOMPARE(aside.size(), 1);
        QCOMPARE(QFileInfo(m_home->path(aside[0])).size(), 8192);
    }

    void aLockedFileIsReportedReadAndTakenUpAgain() {
        {
            History before(m_file);
            before.open();
            QVERIFY(bool(add(before, QStringLiteral("from before"))));
        }
        QSqlDatabase other = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), QStringLiteral("other"));
        other.setDatabaseName(m_file);
        QVERIFY(other.open());
        QVERIFY(QSqlQuery(other).exec(QStringLiteral("BEGIN IMMEDIATE")));

        DatabaseOptions impatient;
        impatient.busyMilliseconds = 50;
        History history(m_file, impatient);
        history.open();
        QVERIFY(bool(add(history, QStringLiteral("in memory"))));
        QVERIFY2(history.problem().what.contains(QStringLiteral("locked")),
                 qPrintable(history.problem().what));
        QVERIFY(history.problem().what.contains(m_file));
        QCOMPARE(countConversations(history), size_t(2));  // reading a locked file is possible

        history.retry();
        QCOMPARE(countConversations(history), size_t(2));
        QVERIFY(!history.problem().what.isEmpty());

        QVERIFY(QSqlQuery(other).exec(QStringLiteral("ROLLBACK")));
        other.close();
        other = QSqlDatabase();
        QSqlDatabase::removeDatabase(QStringLiteral("other"));
        QSignalSpy reopened(&history, &History::reopened);
        history.retry();
        QTRY_COMPARE(reopened.size(), 1);
        QVERIFY(history.problem().what.isEmpty());
        QCOMPARE(countConversations(history), size_t(2));
        history.finish();
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM messages")).toInt(), 2);
    }

    void aFullDiskLosesNothing() {
        DatabaseOptions small;
        small.maxPages = 40;
        History history(m_file, small);
        history.open();
        QVERIFY(bool(add(history, QStringLiteral("fits"))));
        QVERIFY(history.problem().what.isEmpty());
        const QString large = QString(400000, u'y');
        const auto added = add(history, large);
        QVERIFY(bool(added));
        QVERIFY2(history.problem().what.contains(QStringLiteral("full")), qPrintable(history.problem().what));
        QVERIFY(history.problem().what.contains(m_file));
        QCOMPARE(countConversations(history), size_t(2));
        const auto record = askAndWait<ConversationRecord>(
            history,
            [id = added->conversation.id](HistoryDatabase& database) { return database.conversation(id); });
        QCOMPARE(record->messages[0].text, large);
    }

    void aFileThatCannotBeOpenedIsReported() {
        QVERIFY(QDir().mkpath(m_file));  // a folder stands where the file should be
        History history(m_file);
        history.open();
        QVERIFY(bool(add(history, QStringLiteral("in memory"))));
        QVERIFY2(history.problem().what.contains(m_file), qPrintable(history.problem().what));
        QCOMPARE(countConversations(history), size_t(1));
    }

    void aReadOnlyFileIsReportedAndRead() {
        {
            History before(m_file);
            before.open();
            QVERIFY(bool(add(before, QStringLiteral("from before"))));
        }
        QVERIFY(QFile::setPermissions(m_file, QFileDevice::ReadOwner));
        if (geteuid() == 0) QSKIP("the superuser may write every file");
        QVERIFY(QFile::setPermissions(m_home->path(), QFileDevice::ReadOwner | QFileDevice::ExeOwner));
        {
            History history(m_file);
            history.open();
            QVERIFY(bool(add(history, QStringLiteral("in memory"))));
            QVERIFY(!history.problem().what.isEmpty());
            QCOMPARE(countConversations(history), size_t(2));
        }
        QVERIFY(QFile::setPermissions(
            m_home->path(), QFileDevice::ReadOwner | QFileDevice::WriteOwner | QFileDevice::ExeOwner));
    }

    void damageInTheMiddleIsFoundAndTheRestIsSaved() {
        {
            History before(m_file);
            before.open();
            for (int i = 0; i < 200; ++i) {
                QVERIFY(bool(add(before, QStringLiteral("message %1 ").arg(i) + QString(500, u'z'))));
            }
        }
        {
            QFile file(m_file);
            QVERIFY(file.open(QIODevice::ReadWrite));
            file.seek(file.size() / 2 / 4096 * 4096);
            file.write(QByteArray(4096, '\x5a'));
        }
        History history(m_file);
        history.open();
        history.checkLater();
        const size_t rescued = countConversations(history);
        QVERIFY2(!history.problem().what.isEmpty(), "the damage was not found");
        QVERIFY2(rescued > 100, qPrintable(QString::number(rescued)));
        QVERIFY(bool(add(history, QStringLiteral("goes on"))));
    }

    void anAnswerToSomebodyWhoHasGoneIsDropped() {
        History history(m_file);
        history.open();
        bool called = false;
        auto receiver = std::make_unique<QObject>();
        history.ask<QString>(
            receiver.get(), [](HistoryDatabase& database) { return database.draft(0); },
            [&](Result<QString>) { called = true; });
        receiver.reset();
        QVERIFY(bool(add(history, QStringLiteral("after"))));
        QVERIFY(!called);
    }

  private:
    std::optional<Home> m_home;
    QString m_file;
};

QTEST_GUILESS_MAIN(HistoryTest)
#include "history_test.moc"
