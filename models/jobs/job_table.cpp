#include "models/jobs/job_table.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSqlError>
#include <QSqlQuery>
#include <QVariant>
#include <algorithm>
#include <atomic>

namespace edgechat::models::jobs {
namespace {

constexpr int kSqliteFull = 13, kSqliteCorrupt = 11, kSqliteNoDatabase = 26;  // primary result codes
constexpr int kSqliteIoWrite = 778;  // extended; also what a quota does
constexpr int kBusyMilliseconds = 5000;

/// The n-th list leads from version n to version n + 1.
std::vector<QStringList> migrations() {
    return {
        {QStringLiteral("CREATE TABLE jobs ("
                        " id INTEGER PRIMARY KEY AUTOINCREMENT,"  // never used again: folders bear it
                        " position INTEGER NOT NULL,"
                        " repository TEXT NOT NULL,"
                        " revision TEXT NOT NULL,"
                        " commit_id TEXT NOT NULL,"
                        " licence TEXT NOT NULL,"
                        " gguf TEXT NOT NULL,"
                        " name TEXT NOT NULL,"
                        " repairs INTEGER NOT NULL,"
                        " method TEXT NOT NULL,"
                        " group_size INTEGER NOT NULL,"
                        " memory_limit INTEGER NOT NULL,"  // bytes
                        " stage INTEGER NOT NULL,"
                        " next INTEGER NOT NULL,"
                        " paused INTEGER NOT NULL,"
                        " created_at INTEGER NOT NULL,"  // ms since 1970, UTC
                        " stored_name TEXT NOT NULL,"
                        " problem INTEGER NOT NULL,"
                        " error TEXT NOT NULL)")}};
}

const QString kColumns = QStringLiteral(
    "position, repository, revision, commit_id, licence, gguf, name, method, group_size, memory_limit,"
    " stage, next, paused, created_at, stored_name, problem, error, repairs");
constexpr int kColumnCount = 18;

int codeOf(const QSqlError& error) {
    // An extended result code carries the primary one in its low byte.
    return error.nativeErrorCode().toInt() & 0xff;
}

Error tableError(const QSqlError& failure, const char* what, const QString& file) {
    Error error;
    const bool full = codeOf(failure) == kSqliteFull || failure.nativeErrorCode().toInt() == kSqliteIoWrite;
    error.code = full ? ErrorCode::doesNotFit : ErrorCode::badInput;
    error.what = what;
    error.file = file.toStdString();
    const QString text = failure.databaseText().isEmpty() ? failure.driverText() : failure.databaseText();
    error.found = text.toStdString();
    if (error.code == ErrorCode::doesNotFit) error.expected = "free space on the disk";
    return error;
}

QString text(const QString& value) {
    return value.isNull() ? QStringLiteral("") : value;  // NULL is no text
}

QVariantList valuesOf(const Job& job) {
    const JobRequest& request = job.request;
    return {job.position,
            text(request.repository),
            text(request.revision),
            text(job.commit),
            text(job.licence),
            text(request.gguf),
            text(request.name),
            QString::fromLatin1(methodName(request.method)),
            request.groupSize,
            static_cast<qint64>(job.memoryLimit),
            static_cast<int>(job.stage),
            static_cast<int>(job.next),
            job.paused ? 1 : 0,
            job.created.toMSecsSinceEpoch(),
            text(job.storedName),
            static_cast<int>(job.problem),
            text(job.error),
            request.repairs ? 1 : 0};
}

/// The row that `query` stands on: id, then kColumns.
std::optional<Job> readJob(const QSqlQuery& query) {
    Job job;
    job.id = query.value(0).toLongLong();
    job.position = query.value(1).toLongLong();
    job.request.repository = query.value(2).toString();
    job.request.revision = query.value(3).toString();
    job.commit = query.value(4).toString();
    job.licence = query.value(5).toString();
    job.request.gguf = query.value(6).toString();
    job.request.name = query.value(7).toString();
    const std::optional<Method> method = methodOf(query.value(8).toString());
    job.request.groupSize = query.value(9).toInt();
    job.memoryLimit = static_cast<uint64_t>(std::max<qint64>(0, query.value(10).toLongLong()));
    const int stage = query.value(11).toInt(), next = query.value(12).toInt();
    job.paused = query.value(13).toBool();
    job.created = QDateTime::fromMSecsSinceEpoch(query.value(14).toLongLong(), Qt::UTC);
    job.storedName = query.value(15).toString();
    const int problem = query.value(16).toInt();
    job.error = query.value(17).toString();
    job.request.repairs = query.value(18).toBool();
    const bool sensible = method && stage >= 0 && stage <= static_cast<int>(Stage::cancelled) &&
                          next >= static_cast<int>(Stage::fetch) && next <= static_cast<int>(Stage::add) &&
                          problem >= 0 && problem <= static_cast<int>(Problem::internal);
    if (!sensible) return std::nullopt;
    job.request.method = *method;
    job.stage = static_cast<Stage>(stage);
    job.next = static_cast<Stage>(next);
    job.problem = static_cast<Problem>(problem);
    if (!checkRequest(job.request)) return std::nullopt;
    return job;
}

/// Puts a file and what SQLite keeps beside it out of the way.
Result<QString> putAside(const QString& file) {
    const QString stamp = QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-hhmmss-zzz"));
    const QString aside = file + QStringLiteral(".damaged-") + stamp;
    for (const char* suffix : {"-wal", "-shm"}) {
        const QString beside = file + QLatin1String(suffix);
        if (QFile::exists(beside)) QFile::rename(beside, aside + QLatin1String(suffix));
    }
    if (QFile::rename(file, aside)) return aside;
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot put the damaged list of jobs aside:";
    error.file = file.toStdString();
    return error;
}

}  // namespace

JobTable::~JobTable() {
    disconnect();
}

void JobTable::disconnect() {
    m_database.close();
    m_database = QSqlDatabase();
    if (!m_connection.isEmpty()) QSqlDatabase::removeDatabase(m_connection);
    m_connection.clear();
}

Result<void> JobTable::run(const QString& sql, const QVariantList& values) {
    QSqlQuery query(m_database);
    bool done = query.prepare(sql);
    if (done) {
        for (const QVariant& value : values) query.addBindValue(value);
        done = query.exec();
    }
    if (!done) return tableError(query.lastError(), "cannot write the list of jobs", m_file);
    return {};
}

Result<void> JobTable::connect(const QString& file) {
    static std::atomic<int> connections{0};
    m_file = file;
    m_connection = QStringLiteral("edgechat-jobs-%1").arg(connections.fetch_add(1));
    m_database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), m_connection);
    m_database.setDatabaseName(file);
    m_database.setConnectOptions(QStringLiteral("QSQLITE_BUSY_TIMEOUT=%1").arg(kBusyMilliseconds));
    if (!m_database.open()) return tableError(m_database.lastError(), "cannot open the list of jobs", file);
    return {};
}

/// Makes an open file usable. ErrorCode::internal stands for a damaged file here.
Result<void> JobTable::prepare() {
    Error damaged;
    damaged.code = ErrorCode::internal;
    damaged.what = "the list of jobs is damaged:";
    damaged.file = m_file.toStdString();
    {
        QSqlQuery query(m_database);
        if (!query.exec(QStringLiteral("PRAGMA quick_check(1)"))) {
            const int code = codeOf(query.lastError());
            if (code == kSqliteCorrupt || code == kSqliteNoDatabase) return damaged;
            return tableError(query.lastError(), "cannot read the list of jobs", m_file);
        }
        if (!query.next() || query.value(0).toString() != QLatin1String("ok")) return damaged;
    }
    if (Result<void> newest = migrate(); !newest) return newest;
    // A database of the right version with other tables in it is of no use either.
    if (!jobs()) return damaged;
    return {};
}

Result<void> JobTable::migrate() {
    const std::vector<QStringList> steps = migrations();
    const int newest = static_cast<int>(steps.size());
    int version = -1;
    {
        QSqlQuery query(QStringLiteral("PRAGMA user_version"), m_database);
        if (query.next()) version = query.value(0).toInt();
    }
    if (version < 0 || version > newest) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = "cannot open the list of jobs";
        error.file = m_file.toStdString();
        error.field = "user_version";
        error.found = "schema version " + std::to_string(version);
        error.expected = "at most " + std::to_string(newest) + ": a newer EdgeChat wrote this file";
        return error;
    }
    for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
        if (Result<void> set = run(QString::fromLatin1(pragma)); !set) return set;
    }
    if (version == newest) return {};
    Result<void> done = run(QStringLiteral("BEGIN IMMEDIATE"));
    for (int step = version; done && step < newest; ++step) {
        for (const QString& statement : steps[static_cast<size_t>(step)]) {
            if (done) done = run(statement);
        }
    }
    if (done) done = run(QStringLiteral("PRAGMA user_version = %1").arg(newest));
    if (done) done = run(QStringLiteral("COMMIT"));
    if (!done) (void)run(QStringLiteral("ROLLBACK"));
    return done;
}

Result<std::unique_ptr<JobTable>> JobTable::open(const QString& file) {
    QDir().mkpath(QFileInfo(file).absolutePath());
    std::unique_ptr<JobTable> table(new JobTable);
    if (Result<void> opened = table->connect(file); !opened) return opened.error();
    Result<void> ready = table->prepare();
    if (!ready && ready.error().code == ErrorCode::internal) {
        table->disconnect();
        const Result<QString> aside = putAside(file);
        if (!aside) return aside.error();
        table->m_notice = QStringLiteral(
                              "The list of downloads was damaged and begins anew; the old file is %1. What "
                              "they had fetched is still in the folder beside it.")
                              .arg(*aside);
        if (Result<void> opened = table->connect(file); !opened) return opened.error();
        ready = table->prepare();
    }
    if (!ready) return ready.error();
    return table;
}

Result<std::vector<Job>> JobTable::jobs() {
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    std::vector<Job> all;
    if (query.exec(QStringLiteral("SELECT id, %1 FROM jobs ORDER BY position, id").arg(kColumns))) {
        while (query.next()) {
            if (std::optional<Job> job = readJob(query)) all.push_back(std::move(*job));
        }
    }
    if (query.lastError().isValid())
        return tableError(query.lastError(), "cannot read the list of jobs", m_file);
    return all;
}

Result<void> JobTable::add(Job& job) {
    {
        QSqlQuery last(QStringLiteral("SELECT coalesce(max(position), 0) FROM jobs"), m_database);
        if (!last.next()) return tableError(last.lastError(), "cannot read the list of jobs", m_file);
        job.position = last.value(0).toLongLong() + 1;
    }
    job.created = QDateTime::fromMSecsSinceEpoch(QDateTime::currentMSecsSinceEpoch(), Qt::UTC);
    QStringList marks;
    for (int i = 0; i < kColumnCount; i++) marks << QStringLiteral("?");
    QSqlQuery query(m_database);
    query.prepare(
        QStringLiteral("INSERT INTO jobs (%1) VALUES (%2)").arg(kColumns, marks.join(QStringLiteral(", "))));
    for (const QVariant& value : valuesOf(job)) query.addBindValue(value);
    if (!query.exec()) return tableError(query.lastError(), "cannot write the list of jobs", m_file);
    job.id = query.lastInsertId().toLongLong();
    return {};
}

Result<void> JobTable::save(const Job& job) {
    QString assignments = kColumns;
    assignments.replace(QStringLiteral(","), QStringLiteral(" = ?,"));
    return run(QStringLiteral("UPDATE jobs SET %1 = ? WHERE id = ?").arg(assignments), valuesOf(job)
                                                                                           << job.id);
}

Result<void> JobTable::remove(qint64 id) {
    return run(QStringLiteral("DELETE FROM jobs WHERE id = ?"), {id});
}

}  // namespace edgechat::models::jobs
