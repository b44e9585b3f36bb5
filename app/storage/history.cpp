#include "app/storage/history.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QFile>
#include <QFileInfo>

namespace edgechat::app {
namespace {

// SQLite's primary result codes that say something about the file, not about the statement.
constexpr int kBusy = 5, kLocked = 6, kReadOnly = 8, kInputOutput = 10, kCorrupt = 11, kFull = 13,
              kCannotOpen = 14, kNotADatabase = 26;

bool isFileProblem(int code) {
    switch (code) {
        case kBusy:
        case kLocked:
        case kReadOnly:
        case kInputOutput:
        case kCorrupt:
        case kFull:
        case kCannotOpen:
        case kNotADatabase:
            return true;
        default:
            return false;
    }
}

QString text(const char* source) {
    return QCoreApplication::translate("edgechat::app::History", source);
}

/// What went wrong with `file`, for a person.
HistoryProblem explain(const Error& error, const QString& file) {
    HistoryProblem problem;
    problem.details = QString::fromStdString(error.message());
    const QString keeps =
        text(QT_TRANSLATE_NOOP("edgechat::app::History", "Until then new messages are kept in memory only."));
    switch (sqliteCode(error)) {
        case kBusy:
        case kLocked:
            problem.what = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                  "The chat history %1 is locked by another program."))
                               .arg(file);
            problem.fix =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "Close the other program, then try again."));
            break;
        case kReadOnly:
            problem.what =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "The chat history %1 may not be written."))
                    .arg(file);
            problem.fix = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                 "Make the file and its folder writable, then try again."));
            break;
        case kFull:
            problem.what = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                  "The disk that holds the chat history %1 is full."))
                               .arg(file);
            problem.fix =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "Free some space, then try again."));
            break;
        case kCorrupt:
        case kNotADatabase:
            problem.what =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "The chat history %1 is damaged."))
                    .arg(file);
            problem.fix = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                 "Start a new history: the damaged file is kept beside it, "
                                                 "and all that can be read goes over."));
            break;
        case kCannotOpen:
            problem.what =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "The chat history %1 cannot be opened."))
                    .arg(file);
            problem.fix = text(QT_TRANSLATE_NOOP(
                "edgechat::app::History", "Check that its folder exists and is yours, then try again."));
            break;
        case kInputOutput:
            problem.what = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                  "The disk failed while the chat history %1 was used."))
                               .arg(file);
            problem.fix = text(QT_TRANSLATE_NOOP("edgechat::app::History",
                                                 "Check the disk and the space left on it, then try again."));
            break;
        default:
            problem.what =
                text(QT_TRANSLATE_NOOP("edgechat::app::History", "The chat history %1 cannot be used."))
                    .arg(file);
            problem.fix = error.field == "user_version"
                              ? text(QT_TRANSLATE_NOOP(
                                    "edgechat::app::History",
                                    "A newer EdgeChat wrote it. Update EdgeChat, or start a new history."))
                              : text(QT_TRANSLATE_NOOP("edgechat::app::History", "Try again."));
            break;
    }
    problem.fix += u' ' + keeps;
    return problem;
}

/// Moves a database and SQLite's files beside it to a name that is free. False if the database stays.
bool moveAside(const QString& file) {
    const QString stamp = QDateTime::currentDateTime().toString(QStringLiteral("yyyyMMdd-hhmmss"));
    QString target = QStringLiteral("%1.broken-%2").arg(file, stamp);
    for (int i = 2; QFile::exists(target); ++i) {
        target = QStringLiteral("%1.broken-%2-%3").arg(file, stamp).arg(i);
    }
    for (const QString& suffix : {QStringLiteral("-wal"), QStringLiteral("-shm")}) {
        if (QFile::exists(file + suffix)) QFile::rename(file + suffix, target + suffix);
    }
    return !QFileInfo::exists(file) || QFile::rename(file, target);
}

}  // namespace

History::History(const QString& file, const DatabaseOptions& options, QObject* parent)
    : QObject(parent), m_file(file), m_options(options) {}

History::~History() {
    finish();
}

void History::post(std::function<void()> job) {
    m_worker.post(std::move(job));
}

void History::open() {
    post([this] {
        auto opened = HistoryDatabase::open(m_file, m_options);
        if (opened) {
            m_database = std::move(*opened);
        } else {
            goIntoMemory(opened.error());
        }
    });
}

bool History::fallBack(const Error& error) {
    if (m_database->file() != m_file || !isFileProblem(sqliteCode(error))) return false;
    goIntoMemory(error);
    return true;
}

void History::goIntoMemory(const Error& error) {
    m_database.reset();
    auto memory = HistoryDatabase::openInMemory(m_file, m_options);
    if (!memory) qFatal("SQLite has no memory for a database: %s", memory.error().message().c_str());
    m_database = std::move(*memory);
    report(explain(error, m_file));
}

void History::report(HistoryProblem problem) {
    m_mailbox.post([this, problem = std::move(problem)] {
        if (problem == m_problem) return;
        m_problem = problem;
        Q_EMIT problemChanged();
    });
}

/// Storage thread: opens the file and brings what is in memory into it.
Result<void> History::returnToFile() {
    auto opened = HistoryDatabase::open(m_file, m_options);
    if (!opened) return opened.error();
    if (Result<void> merged = m_database->mergeInto(m_file); !merged) return merged;
    m_database = std::move(*opened);
    report({});
    m_mailbox.post([this] { Q_EMIT reopened(); });
    return {};
}

void History::retry() {
    post([this] {
        if (m_database->file() == m_file) return;
        if (Result<void> back = returnToFile(); !back) report(explain(back.error(), m_file));
    });
}

void History::startFresh() {
    post([this] {
        if (m_database->file() == m_file) {
            auto memory = HistoryDatabase::openInMemory(m_file, m_options);
            if (!memory) return;
            m_database = std::move(*memory);
        }
        if (!moveAside(m_file)) {
            Error error;
            error.what = "cannot move aside";
            error.file = m_file.toStdString();
            report(explain(error, m_file));
            return;
        }
        if (Result<void> back = returnToFile(); !back) report(explain(back.error(), m_file));
    });
}

void History::checkLater() {
    post([this] {
        if (m_database->file() != m_file) return;
        if (Result<void> checked = m_database->check(); !checked) {
            if (fallBack(checked.error())) m_mailbox.post([this] { Q_EMIT reopened(); });
        }
    });
}

void History::finish() {
    m_worker.post([this] { m_database.reset(); });
    m_worker.finish();
    m_mailbox.deliver();
}

}  // namespace edgechat::app
