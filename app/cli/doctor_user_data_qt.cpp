#include <QCoreApplication>
#include <QFileInfo>
#include <QSqlDatabase>
#include <QSqlError>
#include <QSqlQuery>

#include "app/cli/doctor_checks.h"
#include "app/cli/output.h"
#include "models/paths.h"
#include "models/store.h"

namespace edgechat::cli {
namespace {

const QString kConnection = QStringLiteral("doctor");

/// Opens the history for reading alone and lets SQLite look over it.
Check quickCheck(const QString& file) {
    QSqlDatabase database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), kConnection);
    database.setDatabaseName(file);
    database.setConnectOptions(QStringLiteral("QSQLITE_OPEN_READONLY;QSQLITE_BUSY_TIMEOUT=2000"));
    const std::string where = file.toStdString();
    const auto broken = [&where](const QString& reason) {
        return Check{
            "database", CheckStatus::error, where + ": " + reason.toStdString(),
            "close other programs that use it; if that does not help, move the file away and EdgeChat "
            "begins a new history"};
    };
    if (!database.open()) return broken(database.lastError().databaseText());
    QSqlQuery query(database);
    if (!query.exec(QStringLiteral("PRAGMA quick_check(1)")) || !query.next()) {
        return broken(query.lastError().databaseText());
    }
    if (const QString verdict = query.value(0).toString(); verdict != u"ok") return broken(verdict);
    QString version;
    if (query.exec(QStringLiteral("PRAGMA user_version")) && query.next())
        version = query.value(0).toString();
    return {"database", CheckStatus::ok,
            where + ", " + bytesText(static_cast<uint64_t>(QFileInfo(file).size())) + ", schema version " +
                version.toStdString(),
            ""};
}

Check checkDatabase() {
    // Qt looks for its database drivers relative to an application object.
    int count = 1;
    char name[] = "edgechat-cli";
    char* words[] = {name, nullptr};
    const QCoreApplication application(count, words);
    if (!QSqlDatabase::isDriverAvailable(QStringLiteral("QSQLITE"))) {
        return {"database", CheckStatus::error, "Qt has no SQLite driver here, so chats cannot be saved",
                "install the package libqt6sql6-sqlite"};
    }
    const QString file = models::historyFile();
    if (!QFileInfo::exists(file)) {
        return {"database", CheckStatus::ok, "no history yet; it will be " + file.toStdString(), ""};
    }
    Check check = quickCheck(file);
    QSqlDatabase::removeDatabase(kConnection);
    return check;
}

Check checkModels() {
    const models::Store store;
    const std::vector<models::StoreEntry> entries = store.list();
    const std::string where = store.folder().toStdString();
    if (entries.empty()) {
        return {"models", CheckStatus::info, "none in " + where,
                "edgechat-cli import FILE.gguf puts one there"};
    }
    uint64_t bytes = 0;
    std::string damaged;
    for (const models::StoreEntry& entry : entries) {
        bytes += entry.bytes;
        if (!entry.damaged) continue;
        damaged +=
            (damaged.empty() ? "" : "; ") + entry.name.toStdString() + ": " + entry.problem.toStdString();
    }
    if (!damaged.empty()) {
        return {"models", CheckStatus::error, "damaged: " + damaged,
                "remove these models and import them again"};
    }
    return {"models", CheckStatus::ok,
            std::to_string(entries.size()) + " in " + where + ", " + bytesText(bytes), ""};
}

}  // namespace

std::vector<Check> checkUserData() {
    return {checkDisk(models::dataFolder().toStdString()), checkDatabase(), checkModels()};
}

}  // namespace edgechat::cli
