#include "app/storage/history_database.h"

#include <QTest>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::Result;

namespace {

std::unique_ptr<HistoryDatabase> openHistory(const QString& file, const DatabaseOptions& options = {}) {
    auto history = HistoryDatabase::open(file, options);
    if (!history) qFatal("%s", history.error().message().c_str());
    return std::move(*history);
}

NewMessage answerTo(const AddedMessage& question) {
    NewMessage answer;
    answer.conversationId = question.conversation.id;
    answer.parentId = question.message.id;
    answer.role = MessageRole::assistant;
    answer.status = MessageStatus::streaming;
    return answer;
}

}  // namespace

class HistoryDatabaseTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_file = m_home->path(QStringLiteral("history.sqlite"));
    }

    void keepsTheMessageTreeAndTheFigures() {
        qint64 conversationId = 0;
        MessageRecord saved;
        {
            auto history = openHistory(m_file);
            const auto question = history->addMessage(userMessage(QStringLiteral("Wie geht's?")));
            QVERIFY(bool(question));
            conversationId = question->conversation.id;
            const auto answer = history->addMessage(answerTo(*question));
            QVERIFY(bool(answer));
            saved = answer->message;
            saved.text = QStringLiteral("Gut \U0001F642");
            saved.status = MessageStatus::complete;
            saved.figures = {
                QStringLiteral("Tiny"), QStringLiteral("CPU"), 10, 4, 7, 17, 256, 123.5, 45.25, 0.75};
            QVERIFY(bool(history->saveAnswer(saved)));
        }
        auto history = openHistory(m_file);
        const auto record = history->conversation(conversationId);
        QVERIFY(bool(record));
        QCOMPARE(record->messages.size(), size_t(2));
        QCOMPARE(record->activeLeaf, saved.id);
        QVERIFY(record->messages[1] == saved);
        QCOMPARE(record->messages[1].parentId, record->messages[0].id);
        QCOMPARE(record->summary.title, QStringLiteral("Wie geht's?"));
    }

    void tellsHowFastEachModelReadsItsPrompt() {
        auto history = openHistory(m_file);
        const auto question = history->addMessage(userMessage(QStringLiteral("hello")));
        const auto answered = [&](const char* model, int prompt, int cached, double rate) {
            MessageRecord answer = history->addMessage(answerTo(*question))->message;
            answer.status = MessageStatus::complete;
            answer.figures.model = QString::fromLatin1(model);
            answer.figures.promptTokens = prompt;
            answer.figures.cachedTokens = cached;
            answer.figures.prefillRate = rate;
            QVERIFY(bool(history->saveAnswer(answer)));
        };
        answered("small", 500, 0, 300);
        answered("large", 500, 0, 20);
        answered("small", 400, 100, 350);  // the newest one counts
        answered("small", 400, 390, 12);   // ten tokens say little
        answered("tiny", 31, 0, 900);
        const auto rates = history->prefillRates();
        QVERIFY(bool(rates));
        QCOMPARE(*rates, (std::map<QString, double>{{QStringLiteral("large"), 20.0},
                                                    {QStringLiteral("small"), 350.0}}));
    }

    void usesTheWriteAheadLog() {
        auto history = openHistory(m_file);
        QCOMPARE(readSql(m_file, QStringLiteral("PRAGMA journal_mode")).toString(), QStringLiteral("wal"));
    }

    void isPrivateToItsUser() {
        auto history = openHistory(m_file);
        const auto others = QFileDevice::ReadGroup | QFileDevice::WriteGroup | QFileDevice::ReadOther |
                            QFileDevice::WriteOther;
        QVERIFY(!(QFile::permissions(m_file) & others));
    }

    void whatWasConfirmedSurvivesAKill() {
        // The child tells the number of its message only after addMessage() has returned, and is then killed.
        int pipes[2];
        QCOMPARE(pipe(pipes), 0);
        const pid_t child = fork();
        QVERIFY(child >= 0);
        if (child == 0) {
            auto history = openHistory(m_file);
            const auto question = history->addMessage(userMessage(QStringLiteral("before the power went")));
            const auto answer = history->addMessage(answerTo(*question));
            MessageRecord partial = answer->message;
            partial.text = QStringLiteral("half an ans");
            (void)bool(history->saveAnswer(partial));
            const qint64 id = question->conversation.id;
            (void)!write(pipes[1], &id, sizeof id);
            for (;;) pause();
        }
        qint64 id = 0;
        QCOMPARE(read(pipes[0], &id, sizeof id), ssize_t(sizeof id));
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        close(pipes[0]);
        close(pipes[1]);

        auto history = openHistory(m_file);
        const auto record = history->conversation(id);
        QVERIFY(bool(record));
        QCOMPARE(record->messages.size(), size_t(2));
        QCOMPARE(record->messages[0].text, QStringLiteral("before the power went"));
        QCOMPARE(record->messages[1].text, QStringLiteral("half an ans"));
        QCOMPARE(record->messages[1].status, MessageStatus::interrupted);
        QCOMPARE(history->interruptedConversation(), id);
        history.reset();
        QCOMPARE(openHistory(m_file)->interruptedConversation(), 0);  // it is told once
    }

    void migratesInOneStepAndKeepsABackup() {
        DatabaseOptions newer;
        newer.migrations.push_back({{QStringLiteral("ALTER TABLE conversations ADD COLUMN colour TEXT")}});
        { QVERIFY(bool(openHistory(m_file)->addMessage(userMessage(QStringLiteral("old"))))); }
        { openHistory(m_file, newer); }
        QCOMPARE(readSql(m_file, QStringLiteral("PRAGMA user_version")).toInt(), 2);
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT text FROM messages")).toString(),
                 QStringLiteral("old"));
        const QString backup = m_file + QStringLiteral(".v1.bak");
        QCOMPARE(readSql(backup, QStringLiteral("PRAGMA user_version")).toInt(), 1);
        QCOMPARE(readSql(backup, QStringLiteral("SELECT text FROM messages")).toString(),
                 QStringLiteral("old"));
    }

    void aMigrationThatFailsChangesNothing() {
        { QVERIFY(bool(openHistory(m_file)->addMessage(userMessage(QStringLiteral("old"))))); }
        DatabaseOptions broken;
        broken.migrations.push_back({{QStringLiteral("ALTER TABLE conversations ADD COLUMN colour TEXT"),
                                      QStringLiteral("DROP TABLE nothing_of_this_name")}});
        const auto opened = HistoryDatabase::open(m_file, broken);
        QVERIFY(!opened);
        QCOMPARE(readSql(m_file, QStringLiteral("PRAGMA user_version")).toInt(), 1);
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM pragma_table_info('conversations')"
                                                " WHERE name = 'colour'"))
                     .toInt(),
                 0);
    }

    void refusesAFileOfANewerProgram() {
        { openHistory(m_file); }
        QVERIFY(runSql(m_file, {QStringLiteral("PRAGMA user_version = 99")}));
        const auto opened = HistoryDatabase::open(m_file);
        QVERIFY(!opened);
        QCOMPARE(opened.error().field, std::string("user_version"));
        QVERIFY(opened.error().message().find(m_file.toStdString()) != std::string::npos);
    }

    void searchFindsBeginningsOfWordsInTextAndTitle_data() {
        QTest::addColumn<bool>("fullText");
        QTest::newRow("FTS5") << true;
        QTest::newRow("LIKE") << false;
    }

    void searchFindsBeginningsOfWordsInTextAndTitle() {
        QFETCH(bool, fullText);
        DatabaseOptions options;
        options.fullText = fullText;
        auto history = openHistory(m_file, options);
        QCOMPARE(history->hasFullText(), fullText);
        NewMessage first = userMessage(QStringLiteral("The capital of France\nis Paris"));
        first.title = QStringLiteral("Geography");
        const auto france = history->addMessage(first);
        const auto cake = history->addMessage(userMessage(QStringLiteral("How do I bake a cake?")));
        QVERIFY(france && cake);

        auto hits = history->search(QStringLiteral("capi fran"));
        QVERIFY(bool(hits));
        QCOMPARE(hits->size(), size_t(1));
        QCOMPARE(hits->front().messageId, france->message.id);
        QVERIFY2(
            hits->front().snippet.contains(QChar(0x2068)) && hits->front().snippet.contains(QChar(0x2069)),
            qPrintable(hits->front().snippet));
        QVERIFY(!hits->front().snippet.contains(u'\n'));

        QVERIFY(bool(history->addMessage(userMessage(QStringLiteral(
            "## Boats\n1. **one two three** four five six seven eight `nine` ten eleven zebra")))));
        const auto zebra = history->search(QStringLiteral("zebra"));
        QCOMPARE(zebra->size(), size_t(1));
        const QString snippet = zebra->front().snippet;
        QVERIFY2(!snippet.contains(u'*') && !snippet.contains(u'`') && !snippet.contains(u'#'),
                 qPrintable(snippet));
        QVERIFY2(snippet.size() < 90 && snippet.contains(QStringLiteral("zebra")), qPrintable(snippet));

        hits = history->search(QStringLiteral("geogr"));
        QCOMPARE(hits->size(), size_t(1));
        QCOMPARE(hits->front().messageId, 0);  // the title alone
        QVERIFY(history->search(QStringLiteral("france cake"))->empty());
        QVERIFY(history->search(QStringLiteral("  "))->empty());
        for (const char* odd : {"\"", "100%", "_", "a* OR b", "NEAR(", "\\"}) {
            QVERIFY2(bool(history->search(QString::fromLatin1(odd))), odd);
        }

        // The index follows an answer that grows, and what is deleted is not found.
        const auto answer = history->addMessage(answerTo(*cake));
        MessageRecord record = answer->message;
        record.text = QStringLiteral("With flour");
        QVERIFY(bool(history->saveAnswer(record)));
        record.text = QStringLiteral("With sugar");
        QVERIFY(bool(history->saveAnswer(record)));
        QCOMPARE(history->search(QStringLiteral("sugar"))->size(), size_t(1));
        QVERIFY(history->search(QStringLiteral("flour"))->empty());
        QVERIFY(bool(history->setDeleted(cake->conversation.id, true)));
        QVERIFY(history->search(QStringLiteral("sugar"))->empty());
    }

    void theIndexIsBuiltAnewAfterAnSqliteWithoutFts5WroteTheFile() {
        { QVERIFY(bool(openHistory(m_file)->addMessage(userMessage(QStringLiteral("apples"))))); }
        DatabaseOptions without;
        without.fullText = false;
        { QVERIFY(bool(openHistory(m_file, without)->addMessage(userMessage(QStringLiteral("pears"))))); }
        auto history = openHistory(m_file);
        QVERIFY(history->hasFullText());
        QCOMPARE(history->search(QStringLiteral("apples"))->size(), size_t(1));
        QCOMPARE(history->search(QStringLiteral("pears"))->size(), size_t(1));
    }

    void deletingIsAFlagUntilThePurge() {
        auto history = openHistory(m_file);
        const auto kept = history->addMessage(userMessage(QStringLiteral("kept")));
        const auto gone = history->addMessage(userMessage(QStringLiteral("gone")));
        QVERIFY(bool(history->setDeleted(gone->conversation.id, true)));
        QCOMPARE(history->conversations()->size(), size_t(1));
        QVERIFY(bool(history->setDeleted(gone->conversation.id, false)));
        QCOMPARE(history->conversations()->size(), size_t(2));
        QVERIFY(bool(history->setDeleted(gone->conversation.id, true)));
        QVERIFY(bool(history->purge(QDateTime::currentDateTime().addDays(-30))));
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM conversations")).toInt(), 2);
        QVERIFY(bool(history->purge(QDateTime::currentDateTime().addSecs(60))));
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM conversations")).toInt(), 1);
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM messages")).toInt(), 1);
        QCOMPARE(history->conversations()->front().id, kept->conversation.id);
    }

    void draftsAreKeptUntilTheirMessageIsSent() {
        auto history = openHistory(m_file);
        QVERIFY(bool(history->setDraft(0, QStringLiteral("not yet sent"))));
        QCOMPARE(*history->draft(0), QStringLiteral("not yet sent"));
        NewMessage message = userMessage(QStringLiteral("sent"));
        message.clearDraft = true;
        const auto added = history->addMessage(message);
        QCOMPARE(*history->draft(0), QString());
        QVERIFY(bool(history->setDraft(added->conversation.id, QStringLiteral("next"))));
        QCOMPARE(history->conversation(added->conversation.id)->draft, QStringLiteral("next"));
    }

    void aRowThatMakesNoSenseHidesNoOther() {
        qint64 id = 0;
        {
            auto history = openHistory(m_file);
            const auto first = history->addMessage(userMessage(QStringLiteral("one")));
            id = first->conversation.id;
            QVERIFY(bool(history->addMessage(userMessage(QStringLiteral("two"), id, first->message.id))));
        }
        QVERIFY(runSql(m_file,
                       {QStringLiteral("UPDATE messages SET role = 'x', status = 4711, decode_rate = 'fast',"
                                       " text = x'ff00fe', parent_id = 12345 WHERE text = 'one'")}));
        const auto record = openHistory(m_file)->conversation(id);
        QVERIFY(bool(record));
        QCOMPARE(record->messages.size(), size_t(2));
        QCOMPARE(record->messages[1].text, QStringLiteral("two"));
        QCOMPARE(record->messages[0].role, MessageRole::user);
        QCOMPARE(record->messages[0].figures.decodeRate, 0.0);
    }

    void anAnswerThatNeverBeganCanBeTakenBack() {
        auto history = openHistory(m_file);
        const auto question = history->addMessage(userMessage(QStringLiteral("q")));
        const auto answer = history->addMessage(answerTo(*question));
        QVERIFY(bool(history->discardAnswer(answer->message.id)));
        const auto record = history->conversation(question->conversation.id);
        QCOMPARE(record->messages.size(), size_t(1));
        QCOMPARE(record->activeLeaf, question->message.id);
    }

    void numbersOfAHistoryInMemoryMeetNoneOfTheFile() {
        qint64 inFile = 0;
        { inFile = openHistory(m_file)->addMessage(userMessage(QStringLiteral("on disk")))->conversation.id; }
        auto memory = HistoryDatabase::openInMemory(m_file);
        QVERIFY(bool(memory));
        QCOMPARE((*memory)->conversations()->size(), size_t(1));
        const auto added = (*memory)->addMessage(userMessage(QStringLiteral("in memory")));
        QVERIFY(added->conversation.id > inFile + 1000000);
        QVERIFY(added->conversation.id < (qint64(1) << 53));  // exact in JavaScript
        QVERIFY(bool((*memory)->rename(inFile, QStringLiteral("renamed in memory"))));
        // Meanwhile another program wrote into the file.
        { QVERIFY(bool(openHistory(m_file)->addMessage(userMessage(QStringLiteral("meanwhile"))))); }
        QVERIFY(bool((*memory)->mergeInto(m_file)));
        auto history = openHistory(m_file);
        QCOMPARE(history->conversations()->size(), size_t(3));
        QCOMPARE(history->conversation(inFile)->summary.title, QStringLiteral("renamed in memory"));
        QCOMPARE(history->conversation(added->conversation.id)->messages.size(), size_t(1));
        QCOMPARE(history->search(QStringLiteral("memory"))->size(), size_t(2));
    }

  private:
    std::optional<Home> m_home;
    QString m_file;
};

QTEST_GUILESS_MAIN(HistoryDatabaseTest)
#include "history_database_test.moc"
