#include "models/jobs/job_service.h"

#include <algorithm>

namespace edgechat::models::jobs {

JobService::JobService(RunnerOptions options, QObject* parent)
    : QObject(parent), m_runner(new JobRunner(std::move(options))) {
    m_runner->moveToThread(&m_thread);
    connect(&m_thread, &QThread::finished, m_runner, &QObject::deleteLater);
    connect(m_runner, &JobRunner::changed, this, [this](const Job& job) {
        keep(job);
        Q_EMIT changed(job);
    });
    connect(m_runner, &JobRunner::removed, this, [this](qint64 id) {
        m_jobs.erase(
            std::remove_if(m_jobs.begin(), m_jobs.end(), [id](const Job& job) { return job.id == id; }),
            m_jobs.end());
        Q_EMIT removed(id);
    });
    connect(m_runner, &JobRunner::reordered, this, [this] {
        std::stable_sort(m_jobs.begin(), m_jobs.end(),
                         [](const Job& a, const Job& b) { return a.position < b.position; });
        Q_EMIT reordered();
    });
    connect(m_runner, &JobRunner::looked, this, &JobService::looked);
    connect(m_runner, &JobRunner::lookWaits, this, &JobService::lookWaits);
    m_thread.setObjectName(QStringLiteral("jobs"));
    m_thread.start();
    post([this](JobRunner& runner) {
        const Result<void> open = runner.open();
        const QString text = open ? runner.notice() : QString::fromStdString(open.error().message());
        const bool usable = open.operator bool();
        QMetaObject::invokeMethod(
            this, [this, usable, text] { usable ? opened(text) : unusable(text); }, Qt::QueuedConnection);
    });
}

JobService::~JobService() {
    m_thread.quit();
    m_thread.wait();
}

void JobService::keep(const Job& job) {
    const auto known =
        std::find_if(m_jobs.begin(), m_jobs.end(), [&job](const Job& one) { return one.id == job.id; });
    if (known == m_jobs.end())
        m_jobs.push_back(job);
    else
        *known = job;
}

void JobService::add(const JobRequest& request) {
    post([this, request](JobRunner& runner) {
        const Result<qint64> id = runner.add(request);
        if (id) return;
        const QString why = QString::fromStdString(id.error().message());
        QMetaObject::invokeMethod(
            this, [this, why] { Q_EMIT refused(why); }, Qt::QueuedConnection);
    });
}

void JobService::pause(qint64 id) {
    post([id](JobRunner& runner) { runner.pause(id); });
}

void JobService::resume(qint64 id) {
    post([id](JobRunner& runner) { runner.resume(id); });
}

void JobService::cancel(qint64 id) {
    post([id](JobRunner& runner) { runner.cancel(id); });
}

void JobService::retry(qint64 id, uint64_t memoryLimit) {
    post([id, memoryLimit](JobRunner& runner) { runner.retry(id, memoryLimit); });
}

void JobService::moveBefore(qint64 id, qint64 other) {
    post([id, other](JobRunner& runner) { runner.moveBefore(id, other); });
}

void JobService::forget(qint64 id) {
    post([id](JobRunner& runner) { runner.forget(id); });
}

void JobService::look(const JobRequest& request) {
    post([request](JobRunner& runner) { runner.look(request); });
}

void JobService::stopLooking() {
    post([](JobRunner& runner) { runner.stopLooking(); });
}

void JobService::setHub(const hub::Settings& settings) {
    post([settings](JobRunner& runner) { runner.setHub(settings); });
}

}  // namespace edgechat::models::jobs
