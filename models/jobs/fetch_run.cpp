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
      m_jobFolder(jobFolder),
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
    const uint64_t available = m_freeBytes(m_folder);
    const uint64_t usable =
        available > kSpareBytes ? available - kSpareBytes : std::min<uint64_t>(available, 1);
    // With what an earlier try quantized, where it has to begin its download anew.
    const DiskFit fit = diskFit(plan, usable, folderBytes(m_jobFolder));
    m_byShards = plan.quantizes && !m_plan.shards().empty() && (isByShards(m_folder) || fit.fileByFile());
    const QString meaning =
        fit.output > 0
            ? QStringLiteral("(%1 %2, %3 for the quantized model, %4 meanwhile)")
                  .arg(bytesText(m_byShards ? fit.sourceAtOnce : fit.source),
                       m_byShards ? QStringLiteral("of the source at once") : QStringLiteral("to fetch"),
                       bytesText(fit.output), bytesText(fit.work))
            : QStringLiteral("to fetch");
    // What has begun has its own, exact figure.
    const Result<void> room = isByShards(m_folder)
                                  ? Result<void>()
                                  : checkRoom(m_freeBytes, m_folder, fit.needed() + kSpareBytes, meaning);
    if (!room) {
        m_over = true;
        Q_EMIT failed({Problem::diskFull, room.error()});
        return;
    }
    m_output = fit.output;
    m_work = fit.work;
    Q_EMIT planned(plan.quantizes);
    if (m_over) return;
    m_planned = true;
    if (!m_paused) fetch();
}

void FetchRun::fetch() {
    if (m_byShards)
        fetchShards();
    else
        download();
}

void FetchRun::fetchShards() {
    m_shards =
        std::make_unique<ShardFetch>(m_session,
                                     ShardRequest{m_job.request.repository, m_commit, m_jobFolder,
                                                  m_plan.companions(), m_plan.shards(), m_output, m_work},
                                     m_freeBytes);
    connect(m_shards.get(), &ShardFetch::progressed, this, &FetchRun::show);
    connect(m_shards.get(), &ShardFetch::retrying, this, &FetchRun::onRetrying);
    connect(m_shards.get(), &ShardFetch::finished, this, [this] {
        if (m_over) return;
        m_over = true;
        Q_EMIT finished();
    });
    connect(m_shards.get(), &ShardFetch::failed, this, [this](const JobFailure& failure) {
        if (m_over) return;
        m_over = true;
        Q_EMIT failed(failure);
    });
    m_shards->start();
}

void FetchRun::download() {
    hub::DownloadRequest request;
    request.repository = m_job.request.repository;
    request.revision = m_commit;
    request.gguf = m_job.request.gguf;
    request.folder = m_folder;
    request.reserveBytes = static_cast<qint64>(m_output + m_work);
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

Progress FetchRun::bytes() const {
    Progress progress;
    if (m_download) {
        progress.done = static_cast<uint64_t>(m_download->bytesDone());
        progress.total = static_cast<uint64_t>(m_download->bytesTotal());
    }
    if (m_shards) {
        progress.done = m_shards->bytesDone();
        progress.total = m_shards->bytesTotal();
    }
    return progress;
}

void FetchRun::show() {
    if (m_over) return;
    Progress progress = bytes();
    m_speed.note(progress.done, m_clock.elapsed());
    progress.perSecond = m_speed.perSecond();
    progress.secondsLeft = m_speed.secondsLeft(progress.total);
    Q_EMIT progressed(progress);
}

void FetchRun::onRetrying(const hub::Failure& why, int milliseconds) {
    if (m_over) return;
    Progress progress = bytes();
    progress.detail = QString::fromStdString(why.error.message()) +
                      QStringLiteral("; trying again in %1 s").arg(milliseconds / 1000.0, 0, 'f', 1);
    m_speed.reset();
    Q_EMIT progressed(progress);
}

void FetchRun::pause() {
    m_paused = true;
    m_speed.reset();
    if (m_download) m_download->pause();
    if (m_shards) m_shards->pause();
}

void FetchRun::resume() {
    m_paused = false;
    if (m_download)
        m_download->resume();
    else if (m_shards)
        m_shards->resume();
    else if (m_planned)
        fetch();
}

void FetchRun::stop() {
    if (m_over) return;
    m_over = true;
    m_plan.stop();
    if (m_download) m_download->cancel();
    if (m_shards) m_shards->stop();
    Q_EMIT stopped();
}

uint64_t FetchRun::bytesToCome() const {
    if (m_shards) return m_shards->bytesToCome();
    if (!m_download) return 0;
    const qint64 rest = m_download->bytesTotal() - m_download->bytesDone();
    return static_cast<uint64_t>(std::max<qint64>(0, rest)) + m_output + m_work;
}

}  // namespace edgechat::models::jobs
