// The chat history on disk: conversations, their message trees and the search index, in one SQLite file.
#pragma once

#include <QSqlDatabase>
#include <QSqlQuery>
#include <QString>
#include <QVariant>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "app/storage/records.h"
#include "app/storage/schema.h"
#include "inference/result.h"

namespace edgechat::app {

/// Limits that tests set; a program uses the defaults.
struct DatabaseOptions {
    bool fullText = true;         ///< use FTS5 where SQLite has it
    int maxPages = 0;             ///< > 0: the file may not grow beyond this many pages
    int busyMilliseconds = 3000;  ///< how long to wait for another program's lock
    std::vector<Migration> migrations = schemaMigrations();
};

/// Everything that is needed to add a message.
struct NewMessage {
    qint64 conversationId = 0;  ///< 0: a new conversation
    qint64 parentId = 0;
    MessageRole role = MessageRole::user;
    MessageStatus status = MessageStatus::complete;
    QString text;
    QString title;            ///< of a new conversation
    bool clearDraft = false;  ///< the conversation's draft has become this message
};

/// What addMessage() made.
struct AddedMessage {
    ConversationSummary conversation;
    MessageRecord message;
};

/// One connection. Used by one thread at a time, the one that opened it.
class HistoryDatabase {
  public:
    /// Opens or makes the file, brings its schema up to date (with a backup beside it before) and marks
    /// answers that were being written as interrupted.
    static Result<std::unique_ptr<HistoryDatabase>> open(const QString& file,
                                                         const DatabaseOptions& options = {});
    /// A history that lives in memory. It starts with what can be read from `source` (may be empty), and its
    /// new ids are larger than any that a file can hold by now.
    static Result<std::unique_ptr<HistoryDatabase>> openInMemory(const QString& source,
                                                                 const DatabaseOptions& options = {});
    ~HistoryDatabase();
    HistoryDatabase(const HistoryDatabase&) = delete;
    HistoryDatabase& operator=(const HistoryDatabase&) = delete;

    const QString& file() const { return m_file; }  ///< ":memory:" for one in memory
    bool hasFullText() const { return m_fullText; }
    /// The conversation whose answer was being written when the program last went away; 0 if none was.
    qint64 interruptedConversation() const { return m_interruptedConversation; }

    /// All conversations that are not deleted, newest first.
    Result<std::vector<ConversationSummary>> conversations();
    Result<ConversationRecord> conversation(qint64 id);
    /// Commits one message, and its conversation if that is new; the message becomes the active leaf.
    Result<AddedMessage> addMessage(const NewMessage& message);
    /// Text, status and figures of an answer.
    Result<void> saveAnswer(const MessageRecord& message);
    /// Takes back an answer that never began; the active leaf goes back to its parent.
    Result<void> discardAnswer(qint64 messageId);
    Result<void> setActiveLeaf(qint64 conversationId, qint64 messageId);
    Result<ConversationSummary> rename(qint64 id, const QString& title);
    Result<void> setDeleted(qint64 id, bool deleted);
    /// Deletes for good what was deleted before `before`.
    Result<void> purge(const QDateTime& before);
    /// Conversation 0 is the chat that has no message yet.
    Result<void> setDraft(qint64 conversationId, const QString& draft);
    Result<QString> draft(qint64 conversationId);
    /// Tokens per second at which each model read its last prompt of some length, by the model's name.
    Result<std::map<QString, double>> prefillRates();
    /// Titles and messages that hold all words of the query, each as a beginning of a word; newest first.
    Result<std::vector<SearchHit>> search(const QString& query, int limit = 100);
    /// Reads the whole file; fails with what is damaged.
    Result<void> check();
    /// Writes all conversations of this one, as far as they are newer, into the file of another.
    Result<void> mergeInto(const QString& file);

  private:
    HistoryDatabase() = default;
    /// Opens the connection; `file` may be ":memory:".
    Result<void> connect(const QString& file, const DatabaseOptions& options);
    Result<void> prepareSearch(bool wanted);
    /// Makes new ids larger than any that a file can hold by now.
    Result<void> startIdsAtNow();
    void copyFrom(const QString& source);
    /// Runs one statement; `what` is what the user wanted.
    Result<QSqlQuery> run(const QString& sql, const QVariantList& values, const QString& what);
    Result<void> runAll(const QStringList& statements, const QString& what);
    Result<ConversationSummary> summary(qint64 id);
    /// Runs `body` in a transaction, which is durable on return when `durable`.
    template <class Body>
    auto transaction(bool durable, const QString& what, Body body) -> decltype(body());
    Result<std::vector<SearchHit>> searchFullText(const QStringList& words, int limit);
    Result<std::vector<SearchHit>> searchByScan(const QStringList& words, int limit);

    QString m_file;
    QString m_connection;  ///< Qt's name of the connection
    QSqlDatabase m_database;
    bool m_fullText = false;
    qint64 m_interruptedConversation = 0;
};

}  // namespace edgechat::app
