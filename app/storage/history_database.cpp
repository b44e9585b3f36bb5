#include "app/storage/history_database.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSqlError>

#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

namespace edgechat::app {
namespace {

const QString kSave = QStringLiteral("cannot save the conversation in");
const QString kRead = QStringLiteral("cannot read the history");
const QString kMessageColumns = QStringLiteral(
    "id, conversation_id, parent_id, role, status, text, created_at, model, device, prompt_tokens,"
    " cached_tokens, generated_tokens, context_used, context_size, prefill_rate, decode_rate,"
    " time_to_first_token");

constexpr int kMeasuredPrompt = 32;  // tokens; a shorter prompt says little about the speed of a long one
constexpr int kNewestAnswers = 500;

qint64 now() {
    return QDateTime::currentMSecsSinceEpoch();
}

QDateTime toTime(const QVariant& milliseconds) {
    return QDateTime::fromMSecsSinceEpoch(milliseconds.toLongLong());
}

int enumValue(const QVariant& value, int last, int fallback) {
    bool valid = false;
    const int number = value.toInt(&valid);
    return valid && number >= 0 && number <= last ? number : fallback;
}

double rate(const QVariant& value) {
    const double number = value.toDouble();
    return std::isfinite(number) && number > 0 ? number : 0;
}

/// The row that `query` stands on, by kMessageColumns. What does not make sense becomes a harmless value.
MessageRecord readMessage(const QSqlQuery& query) {
    MessageRecord message;
    message.id = query.value(0).toLongLong();
    message.conversationId = query.value(1).toLongLong();
    message.parentId = query.value(2).toLongLong();
    message.role =
        static_cast<MessageRole>(enumValue(query.value(3), static_cast<int>(MessageRole::system), 0));
    message.status =
        static_cast<MessageStatus>(enumValue(query.value(4), static_cast<int>(MessageStatus::failed), 0));
    message.text = query.value(5).toString();
    message.createdAt = toTime(query.value(6));
    AnswerFigures& figures = message.figures;
    figures.model = query.value(7).toString();
    figures.device = query.value(8).toString();
    figures.promptTokens = query.value(9).toInt();
    figures.cachedTokens = query.value(10).toInt();
    figures.generatedTokens = query.value(11).toInt();
    figures.contextUsed = query.value(12).toInt();
    figures.contextSize = query.value(13).toInt();
    figures.prefillRate = rate(query.value(14));
    figures.decodeRate = rate(query.value(15));
    figures.timeToFirstToken = rate(query.value(16));
    return message;
}

ConversationSummary readSummary(const QSqlQuery& query) {
    return {query.value(0).toLongLong(), query.value(1).toString(), toTime(query.value(2))};
}

}  // namespace

template <class Body>
auto HistoryDatabase::transaction(bool durable, const QString& what, Body body) -> decltype(body()) {
    // WAL with NORMAL survives a crash of the program; FULL also survives the loss of power.
    const QString level =
        durable ? QStringLiteral("PRAGMA synchronous = FULL") : QStringLiteral("PRAGMA synchronous = NORMAL");
    if (auto set = run(level, {}, what); !set) return std::move(set.error());
    if (auto begun = run(QStringLiteral("BEGIN IMMEDIATE"), {}, what); !begun)
        return std::move(begun.error());
    auto result = body();
    if (result) {
        if (auto committed = run(QStringLiteral("COMMIT"), {}, what); !committed) {
            result = std::move(committed.error());
        }
    }
    if (!result) QSqlQuery(m_database).exec(QStringLiteral("ROLLBACK"));
    return result;
}

HistoryDatabase::~HistoryDatabase() {
    m_database.close();
    m_database = QSqlDatabase();
    if (!m_connection.isEmpty()) QSqlDatabase::removeDatabase(m_connection);
}

Result<QSqlQuery> HistoryDatabase::run(const QString& sql, const QVariantList& values, const QString& what) {
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    bool done = query.prepare(sql);
    if (done) {
        for (const QVariant& value : values) query.addBindValue(value);
        done = query.exec();
    }
    if (!done) return databaseError(query.lastError(), what, m_file);
    return query;
}

Result<void> HistoryDatabase::runAll(const QStringList& statements, const QString& what) {
    for (const QString& statement : statements) {
        if (auto done = run(statement, {}, what); !done) return done.error();
    }
    return {};
}

Result<void> HistoryDatabase::connect(const QString& file, const DatabaseOptions& options) {
    static std::atomic<int> connections{0};
    m_file = file;
    m_connection = QStringLiteral("edgechat-history-%1").arg(connections.fetch_add(1));
    m_database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), m_connection);
    m_database.setDatabaseName(file);
    m_database.setConnectOptions(
        QStringLiteral("QSQLITE_OPEN_URI;QSQLITE_BUSY_TIMEOUT=%1").arg(options.busyMilliseconds));
    const QString what = QStringLiteral("cannot open the history");
    if (!m_database.open()) return databaseError(m_database.lastError(), what, file);
    if (Result<void> set =
            runAll({QStringLiteral("PRAGMA journal_mode = WAL"), QStringLiteral("PRAGMA foreign_keys = ON"),
                    QStringLiteral("PRAGMA synchronous = FULL")},
                   what);
        !set) {
        return set;
    }
    if (options.maxPages > 0) {
        if (auto set = run(QStringLiteral("PRAGMA max_page_count = %1").arg(options.maxPages), {}, what);
            !set) {
            return set.error();
        }
    }
    return {};
}

Result<std::unique_ptr<HistoryDatabase>> HistoryDatabase::open(const QString& file,
                                                               const DatabaseOptions& options) {
    const bool existed = QFile::exists(file);
    QDir().mkpath(QFileInfo(file).absolutePath());
    std::unique_ptr<HistoryDatabase> history(new HistoryDatabase);
    if (Result<void> opened = history->connect(file, options); !opened) return opened.error();
    // What people say here is nobody else's business.
    if (!existed) QFile::setPermissions(file, QFileDevice::ReadOwner | QFileDevice::WriteOwner);
    if (Result<void> done = migrate(history->m_database, file, options.migrations); !done)
        return done.error();
    if (Result<void> done = history->prepareSearch(options.fullText); !done) return done.error();
    auto cutOff = history->run(
        QStringLiteral(
            "SELECT conversation_id FROM messages JOIN conversations ON conversations.id = conversation_id"
            " WHERE status = 1 AND deleted_at IS NULL ORDER BY messages.id DESC LIMIT 1"),
        {}, kRead);
    if (!cutOff) return cutOff.error();
    if (cutOff->next()) history->m_interruptedConversation = cutOff->value(0).toLongLong();
    cutOff->finish();
    // This also finds out whether the file can be written at all.
    const auto marked = history->run(
        QStringLiteral("UPDATE messages SET status = ?, changed_at = ? WHERE status = 1"),
        {static_cast<int>(MessageStatus::interrupted), now()}, QStringLiteral("cannot open the history"));
    if (!marked) return marked.error();
    return history;
}

Result<std::vector<ConversationSummary>> HistoryDatabase::conversations() {
    auto query = run(QStringLiteral("SELECT id, title, updated_at FROM conversations WHERE deleted_at IS NULL"
                                    " ORDER BY updated_at DESC, id DESC"),
                     {}, kRead);
    if (!query) return query.error();
    std::vector<ConversationSummary> all;
    while (query->next()) all.push_back(readSummary(*query));
    if (query->lastError().isValid()) return databaseError(query->lastError(), kRead, m_file);
    return all;
}

Result<ConversationSummary> HistoryDatabase::summary(qint64 id) {
    auto query =
        run(QStringLiteral("SELECT id, title, updated_at FROM conversations WHERE id = ?"), {id}, kRead);
    if (!query) return query.error();
    if (query->next()) return readSummary(*query);
    if (query->lastError().isValid()) return databaseError(query->lastError(), kRead, m_file);
    Error error;
    error.code = ErrorCode::badInput;
    error.what = kRead.toStdString();
    error.file = m_file.toStdString();
    error.found = "no conversation with the number " + std::to_string(id);
    return error;
}

Result<ConversationRecord> HistoryDatabase::conversation(qint64 id) {
    ConversationRecord record;
    Result<ConversationSummary> head = summary(id);
    if (!head) return head.error();
    record.summary = *head;
    if (auto leaf = run(QStringLiteral("SELECT active_leaf FROM conversations WHERE id = ?"), {id}, kRead);
        leaf && leaf->next()) {
        record.activeLeaf = leaf->value(0).toLongLong();
    }
    if (Result<QString> text = draft(id)) record.draft = *text;

    const QString select = QStringLiteral("SELECT %1 FROM messages WHERE ").arg(kMessageColumns);
    auto query = run(select + QStringLiteral("conversation_id = ? ORDER BY id"), {id}, kRead);
    if (query) {
        while (query->next()) record.messages.push_back(readMessage(*query));
        if (!query->lastError().isValid()) return record;
    }

    // Some row cannot be read. The numbers come from the index alone; then each row is tried by itself.
    record.messages.clear();
    auto numbers = run(QStringLiteral("SELECT id FROM messages INDEXED BY messages_by_conversation"
                                      " WHERE conversation_id = ? ORDER BY id"),
                       {id}, kRead);
    if (!numbers) return numbers.error();
    std::vector<qint64> ids;
    while (numbers->next()) ids.push_back(numbers->value(0).toLongLong());
    if (numbers->lastError().isValid()) ++record.unreadable;
    for (const qint64 number : ids) {
        auto row = run(select + QStringLiteral("id = ?"), {number}, kRead);
        if (row && row->next()) {
            record.messages.push_back(readMessage(*row));
        } else {
            ++record.unreadable;
        }
    }
    return record;
}

Result<AddedMessage> HistoryDatabase::addMessage(const NewMessage& message) {
    return transaction(true, kSave, [&]() -> Result<AddedMessage> {
        const qint64 time = now();
        qint64 conversationId = message.conversationId;
        if (conversationId == 0) {
            auto made =
                run(QStringLiteral("INSERT INTO conversations (title, created_at, updated_at, changed_at)"
                                   " VALUES (?, ?, ?, ?)"),
                    {message.title, time, time, time}, kSave);
            if (!made) return made.error();
            conversationId = made->lastInsertId().toLongLong();
        }
        auto inserted =
            run(QStringLiteral("INSERT INTO messages (conversation_id, parent_id, role, status, text,"
                               " created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)"),
                {conversationId, message.parentId, static_cast<int>(message.role),
                 static_cast<int>(message.status), message.text.isNull() ? QLatin1String("") : message.text,
                 time, time},
                kSave);
        if (!inserted) return inserted.error();
        AddedMessage added;
        added.message.id = inserted->lastInsertId().toLongLong();
        added.message.conversationId = conversationId;
        added.message.parentId = message.parentId;
        added.message.role = message.role;
        added.message.status = message.status;
        added.message.text = message.text;
        added.message.createdAt = QDateTime::fromMSecsSinceEpoch(time);
        auto updated =
            run(QStringLiteral("UPDATE conversations SET active_leaf = ?, updated_at = ?, changed_at = ?"
                               " WHERE id = ?"),
                {added.message.id, time, time, conversationId}, kSave);
        if (!updated) return updated.error();
        if (message.clearDraft) {
            auto cleared = run(QStringLiteral("DELETE FROM drafts WHERE conversation_id = ?"),
                               {message.conversationId}, kSave);
            if (!cleared) return cleared.error();
        }
        Result<ConversationSummary> head = summary(conversationId);
        if (!head) return head.error();
        added.conversation = *head;
        return added;
    });
}

Result<void> HistoryDatabase::saveAnswer(const MessageRecord& message) {
    const bool last = message.status != MessageStatus::streaming;
    return transaction(last, kSave, [&]() -> Result<void> {
        const AnswerFigures& figures = message.figures;
        auto done =
            run(QStringLiteral("UPDATE messages SET text = ?, status = ?, changed_at = ?, model = ?,"
                               " device = ?, prompt_tokens = ?, cached_tokens = ?, generated_tokens = ?,"
                               " context_used = ?, context_size = ?, prefill_rate = ?, decode_rate = ?,"
                               " time_to_first_token = ? WHERE id = ?"),
                {message.text.isNull() ? QLatin1String("") : message.text, static_cast<int>(message.status),
                 now(), figures.model.isNull() ? QLatin1String("") : figures.model,
                 figures.device.isNull() ? QLatin1String("") : figures.device, figures.promptTokens,
                 figures.cachedTokens, figures.generatedTokens, figures.contextUsed, figures.contextSize,
                 figures.prefillRate, figures.decodeRate, figures.timeToFirstToken, message.id},
                kSave);
        if (!done) return done.error();
        return {};
    });
}

Result<void> HistoryDatabase::discardAnswer(qint64 messageId) {
    return transaction(false, kSave, [&]() -> Result<void> {
        auto moved =
            run(QStringLiteral("UPDATE conversations SET changed_at = ?, active_leaf ="
                               " (SELECT parent_id FROM messages WHERE id = ?) WHERE active_leaf = ?"),
                {now(), messageId, messageId}, kSave);
        if (!moved) return moved.error();
        auto removed = run(QStringLiteral("DELETE FROM messages WHERE id = ?"), {messageId}, kSave);
        if (!removed) return removed.error();
        return {};
    });
}

Result<void> HistoryDatabase::setActiveLeaf(qint64 conversationId, qint64 messageId) {
    auto done = run(QStringLiteral("UPDATE conversations SET active_leaf = ?, changed_at = ? WHERE id = ?"),
                    {messageId, now(), conversationId}, kSave);
    if (!done) return done.error();
    return {};
}

Result<ConversationSummary> HistoryDatabase::rename(qint64 id, const QString& title) {
    auto done = run(QStringLiteral("UPDATE conversations SET title = ?, changed_at = ? WHERE id = ?"),
                    {title, now(), id}, QStringLiteral("cannot rename the conversation in"));
    if (!done) return done.error();
    return summary(id);
}

Result<void> HistoryDatabase::setDeleted(qint64 id, bool deleted) {
    auto done = run(QStringLiteral("UPDATE conversations SET deleted_at = ?, changed_at = ? WHERE id = ?"),
                    {deleted ? QVariant(now()) : QVariant(), now(), id},
                    QStringLiteral("cannot delete the conversation in"));
    if (!done) return done.error();
    return {};
}

Result<void> HistoryDatabase::purge(const QDateTime& before) {
    const QString what = QStringLiteral("cannot empty the history's bin in");
    return transaction(false, what, [&]() -> Result<void> {
        const QString old = QStringLiteral("(SELECT id FROM conversations WHERE deleted_at < ?)");
        const QVariant time = before.toMSecsSinceEpoch();
        for (const QString& statement :
             {QStringLiteral("DELETE FROM drafts WHERE conversation_id IN ") + old,
              QStringLiteral("DELETE FROM messages WHERE conversation_id IN ") + old,
              QStringLiteral("DELETE FROM conversations WHERE deleted_at < ?")}) {
            if (auto done = run(statement, {time}, what); !done) return done.error();
        }
        return {};
    });
}

Result<void> HistoryDatabase::setDraft(qint64 conversationId, const QString& draft) {
    const QString what = QStringLiteral("cannot save the draft in");
    auto done =
        draft.isEmpty()
            ? run(QStringLiteral("DELETE FROM drafts WHERE conversation_id = ?"), {conversationId}, what)
            : run(QStringLiteral("INSERT INTO drafts (conversation_id, text) VALUES (?, ?)"
                                 " ON CONFLICT(conversation_id) DO UPDATE SET text = excluded.text"),
                  {conversationId, draft}, what);
    if (!done) return done.error();
    return {};
}

Result<QString> HistoryDatabase::draft(qint64 conversationId) {
    auto query =
        run(QStringLiteral("SELECT text FROM drafts WHERE conversation_id = ?"), {conversationId}, kRead);
    if (!query) return query.error();
    return query->next() ? query->value(0).toString() : QString();
}

Result<std::map<QString, double>> HistoryDatabase::prefillRates() {
    // Of the newest rows alone: what was measured long ago says little, and the whole table may be large.
    auto query =
        run(QStringLiteral("SELECT model, prefill_rate FROM messages WHERE role = ? AND prefill_rate > 0"
                           " AND prompt_tokens - cached_tokens >= ? ORDER BY id DESC LIMIT ?"),
            {static_cast<int>(MessageRole::assistant), kMeasuredPrompt, kNewestAnswers}, kRead);
    if (!query) return query.error();
    std::map<QString, double> rates;
    while (query->next()) rates.emplace(query->value(0).toString(), rate(query->value(1)));
    return rates;
}

}  // namespace edgechat::app
