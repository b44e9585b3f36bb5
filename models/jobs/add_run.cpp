#include "models/jobs/add_run.h"

#include <QFileInfo>
#include <algorithm>

namespace edgechat::models::jobs {
namespace {

/// Puts fetched files in the place of damaged ones.
Result<StoreEntry> repair(Store& store, const QString& name, const QString& from,
                          const ImportProgress& progress) {
    const Result<StoreEntry> entry = store.recorded(name);
    if (!entry) return entry.error();
    for (const DamagedFile& file : entry->damagedFiles) {
        const Result<StoreEntry> replaced =
            store.replaceFile(name, file.name, from + u'/' + file.name, progress);
        if (!replaced) return replaced.error();
    }
    return store.find(name);
}

/// In AddRun's thread.
Result<StoreEntry> addToStore(Store& store, const Job& job, const QString& folder,
                              const ImportProgress& progress) {
    if (std::optional<StoreEntry> there = storedFrom(store, folder)) return std::move(*there);
    if (job.request.repairs) return repair(store, job.request.name, sourceFolder(folder), progress);
    const QString from = job.request.method == Method::none ? sourceFolder(folder) : quantizedFolder(folder);
    const bool isFolder = QFileInfo::exists(from + QStringLiteral("/config.json"));
    HubOrigin origin;
    origin.repository = job.request.repository;
    origin.commit = job.commit;
    origin.licence = job.licence;
    return store.importModel(from, freeStoreName(store, job.request, isFolder), progress, std::move(origin));
}

}  // namespace

AddRun::AddRun(Store store, const Job& job, QString jobFolder, QObject* parent)
    : StageRun(parent), m_store(std::move(store)), m_job(job), m_folder(std::move(jobFolder)) {}

AddRun::~AddRun() {
    m_halt = true;
    if (m_thread) m_thread->wait();
}

void AddRun::start() {
    m_clock.start();
    if (!m_paused) begin();
}

void AddRun::begin() {
    m_halt = false;
    m_speed.reset();
    m_thread.reset(QThread::create([this] {
        const Result<StoreEntry> entry =
            addToStore(m_store, m_job, m_folder, [this](uint64_t done, uint64_t total) {
                QMetaObject::invokeMethod(
                    this, [this, done, total] { onProgress(done, total); }, Qt::QueuedConnection);
                return !m_halt;
            });
        QMetaObject::invokeMethod(
            this, [this, entry] { onEnded(entry); }, Qt::QueuedConnection);
    }));
    m_thread->start(QThread::LowPriority);
}

void AddRun::onProgress(uint64_t done, uint64_t total) {
    if (m_over || m_paused) return;
    Progress progress;
    progress.done = std::min(done, total);
    progress.total = total;
    m_speed.note(progress.done, m_clock.elapsed());
    progress.perSecond = m_speed.perSecond();
    progress.secondsLeft = m_speed.secondsLeft(total);
    Q_EMIT progressed(progress);
}

void AddRun::onEnded(const Result<StoreEntry>& entry) {
    m_thread->wait();
    m_thread.reset();
    if (m_over) return;
    if (entry) {
        m_over = true;
        m_storedName = entry->name;
        Q_EMIT finished();
        return;
    }
    if (entry.error().code == ErrorCode::interrupted) {
        if (m_stopping) {
            m_over = true;
            Q_EMIT stopped();
        } else if (!m_paused) {
            begin();  // resumed before the pause had come into effect
        }
        return;
    }
    m_over = true;
    Q_EMIT failed(
        {entry.error().code == ErrorCode::doesNotFit ? Problem::diskFull : Problem::badModel, entry.error()});
}

void AddRun::pause() {
    m_paused = true;
    m_halt = true;
}

void AddRun::resume() {
    m_paused = false;
    if (!m_thread && !m_over) begin();
}

void AddRun::stop() {
    if (m_over) return;
    m_stopping = true;
    m_halt = true;
    if (m_thread) return;
    m_over = true;
    Q_EMIT stopped();
}

}  // namespace edgechat::models::jobs
