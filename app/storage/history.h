// The chat history as the GUI thread sees it: questions go to the storage thread, answers come back.
#pragma once

#include <QObject>
#include <QPointer>
#include <QString>

#include <functional>
#include <memory>
#include <utility>

#include "app/storage/history_database.h"
#include "app/worker_thread.h"

namespace edgechat::app {

/// Why the history is not on disk, for a person. Empty when it is.
struct HistoryProblem {
    QString what, fix, details;
    bool operator==(const HistoryProblem&) const = default;
};

/// Lives on the GUI thread and owns the storage thread. When the file cannot be opened or written, everything
/// goes on in memory, with what could be read, and problem() says so.
class History : public QObject {
    Q_OBJECT

  public:
    explicit History(const QString& file, const DatabaseOptions& options = {}, QObject* parent = nullptr);
    ~History() override;

    void open();        ///< the first job; nothing may be asked before
    void retry();       ///< tries the file again and writes into it what was said in the meantime
    void startFresh();  ///< moves the file aside and begins a new one with what is in memory
    void checkLater();  ///< reads the whole file, after all that was asked so far
    void finish();      ///< runs what was asked and ends the thread. Blocks
    const HistoryProblem& problem() const { return m_problem; }
    const QString& file() const { return m_file; }

    /// Runs `work` on the storage thread, then `done` on this one, unless `receiver` has gone. A failure that
    /// means that the file is unusable moves the history into memory and runs `work` there.
    template <class T>
    void ask(QObject* receiver, std::function<Result<T>(HistoryDatabase&)> work,
             std::function<void(Result<T>)> done) {
        post([this, guard = QPointer<QObject>(receiver), work = std::move(work), done = std::move(done)] {
            auto result = std::make_shared<Result<T>>(work(*m_database));
            if (!*result && fallBack(result->error())) *result = work(*m_database);
            m_mailbox.post([guard, done, result] {
                if (guard != nullptr) done(std::move(*result));
            });
        });
    }

  Q_SIGNALS:
    void problemChanged();
    void reopened();  ///< the content may have changed as a whole

  private:
    void post(std::function<void()> job);
    bool fallBack(const Error& error);      ///< storage thread
    void goIntoMemory(const Error& error);  ///< storage thread
    void report(HistoryProblem problem);    ///< storage thread
    Result<void> returnToFile();            ///< storage thread

    const QString m_file;
    const DatabaseOptions m_options;
    HistoryProblem m_problem;
    Mailbox m_mailbox;
    std::unique_ptr<HistoryDatabase> m_database;  ///< storage thread only
    WorkerThread m_worker;                        ///< last: it ends before what it uses
};

}  // namespace edgechat::app
