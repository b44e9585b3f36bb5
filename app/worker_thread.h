// A thread that runs jobs one after another, and the way back to the thread that asked.
#pragma once

#include <QObject>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

class QSocketNotifier;

namespace edgechat::app {

/// Runs jobs in the order in which they were posted. post() may be called from any thread.
class WorkerThread {
  public:
    WorkerThread();
    ~WorkerThread();  ///< finish()
    WorkerThread(const WorkerThread&) = delete;
    WorkerThread& operator=(const WorkerThread&) = delete;

    /// False, and the job is dropped, after finish().
    bool post(std::function<void()> job);
    /// Runs what was posted and ends the thread. Blocks.
    void finish();

  private:
    void run();

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<std::function<void()>> m_jobs;  ///< guarded by m_mutex
    bool m_ending = false;                     ///< guarded by m_mutex
    std::thread m_thread;
};

/// Delivers functions from any thread to the thread that owns the mailbox, whose event loop runs them. What
/// it hands over goes through a mutex, and only a byte in an eventfd wakes the receiver.
class Mailbox : public QObject {
    Q_OBJECT

  public:
    explicit Mailbox(QObject* parent = nullptr);
    ~Mailbox() override;

    void post(std::function<void()> letter);  ///< any thread
    void deliver();                           ///< owner only: runs what has arrived

  private:
    int m_event = -1;
    QSocketNotifier* m_notifier = nullptr;
    std::mutex m_mutex;
    std::deque<std::function<void()>> m_letters;  ///< guarded by m_mutex
};

}  // namespace edgechat::app
