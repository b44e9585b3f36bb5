// What happens when the history's file cannot be used: a copy in memory, and the way back to a file.
#include <QSqlError>
#include <QUrl>

#include "app/storage/history_database.h"

namespace edgechat::app {
namespace {

struct Table {
    QString name;
    QString key;
    QString columns;
    QString newer;  ///< condition under which a row of the memory replaces one of the file
};

QString changedLater(const QString& table) {
    return QStringLiteral("excluded.changed_at > %1.changed_at").arg(table);
}

/// Parents first: foreign keys are checked.
const std::vector<Table>& tables() {
    static const std::vector<Table> all{
        {QStringLiteral("conversations"), QStringLiteral("id"),
         QStringLiteral("id, title, active_leaf, created_at, updated_at, changed_at, deleted_at"),
         changedLater(QStringLiteral("conversations"))},
        {QStringLiteral("messages"), QStringLiteral("id"),
         QStringLiteral(
             "id, conversation_id, parent_id, role, status, text, created_at, changed_at, model, device,"
             " prompt_tokens, cached_tokens, generated_tokens, context_used, context_size,"
             " prefill_rate, decode_rate, time_to_first_token"),
         changedLater(QStringLiteral("messages"))},
        {QStringLiteral("drafts"), QStringLiteral("conversation_id"), QStringLiteral("conversation_id, text"),
         QStringLiteral("true")},
    };
    return all;
}

QString fileUri(const QString& file, const char* parameters) {
    return QStringLiteral("file:") + QString::fromLatin1(QUrl::toPercentEncoding(file, "/")) + u'?' +
           QString::fromLatin1(parameters);
}

}  // namespace

Result<std::unique_ptr<HistoryDatabase>> HistoryDatabase::openInMemory(const QString& source,
                                                                       const DatabaseOptions& options) {
    std::unique_ptr<HistoryDatabase> history(new HistoryDatabase);
    DatabaseOptions unlimited = options;
    unlimited.maxPages = 0;
    const QString memory = QStringLiteral(":memory:");
    if (Result<void> opened = history->connect(memory, unlimited); !opened) return opened.error();
    if (Result<void> done = migrate(history->m_database, memory, options.migrations); !done)
        return done.error();
    if (!source.isEmpty()) history->copyFrom(source);
    if (Result<void> done = history->prepareSearch(options.fullText); !done) return done.error();
    if (Result<void> done = history->startIdsAtNow(); !done) return done.error();
    return history;
}

Result<void> HistoryDatabase::startIdsAtNow() {
    // Microseconds since 1970 are larger than any number counted up from 1, so that rows made here never meet
    // other rows of the file when both come together again; and they are exact in a double until 2255.
    const qint64 base = QDateTime::currentMSecsSinceEpoch() * 1000;
    for (const QString& table : {QStringLiteral("conversations"), QStringLiteral("messages")}) {
        const QString what = QStringLiteral("cannot keep the history in");
        auto removed = run(QStringLiteral("DELETE FROM sqlite_sequence WHERE name = ?"), {table}, what);
        if (!removed) return removed.error();
        auto set =
            run(QStringLiteral("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"), {table, base}, what);
        if (!set) return set.error();
    }
    return {};
}

void HistoryDatabase::copyFrom(const QString& source) {
    const QString what = QStringLiteral("cannot read the history");
    const QString attach = QStringLiteral("ATTACH DATABASE ? AS disk");
    // A file in a folder that cannot be written has no room for SQLite's shared memory: then it is read as
    // something that nobody changes.
    bool readable = false;
    for (const char* parameters : {"mode=ro", "mode=ro&immutable=1"}) {
        if (!run(attach, {fileUri(source, parameters)}, what)) continue;
        if (run(QStringLiteral("SELECT count(*) FROM disk.sqlite_master"), {}, what)) {
            readable = true;
            break;
        }
        QSqlQuery(m_database).exec(QStringLiteral("DETACH DATABASE disk"));
    }
    if (!readable) return;
    QSqlQuery(m_database).exec(QStringLiteral("PRAGMA foreign_keys = OFF"));
    for (const Table& table : tables()) {
        const QString copy = QStringLiteral("INSERT OR IGNORE INTO main.%1 (%2) SELECT %2 FROM disk.%1")
                                 .arg(table.name, table.columns);
        if (run(copy, {}, what)) continue;
        // Some row is unreadable, so one by one, from both ends: what lies behind the damage is found as
        // well.
        for (const QString& order : {QStringLiteral("ASC"), QStringLiteral("DESC")}) {
            auto keys =
                run(QStringLiteral("SELECT %1 FROM disk.%2 ORDER BY %1 %3").arg(table.key, table.name, order),
                    {}, what);
            if (!keys) continue;
            std::vector<QVariant> found;
            while (keys->next()) found.push_back(keys->value(0));
            keys->finish();
            for (const QVariant& key : found) {
                (void)static_cast<bool>(
                    run(copy + QStringLiteral(" WHERE %1 = ?").arg(table.key), {key}, what));
            }
        }
    }
    QSqlQuery(m_database).exec(QStringLiteral("DETACH DATABASE disk"));
    QSqlQuery(m_database).exec(QStringLiteral("PRAGMA foreign_keys = ON"));
}

Result<void> HistoryDatabase::check() {
    const QString what = QStringLiteral("cannot trust the history");
    auto query = run(QStringLiteral("PRAGMA quick_check(1)"), {}, what);
    if (!query) return query.error();
    if (!query->next()) return databaseError(query->lastError(), what, m_file);
    const QString answer = query->value(0).toString();
    if (answer == QLatin1String("ok")) return {};
    const QSqlError damage(QString(), answer, QSqlError::StatementError,
                           QStringLiteral("11"));  // SQLITE_CORRUPT
    return databaseError(damage, what, m_file);
}

Result<void> HistoryDatabase::mergeInto(const QString& file) {
    const QString what = QStringLiteral("cannot write the conversations into");
    if (auto attached = run(QStringLiteral("ATTACH DATABASE ? AS disk"), {fileUri(file, "mode=rw")}, what);
        !attached) {
        return attached.error();
    }
    QStringList statements{QStringLiteral("BEGIN IMMEDIATE")};
    for (const Table& table : tables()) {
        QStringList changes;
        for (const QString& column : table.columns.split(QStringLiteral(", "))) {
            if (column != table.key) changes << QStringLiteral("%1 = excluded.%1").arg(column.trimmed());
        }
        statements << QStringLiteral(
                          "INSERT INTO disk.%1 (%2) SELECT %2 FROM main.%1 WHERE true"
                          " ON CONFLICT(%3) DO UPDATE SET %4 WHERE %5")
                          .arg(table.name, table.columns, table.key, changes.join(QStringLiteral(", ")),
                               table.newer);
    }
    statements << QStringLiteral("COMMIT");
    Result<void> merged = runAll(statements, what);
    if (!merged) QSqlQuery(m_database).exec(QStringLiteral("ROLLBACK"));
    QSqlQuery(m_database).exec(QStringLiteral("DETACH DATABASE disk"));
    if (!merged) merged.error().file = file.toStdString();
    return merged;
}

}  // namespace edgechat::app
