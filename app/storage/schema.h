// The history's tables, and how an older file becomes a newer one.
#pragma once

#include <QSqlDatabase>
#include <QSqlError>
#include <QString>
#include <QStringList>

#include <vector>

#include "inference/result.h"

namespace edgechat::app {

/// Statements that lead from the version before to the next one. The n-th migration makes version n.
struct Migration {
    QStringList statements;
};

std::vector<Migration> schemaMigrations();

/// Brings an open database to the newest version, all in one transaction, after a copy named
/// "<file>.v<old version>.bak" was written (not for an empty file). Fails on a file of a newer program.
Result<void> migrate(QSqlDatabase& database, const QString& file, const std::vector<Migration>& migrations);

/// Whether this SQLite was built with FTS5.
bool sqliteHasFullText(QSqlDatabase& database);

/// The failure of the last statement as an Error that names the file and the cause.
Error databaseError(const QSqlError& error, const QString& what, const QString& file);

/// SQLite's primary result code (SQLITE_FULL, ...) of such an error; 0 for any other.
int sqliteCode(const Error& error);

}  // namespace edgechat::app
