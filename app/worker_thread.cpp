#include "app/worker_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <QSocketNotifier>

#include <cstdint>
#include <utility>

namespace edgechat::app {

WorkerThread::WorkerThread() : m_thread([this] { run(); }) {}

WorkerThread::~WorkerThread() {
    finish();
}

bool WorkerThread::post(std::function<void()> job) {
    {
        const std::lock_guard lock(m_mutex);
        if (m_ending) return false;
        m_jobs.push_back(std::move(job));
    }
    m_wake.notify_one();
    return true;
}

void WorkerThread::finish() {
    {
        const std::lock_guard lock(m_mutex);
        m_ending = true;
    }
    m_wake.notify_one();
    if (m_thread.joinable()) m_thread.join();
}

void WorkerThread::run() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [this] { return m_ending || !m_jobs.empty(); });
            if (m_jobs.empty()) return;
            job = std::move(m_jobs.front());
            m_jobs.pop_front();
        }
        job();
    }
}

Mailbox::Mailbox(QObject* parent) : QObject(parent), m_event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (m_event < 0) qFatal("cannot make an event file: too many open files");
    m_notifier = new QSocketNotifier(m_event, QSocketNotifier::Read, this);
    connect(m_notifier, &QSocketNotifier::activated, this, &Mailbox::deliver);
}

Mailbox::~Mailbox() {
    m_notifier->setEnabled(false);
    close(m_event);
}

void Mailbox::post(std::function<void()> letter) {
    {
        const std::lock_guard lock(m_mutex);
        m_letters.push_back(std::move(letter));
    }
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the receiver is already woken.
    [[maybe_unused]] const ssize_t written = write(m_event, &one, sizeof one);
}

void Mailbox::deliver() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(m_event, &count, sizeof count);
    std::deque<std::function<void()>> letters;
    {
        const std::lock_guard lock(m_mutex);
        letters.swap(m_letters);
    }
    for (const std::function<void()>& letter : letters) letter();
}

}  // namespace edgechat::app
