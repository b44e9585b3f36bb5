#include "models/jobs/fetch_run.h"

#include <algorithm>

#include "models/fit.h"
#include "models/store_files.h"

namespace edgechat::models::jobs {

FetchRun::FetchRun(hub::Session& session, const Job& job, QString jobFolder, FreeBytes freeBytes,
                   QObject* parent)
    : StageRun(parent),
      m_session(session),
      m_job(job),
      m_folder(sourceFolder(jobFolder)),
      m_freeBytes(std::move(freeBytes)),
      m_plan(session, job.request) {
    connect(&m_plan, &FetchPlan::described, this, [this](const hub::RepositoryInfo& info) {
        m_commit = QString::fromStdString(info.commit);
        Q_EMIT described(info);
    });
    connect(&m_plan, &FetchPlan::planned, this, &FetchRun::onPlanned);
    connect(&m_plan, &FetchPlan::retrying, this, &FetchRun::onRetrying);
    connect(&m_plan, &FetchPlan::failed, this, [this](const JobFailure& failure) {
        if (m_over) return;
        m_over = true;
        Q_EMIT failed(failure);
    });
}

void FetchRun::start() {
    m_clock.start();
    m_plan.start(m_job.commit);
}

void FetchRun::onPlanned(const PlannedModel& plan) {
    if (m_over) return;
    const DiskFit fit = diskFit(plan, m_freeBytes(m_folder), folderBytes(m_folder));
    const QString meaning = fit.output > 0
                                ? QStringLiteral("(%1 to fetch, %2 for the quantized model, %3 meanwhile)")
                                      .arg(bytesText(fit.source), bytesText(fit.output), bytesText(fit.work))
                                : QStringLiteral("to fetch");
    const Result<void> room = checkRoom(m_freeBytes, m_folder, fit.needed() + kSpareBytes, meaning);
    if (!room) {
        m_over = true;
        Q_EMIT failed({Problem::diskFull, room.error()});
        return;
    }
    m_afterwards = fit.output + fit.work;
    Q_EMIT planned(plan.quantizes);
    if (m_over) return;
    m_planned = true;
    if (!m_paused) download();
}

void FetchRun::download() {
    hub::DownloadRequest request;
    request.repository = m_job.request.repository;
    request.revision = m_commit;
    request.gguf = m_job.request.gguf;
    request.folder = m_folder;
    request.reserveBytes = static_cast<qint64>(m_afterwards);
    m_download = std::make_unique<hub::Download>(m_session, std::move(request));
    connect(m_download.get(), &hub::Download::progressed, this, &FetchRun::show);
    connect(m_download.get(), &hub::Download::retrying, this, &FetchRun::onRetrying);
    connect(m_download.get(), &hub::Download::finished, this, &FetchRun::onFinished);
    connect(m_download.get(), &hub::Download::failed, this, [this](const hub::Failure& failure) {
        if (m_over) return;
        m_over = true;
        Q_EMIT failed(jobFailure(failure));
    });
    m_download->start();
}

void FetchRun::onFinished() {
    if (m_over) return;
    m_over = true;
    QStringList names;
    for (const hub::DownloadedFile& file : m_download->files()) names << file.name;
    removeOthers(m_folder, names);
    if (const Result<void> opens = checkFolder(m_folder); !opens) {
        Q_EMIT failed({Problem::badModel, opens.error()});
        return;
    }
    Q_EMIT finished();
}

void FetchRun::show() {
    if (m_over || !m_download) return;
    Progress progress;
    progress.done = static_cast<uint64_t>(m_download->bytesDone());
    progress.total = static_cast<uint64_t>(m_download->bytesTotal());
    m_speed.note(progress.done, m_clock.elapsed());
    progress.perSecond = m_speed.perSecond();
    progress.secondsLeft = m_speed.secondsLeft(progress.total);
    Q_EMIT progressed(progress);
}

void FetchRun::onRetrying(const hub::Failure& why, int milliseconds) {
    if (m_over) return;
    Progress progress;
    if (m_download) {
        progress.done = static_cast<uint64_t>(m_download->bytesDone());
        progress.total = static_cast<uint64_t>(m_download->bytesTotal());
    }
    progress.detail = QString::fromStdString(why.error.message()) +
                      QStringLiteral("; trying again in %1 s").arg(milliseconds / 1000.0, 0, 'f', 1);
    m_speed.reset();
    Q_EMIT progressed(progress);
}

void FetchRun::pause() {
    m_paused = true;
    m_speed.reset();
    if (m_download) m_download->pause();
}

void FetchRun::resume() {
    m_paused = false;
    if (m_download)
        m_download->resume();
    else if (m_planned)
        download();
}

void FetchRun::stop() {
    if (m_over) return;
    m_over = true;
    m_plan.stop();
    if (m_download) m_download->cancel();
    Q_EMIT stopped();
}

uint64_t FetchRun::bytesToCome() const {
    if (!m_download) return 0;
    const qint64 rest = m_download->bytesTotal() - m_download->bytesDone();
    return static_cast<uint64_t>(std::max<qint64>(0, rest)) + m_afterwards;
}

}  // namespace edgechat::models::jobs
