// What the application's tests share: a home folder of their own, and questions to a History that wait.
#pragma once

#include <QSqlDatabase>
#include <QSqlQuery>
#include <QTemporaryDir>
#include <QTest>

#include <optional>

#include "app/storage/history.h"

namespace edgechat::app::testing {

/// A folder that EDGECHAT_HOME points to for the life of the object.
class Home {
  public:
    Home() { qputenv("EDGECHAT_HOME", m_folder.path().toUtf8()); }
    ~Home() { qunsetenv("EDGECHAT_HOME"); }
    QString path(const QString& name = {}) const {
        return name.isEmpty() ? m_folder.path() : m_folder.filePath(name);
    }

  private:
    QTemporaryDir m_folder;
};

/// Asks the storage thread and waits for its answer.
template <class T>
Result<T> askAndWait(History& history, std::function<Result<T>(HistoryDatabase&)> work) {
    std::optional<Result<T>> answer;
    history.ask<T>(&history, std::move(work), [&](Result<T> result) { answer = std::move(result); });
    if (!QTest::qWaitFor([&] { return answer.has_value(); }, 30000)) {
        return Error{ErrorCode::internal, "the storage thread did not answer", "", "", "", ""};
    }
    return std::move(*answer);
}

/// Runs statements on a file through a connection of its own; false at the first that fails.
inline bool runSql(const QString& file, const QStringList& statements) {
    bool done = true;
    {
        QSqlDatabase database =
            QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), QStringLiteral("fixture"));
        database.setDatabaseName(file);
        done = database.open();
        for (const QString& statement : statements) done = done && QSqlQuery(database).exec(statement);
        database.close();
    }
    QSqlDatabase::removeDatabase(QStringLiteral("fixture"));
    return done;
}

/// The first value of the first row, from a connection of its own.
inline QVariant readSql(const QString& file, const QString& question) {
    QVariant value;
    {
        QSqlDatabase database =
            QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), QStringLiteral("fixture"));
        database.setDatabaseName(file);
        if (database.open()) {
            QSqlQuery query(database);
            if (query.exec(question) && query.next()) value = query.value(0);
        }
        database.close();
    }
    QSqlDatabase::removeDatabase(QStringLiteral("fixture"));
    return value;
}

inline NewMessage userMessage(const QString& text, qint64 conversation = 0, qint64 parent = 0) {
    NewMessage message;
    message.conversationId = conversation;
    message.parentId = parent;
    message.text = text;
    message.title = text;
    return message;
}

}  // namespace edgechat::app::testing
