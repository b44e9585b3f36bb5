// The chat session with the real engine on a tiny model with random weights.
#include "app/chat/chat_session.h"

#include <QSignalSpy>
#include <QTest>

#include "app/program.h"
#include "tests/app/fixture.h"
#include "tests/data/gguf_writer.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;
namespace gguf = edgechat::testing;

class ChatSessionTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_file = m_home->path(QStringLiteral("history.sqlite"));
        m_tiny = m_home->path(QStringLiteral("tiny.gguf"));
        gguf::TinyModelOptions options;
        options.context = 8192;
        options.hidden = 256;  // slow enough to be stopped
        options.ffn = 1024;
        options.layers = 6;
        QVERIFY(gguf::writeTinyModel(m_tiny.toStdString(), options));
        {
            Settings settings;
            settings.setTemperature(0);
            settings.setRepeatPenalty(1);
            settings.setMaxTokens(12);
            settings.setThreads(1);
        }
        start();
    }

    void cleanup() { m_program.reset(); }

    void theUsersMessageIsOnDiskBeforeTheEngineIsAsked() {
        bool found = false;
        QObject::connect(chat(), &ChatSession::stateChanged, this, [&] {
            if (chat()->state() != ChatSession::Prefilling || found) return;
            found =
                readSql(m_file, QStringLiteral("SELECT count(*) FROM messages WHERE role = 0")).toInt() == 1;
        });
        int generated = -1;
        QObject::connect(chat(), &ChatSession::sent, this, [&] {
            found =
                readSql(m_file, QStringLiteral("SELECT count(*) FROM messages WHERE role = 0")).toInt() == 1;
            generated = chat()->prefillDone();
        });
        send(QStringLiteral("hello"));
        QVERIFY(found);
        QCOMPARE(generated, 0);
    }

    void anAnswerIsStoredWithItsFigures() {
        QSignalSpy answered(chat(), &ChatSession::answered);
        QVERIFY(chat()->empty());
        send(QStringLiteral("hello"));
        QVERIFY(!chat()->empty());
        QCOMPARE(answered.size(), 1);
        QCOMPARE(chat()->state(), ChatSession::Idle);
        QCOMPARE(rows(), 2);
        QCOMPARE(role(1, MessageList::RoleRole).toInt(), int(MessageList::Assistant));
        const int status = role(1, MessageList::StatusRole).toInt();
        QVERIFY(status == MessageList::Length || status == MessageList::Complete);
        QCOMPARE(role(1, MessageList::ModelNameRole).toString(), QStringLiteral("tiny"));
        const int generated = role(1, MessageList::GeneratedTokensRole).toInt();
        QVERIFY(generated > 0 && generated <= 12);
        QVERIFY(chat()->contextUsed() > generated);
        QCOMPARE(chat()->contextSize(), 4096);
        QCOMPARE(chat()->title(), QStringLiteral("hello"));
        finishProgram();
        QCOMPARE(
            readSql(m_file, QStringLiteral("SELECT generated_tokens FROM messages WHERE role = 1")).toInt(),
            generated);
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT device FROM messages WHERE role = 1")).toString(),
                 QStringLiteral("CPU"));
        QVERIFY(readSql(m_file, QStringLiteral("SELECT time_to_first_token FROM messages WHERE role = 1"))
                    .toDouble() > 0);
    }

    void theSecondTurnFindsTheFirstInTheCache() {
        send(QStringLiteral("hello"));
        send(QStringLiteral("and more"));
        QCOMPARE(rows(), 4);
        finishProgram();
        const auto value = [this](const char* column, int answer) {
            return readSql(m_file, QStringLiteral(
                                       "SELECT %1 FROM messages WHERE role = 1 ORDER BY id LIMIT 1 OFFSET %2")
                                       .arg(QString::fromLatin1(column))
                                       .arg(answer))
                .toInt();
        };
        QCOMPARE(value("cached_tokens", 0), 0);
        QVERIFY2(value("cached_tokens", 1) >= value("prompt_tokens", 0),
                 qPrintable(QString::number(value("cached_tokens", 1))));
        QVERIFY(value("cached_tokens", 1) < value("prompt_tokens", 1));
    }

    void stopKeepsWhatIsThereAndContinueGoesOn() {
        m_program->settings()->setMaxTokens(0);
        sendWithoutWaiting(QStringLiteral("tell me a long story"));
        QTRY_VERIFY(rows() == 2 && role(1, MessageList::TextRole).toString().size() > 5);
        chat()->stop();
        QTRY_VERIFY(!chat()->busy());
        QCOMPARE(role(1, MessageList::StatusRole).toInt(), int(MessageList::Stopped));
        const QString before = role(1, MessageList::TextRole).toString();
        const int tokens = role(1, MessageList::GeneratedTokensRole).toInt();
        QVERIFY(role(1, MessageList::CanContinueRole).toBool());

        m_program->settings()->setMaxTokens(8);
        chat()->continueAnswer(role(1, MessageList::MessageIdRole).toLongLong());
        QVERIFY(chat()->busy());
        QTRY_VERIFY(!chat()->busy());
        QCOMPARE(rows(), 2);
        QVERIFY(role(1, MessageList::TextRole).toString().startsWith(before));
        QVERIFY(role(1, MessageList::GeneratedTokensRole).toInt() > tokens);
    }

    void regenerateAndEditMakeVersions() {
        send(QStringLiteral("hello"));
        const qint64 first = role(1, MessageList::MessageIdRole).toLongLong();
        chat()->regenerate(first);
        QTRY_VERIFY(!chat()->busy() && role(1, MessageList::MessageIdRole).toLongLong() != first);
        QCOMPARE(role(1, MessageList::VersionCountRole).toInt(), 2);
        QCOMPARE(role(1, MessageList::VersionIndexRole).toInt(), 2);
        chat()->showSibling(role(1, MessageList::MessageIdRole).toLongLong(), -1);
        QCOMPARE(role(1, MessageList::MessageIdRole).toLongLong(), first);

        const qint64 question = role(0, MessageList::MessageIdRole).toLongLong();
        QCOMPARE(chat()->lastUserMessageId(), question);
        chat()->edit(question, QStringLiteral("hell"));
        QTRY_VERIFY(!chat()->busy() && role(0, MessageList::TextRole).toString() == QStringLiteral("hell"));
        QTRY_COMPARE(rows(), 2);
        QCOMPARE(role(0, MessageList::VersionCountRole).toInt(), 2);
        chat()->showSibling(role(0, MessageList::MessageIdRole).toLongLong(), -1);
        QCOMPARE(role(0, MessageList::TextRole).toString(), QStringLiteral("hello"));

        // The chosen branch is the one that is shown after a restart.
        const qint64 conversation = chat()->conversationId();
        const qint64 shown = role(1, MessageList::MessageIdRole).toLongLong();
        restart();
        m_program->openConversation(conversation);
        QTRY_COMPARE(rows(), 2);
        QCOMPARE(role(1, MessageList::MessageIdRole).toLongLong(), shown);
        QCOMPARE(role(0, MessageList::VersionCountRole).toInt(), 2);
    }

    void aMessageThatASearchFoundIsShownWithItsBranch() {
        send(QStringLiteral("hello"));
        const qint64 conversation = chat()->conversationId();
        const qint64 first = role(0, MessageList::MessageIdRole).toLongLong();
        const qint64 answer = role(1, MessageList::MessageIdRole).toLongLong();
        chat()->edit(first, QStringLiteral("hell"));
        QTRY_VERIFY(!chat()->busy() && role(0, MessageList::TextRole).toString() == QStringLiteral("hell"));
        m_program->newChat();
        QTRY_COMPARE(rows(), 0);

        QSignalSpy wanted(chat(), &ChatSession::messageWanted);
        m_program->openMessage(conversation, answer);  // in the branch that was not shown last
        QTRY_COMPARE(wanted.size(), 1);
        QCOMPARE(wanted[0][0].toInt(), 1);
        QCOMPARE(role(0, MessageList::MessageIdRole).toLongLong(), first);
        QCOMPARE(role(1, MessageList::MessageIdRole).toLongLong(), answer);

        m_program->openMessage(conversation, first);  // of the conversation that is open
        QCOMPARE(wanted.size(), 2);
        QCOMPARE(wanted[1][0].toInt(), 0);
        m_program->openMessage(conversation, 123456);  // gone: the conversation is enough
        QCOMPARE(wanted.size(), 2);
    }

    void anAnswerThatACrashCutShortCanBeContinued() {
        send(QStringLiteral("hello"));
        const qint64 conversation = chat()->conversationId();
        m_program.reset();
        const QString question = QStringLiteral("SELECT prompt_tokens FROM messages WHERE role = 1");
        const int promptTokens = readSql(m_file, question).toInt();
        // What a crash leaves behind: a checkpoint that says that the answer is being written.
        QVERIFY(
            runSql(m_file, {QStringLiteral("UPDATE messages SET status = 1, text = 'half' WHERE role = 1")}));
        start();
        m_program->openConversation(conversation);
        QTRY_COMPARE(rows(), 2);
        QCOMPARE(role(1, MessageList::StatusRole).toInt(), int(MessageList::Interrupted));
        QVERIFY(role(1, MessageList::CanContinueRole).toBool());
        chat()->continueAnswer(role(1, MessageList::MessageIdRole).toLongLong());
        QTRY_VERIFY(!chat()->busy());
        QVERIFY(role(1, MessageList::TextRole).toString().startsWith(QStringLiteral("half")));
        QVERIFY(role(1, MessageList::StatusRole).toInt() != MessageList::Interrupted);
        finishProgram();
        QCOMPARE(readSql(m_file, question).toInt(),
                 promptTokens + 4);  // the model was given h, a, l, f as well
    }

    void aConversationThatDoesNotFitSaysSoAndKeepsTheMessage() {
        m_program->settings()->setContextTokens(256);
        m_program->model()->retry();
        QTRY_COMPARE(m_program->model()->state(), ModelHost::Ready);
        send(QString(2000, u'x'));
        QCOMPARE(chat()->state(), ChatSession::ContextFull);
        QVERIFY2(chat()->problem().contains(QStringLiteral("256")), qPrintable(chat()->problem()));
        QVERIFY(!chat()->problemFix().isEmpty());
        QCOMPARE(rows(), 1);
        QVERIFY(chat()->contextUsed() > 2000);
        finishProgram();
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT count(*) FROM messages")).toInt(), 1);
        QCOMPARE(readSql(m_file, QStringLiteral("SELECT length(text) FROM messages")).toInt(), 2000);
    }

    void aFullContextEndsTheAnswerAndKeepsIt() {
        m_program->settings()->setContextTokens(256);
        m_program->settings()->setMaxTokens(0);
        m_program->model()->retry();
        QTRY_COMPARE(m_program->model()->state(), ModelHost::Ready);
        send(QString(220, u'x'));
        QCOMPARE(role(1, MessageList::StatusRole).toInt(), int(MessageList::ContextFull));
        QCOMPARE(chat()->state(), ChatSession::ContextFull);
        QVERIFY(!role(1, MessageList::TextRole).toString().isEmpty());
        QCOMPARE(chat()->contextUsed(), 256);
        QVERIFY(chat()->problem().contains(QStringLiteral("256")));
    }

    void withoutAModelNothingIsSentAndTheTextStays() {
        m_program->model()->unload();
        QTRY_COMPARE(m_program->model()->state(), ModelHost::None);
        QSignalSpy sent(chat(), &ChatSession::sent);
        chat()->setDraft(QStringLiteral("hello"));
        chat()->send(chat()->draft());
        QVERIFY(!chat()->problem().isEmpty());
        QVERIFY(!chat()->busy());
        QCOMPARE(sent.size(), 0);
        QCOMPARE(chat()->draft(), QStringLiteral("hello"));
    }

    void aMessageWaitsForTheModelThatIsBeingLoaded() {
        m_program->model()->load(m_tiny);
        chat()->send(QStringLiteral("hello"));
        QTRY_VERIFY(rows() == 2 && !chat()->busy());
        QVERIFY(!role(1, MessageList::TextRole).toString().isEmpty() ||
                role(1, MessageList::StatusRole).toInt() == MessageList::Complete);
    }

    void aModelThatFailsToLoadLeavesTheMessageToBeAnsweredLater() {
        m_program->model()->load(m_home->path(QStringLiteral("gone.gguf")));
        chat()->send(QStringLiteral("hello"));
        QTRY_VERIFY(!chat()->problem().isEmpty());
        QTRY_VERIFY(!chat()->busy());
        QTRY_COMPARE(rows(), 1);
        m_program->model()->load(m_tiny);
        QTRY_COMPARE(m_program->model()->state(), ModelHost::Ready);
        chat()->regenerate(chat()->lastUserMessageId());
        QTRY_VERIFY(rows() == 2 && !chat()->busy());
        QVERIFY(chat()->problem().isEmpty());
    }

    void anAnswerGoesOnWhileAnotherConversationIsOpen() {
        send(QStringLiteral("first"));
        const qint64 first = chat()->conversationId();
        m_program->newChat();
        QVERIFY(chat()->empty());
        m_program->settings()->setMaxTokens(300);
        sendWithoutWaiting(QStringLiteral("second"));
        QTRY_COMPARE(rows(), 2);
        const qint64 second = chat()->conversationId();
        m_program->openConversation(first);
        QTRY_COMPARE(chat()->conversationId(), first);
        QVERIFY(!chat()->busy());
        QTRY_VERIFY(
            readSql(m_file, QStringLiteral("SELECT count(*) FROM messages WHERE status = 1")).toInt() == 0);
        m_program->openConversation(second);
        QTRY_COMPARE(chat()->conversationId(), second);
        QCOMPARE(rows(), 2);
        QVERIFY(role(1, MessageList::StatusRole).toInt() != MessageList::Streaming);
        QVERIFY(role(1, MessageList::GeneratedTokensRole).toInt() > 0);
    }

    void theDraftIsCountedAndComesBack() {
        chat()->setDraft(QStringLiteral("hello"));
        QTRY_COMPARE(chat()->draftTokens(), 1);  // one token of the tiny vocabulary
        chat()->setDraft(QStringLiteral("<|im_end|>"));
        QTRY_COMPARE(chat()->draftTokens(), 10);  // ordinary characters
        restart();
        QTRY_COMPARE(chat()->draft(), QStringLiteral("<|im_end|>"));
        send(chat()->draft());
        QCOMPARE(chat()->draft(), QString());
        m_program->newChat();
        QTest::qWait(50);
        QCOMPARE(chat()->draft(), QString());
    }

    void endingTheProgramInTheMiddleKeepsThePartialAnswer() {
        m_program->settings()->setMaxTokens(0);
        sendWithoutWaiting(QStringLiteral("tell me a long story"));
        QTRY_VERIFY(rows() == 2 && role(1, MessageList::TextRole).toString().size() > 5);
        const QString seen = role(1, MessageList::TextRole).toString();
        finishProgram();
        const QString saved =
            readSql(m_file, QStringLiteral("SELECT text FROM messages WHERE role = 1")).toString();
        QVERIFY(saved.startsWith(seen));
        QVERIFY(readSql(m_file, QStringLiteral("SELECT status FROM messages WHERE role = 1")).toInt() !=
                int(MessageStatus::streaming));
    }

    void deletingTheShownConversationOpensANewChat() {
        send(QStringLiteral("hello"));
        const qint64 id = chat()->conversationId();
        QTRY_COMPARE(m_program->conversations()->count(), 1);
        m_program->conversations()->remove(id);
        QTRY_COMPARE(chat()->conversationId(), 0);
        QVERIFY(chat()->empty());
        m_program->conversations()->undoRemove();
        QTRY_COMPARE(chat()->conversationId(), id);
        QCOMPARE(rows(), 2);
    }

  private:
    ChatSession* chat() { return m_program->chat(); }
    int rows() { return chat()->messages()->count(); }
    QVariant role(int row, int role) {
        return chat()->messages()->data(chat()->messages()->index(row), role);
    }

    void start() {
        m_program = std::make_unique<Program>(ProgramOptions{m_tiny});
        m_program->start();
        QTRY_COMPARE(m_program->model()->state(), ModelHost::Ready);
    }
    void restart() {
        m_program.reset();
        start();
    }
    void finishProgram() { m_program->finish(); }

    void sendWithoutWaiting(const QString& text) {
        QSignalSpy sent(chat(), &ChatSession::sent);
        chat()->send(text);
        QTRY_COMPARE(sent.size(), 1);
    }
    void send(const QString& text) {
        sendWithoutWaiting(text);
        QTRY_VERIFY_WITH_TIMEOUT(!chat()->busy(), 30000);
    }

    std::optional<Home> m_home;
    QString m_file, m_tiny;
    std::unique_ptr<Program> m_program;
};

QTEST_MAIN(ChatSessionTest)
#include "chat_session_test.moc"
