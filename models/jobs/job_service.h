// Jobs for a program with a window.
#pragma once

#include <QObject>
#include <QThread>
#include <vector>

#include "models/jobs/job_runner.h"

namespace edgechat::models::jobs {

/// Owns the worker thread and the runner in it. Lives in any thread with an event loop (the window's); every
/// function returns at once, what comes of it arrives as a signal in that thread.
class JobService : public QObject {
    Q_OBJECT

  public:
    explicit JobService(RunnerOptions options, QObject* parent = nullptr);
    /// Ends the work at once and waits for the thread; the next service goes on.
    ~JobService() override;

    /// As of the last signal, in their order.
    const std::vector<Job>& jobs() const { return m_jobs; }

    void add(const JobRequest& request);
    void pause(qint64 id);
    void resume(qint64 id);
    void cancel(qint64 id);
    void retry(qint64 id, uint64_t memoryLimit = 0);
    void moveBefore(qint64 id, qint64 other);
    void forget(qint64 id);
    void setHub(const hub::Settings& settings);
    void look(const JobRequest& request);
    void stopLooking();

  Q_SIGNALS:
    /// The table was read; `notice` is a sentence for a person, or empty.
    void opened(const QString& notice);
    /// Nothing works: a newer program's table, another program at work.
    void unusable(const QString& why);
    /// A job is new, changed or made progress.
    void changed(const edgechat::models::jobs::Job& job);
    void removed(qint64 id);
    void reordered();
    /// The answer to the latest look().
    void looked(const edgechat::models::jobs::Look& look);
    void lookWaits(const QString& why);
    /// add() had no effect.
    void refused(const QString& why);

  private:
    template <class Function>
    void post(Function function) {
        QMetaObject::invokeMethod(
            m_runner, [runner = m_runner, function] { function(*runner); }, Qt::QueuedConnection);
    }
    void keep(const Job& job);

    QThread m_thread;
    JobRunner* m_runner;  ///< lives in m_thread and ends with it
    std::vector<Job> m_jobs;
};

}  // namespace edgechat::models::jobs
