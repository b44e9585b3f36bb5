#include "app/storage/schema.h"

#include <QFile>
#include <QSqlError>
#include <QSqlQuery>
#include <QVariant>

#include <cstdlib>
#include <string>

namespace edgechat::app {
namespace {

const std::string kCodePrefix = "(sqlite error ";

const QString kVersion1[] = {
    QStringLiteral("CREATE TABLE conversations ("
                   " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                   " title TEXT NOT NULL DEFAULT '',"
                   " active_leaf INTEGER NOT NULL DEFAULT 0,"
                   " created_at INTEGER NOT NULL,"  // ms since 1970, UTC; so are all times
                   " updated_at INTEGER NOT NULL,"  // of the last message
                   " changed_at INTEGER NOT NULL,"  // of anything
                   " deleted_at INTEGER)"),         // null: not deleted
    QStringLiteral("CREATE TABLE messages ("
                   " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                   " conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,"
                   " parent_id INTEGER NOT NULL DEFAULT 0,"  // 0: a first message
                   " role INTEGER NOT NULL,"
                   " status INTEGER NOT NULL,"
                   " text TEXT NOT NULL,"
                   " created_at INTEGER NOT NULL,"
                   " changed_at INTEGER NOT NULL,"
                   " model TEXT NOT NULL DEFAULT '',"
                   " device TEXT NOT NULL DEFAULT '',"
                   " prompt_tokens INTEGER NOT NULL DEFAULT 0,"
                   " cached_tokens INTEGER NOT NULL DEFAULT 0,"
                   " generated_tokens INTEGER NOT NULL DEFAULT 0,"
                   " context_used INTEGER NOT NULL DEFAULT 0,"
                   " context_size INTEGER NOT NULL DEFAULT 0,"
                   " prefill_rate REAL NOT NULL DEFAULT 0,"  // tokens per second
                   " decode_rate REAL NOT NULL DEFAULT 0,"
                   " time_to_first_token REAL NOT NULL DEFAULT 0)"),  // seconds
    QStringLiteral("CREATE INDEX messages_by_conversation ON messages(conversation_id, id)"),
    QStringLiteral(
        "CREATE INDEX conversations_by_time ON conversations(updated_at) WHERE deleted_at IS NULL"),
    QStringLiteral("CREATE INDEX streaming_messages ON messages(id) WHERE status = 1"),
    QStringLiteral("CREATE TABLE drafts (conversation_id INTEGER PRIMARY KEY, text TEXT NOT NULL)"),
};

int userVersion(QSqlDatabase& database) {
    QSqlQuery query(QStringLiteral("PRAGMA user_version"), database);
    return query.next() ? query.value(0).toInt() : -1;
}

bool isEmptyDatabase(QSqlDatabase& database) {
    QSqlQuery query(QStringLiteral("SELECT count(*) FROM sqlite_master"), database);
    return query.next() && query.value(0).toInt() == 0;
}

Result<void> writeBackup(QSqlDatabase& database, const QString& file, int version) {
    const QString backup = QStringLiteral("%1.v%2.bak").arg(file).arg(version);
    QFile::remove(backup);
    QSqlQuery query(database);
    query.prepare(QStringLiteral("VACUUM INTO ?"));
    query.addBindValue(backup);
    if (query.exec()) return {};
    return databaseError(query.lastError(), QStringLiteral("cannot write the history's backup"), backup);
}

}  // namespace

std::vector<Migration> schemaMigrations() {
    Migration first;
    for (const QString& statement : kVersion1) first.statements << statement;
    return {first};
}

Result<void> migrate(QSqlDatabase& database, const QString& file, const std::vector<Migration>& migrations) {
    const int newest = static_cast<int>(migrations.size());
    const int version = userVersion(database);
    if (version < 0) {
        return databaseError(database.lastError(), QStringLiteral("cannot read the history"), file);
    }
    if (version > newest) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = "cannot open the history";
        error.file = file.toStdString();
        error.field = "user_version";
        error.found = "schema version " + std::to_string(version);
        error.expected = "at most " + std::to_string(newest) + ": a newer EdgeChat wrote this file";
        return error;
    }
    if (version == newest) return {};
    if (!isEmptyDatabase(database)) {
        if (Result<void> written = writeBackup(database, file, version); !written) return written;
    }

    const QString what = QStringLiteral("cannot bring the history to schema version %1").arg(newest);
    QSqlQuery query(database);
    const auto failed = [&] {
        const Error error = databaseError(query.lastError(), what, file);
        QSqlQuery(database).exec(QStringLiteral("ROLLBACK"));
        return error;
    };
    if (!query.exec(QStringLiteral("BEGIN IMMEDIATE"))) return failed();
    for (int step = version; step < newest; ++step) {
        for (const QString& statement : migrations[static_cast<size_t>(step)].statements) {
            if (!query.exec(statement)) return failed();
        }
    }
    if (!query.exec(QStringLiteral("PRAGMA user_version = %1").arg(newest))) return failed();
    if (!query.exec(QStringLiteral("COMMIT"))) return failed();
    return {};
}

bool sqliteHasFullText(QSqlDatabase& database) {
    QSqlQuery query(QStringLiteral("PRAGMA compile_options"), database);
    while (query.next()) {
        if (query.value(0).toString() == QLatin1String("ENABLE_FTS5")) return true;
    }
    return false;
}

Error databaseError(const QSqlError& error, const QString& what, const QString& file) {
    Error result;
    result.code = ErrorCode::badInput;
    result.what = what.toStdString();
    result.file = file.toStdString();
    const QString text = error.databaseText().isEmpty() ? error.driverText() : error.databaseText();
    result.found = text.toStdString();
    // An extended result code carries the primary one in its low byte.
    result.field = kCodePrefix + std::to_string(error.nativeErrorCode().toInt() & 0xff) + ")";
    return result;
}

int sqliteCode(const Error& error) {
    if (error.field.compare(0, kCodePrefix.size(), kCodePrefix) != 0) return 0;
    return std::atoi(error.field.c_str() + kCodePrefix.size());
}

}  // namespace edgechat::app
