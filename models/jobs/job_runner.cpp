#include "models/jobs/job_runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/fit.h"
#include "models/jobs/add_run.h"
#include "models/jobs/fetch_run.h"
#include "models/paths.h"
#include "models/store_files.h"

namespace edgechat::models::jobs {
namespace {

constexpr qint64 kShowMilliseconds = 100;

bool isRunning(Stage stage) {
    return stage == Stage::fetch || stage == Stage::quantize || stage == Stage::add;
}

}  // namespace

RunnerOptions RunnerOptions::standard(hub::Settings hub) {
    RunnerOptions options;
    options.tableFile = dataFolder() + QStringLiteral("/jobs.sqlite");
    options.workFolder = dataFolder() + QStringLiteral("/downloads");
    options.storeFolder = modelsFolder();
    options.quantizer.program = quantizerProgram();
    options.hub = std::move(hub);
    return options;
}

JobRunner::JobRunner(RunnerOptions options, QObject* parent)
    : QObject(parent), m_options(std::move(options)), m_store(m_options.storeFolder), m_watch(this) {
    if (!m_options.freeBytes) m_options.freeBytes = freeDiskBytes;
    m_watch.setInterval(m_options.watchMilliseconds);
    connect(&m_watch, &QTimer::timeout, this, &JobRunner::watchDisk);
}

JobRunner::~JobRunner() {
    m_run.reset();
    m_look.reset();
    // Before the session that they were made with, which is a child, too.
    qDeleteAll(findChildren<StageRun*>(QString(), Qt::FindDirectChildrenOnly));
    qDeleteAll(findChildren<FetchPlan*>(QString(), Qt::FindDirectChildrenOnly));
    if (m_lock >= 0) ::close(m_lock);
}

Result<void> JobRunner::takeLock() {
    if (m_lock >= 0) return {};
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot work on the downloads in";
    error.file = m_options.workFolder.toStdString();
    QDir().mkpath(m_options.workFolder);
    const QByteArray file = QFile::encodeName(m_options.workFolder + QStringLiteral("/.lock"));
    // Close-on-exec: the kernel frees the lock with this process, whatever its children do.
    m_lock = ::open(file.constData(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (m_lock < 0) {
        if (errno == ENOSPC || errno == EDQUOT) error.code = ErrorCode::doesNotFit;
        error.found = std::strerror(errno);
        return error;
    }
    // Some network file systems have no locks. There nothing can be told.
    if (::flock(m_lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
    ::close(m_lock);
    m_lock = -1;
    error.found = "another EdgeChat at work on them";
    error.expected = "to be the only one";
    return error;
}

Result<void> JobRunner::open() {
    if (Result<void> locked = takeLock(); !locked) return locked;
    Result<std::unique_ptr<JobTable>> table = JobTable::open(m_options.tableFile);
    if (!table) return table.error();
    Result<std::vector<Job>> jobs = (*table)->jobs();
    if (!jobs) return jobs.error();
    m_table = std::move(*table);
    m_jobs = std::move(*jobs);
    m_session = new hub::Session(m_options.hub, this);
    for (Job& job : m_jobs) {
        if (isRunning(job.stage)) {  // it was when the last process ended
            job.next = job.stage;
            job.stage = Stage::waiting;
        }
        const bool leftovers = job.stage == Stage::done || job.stage == Stage::cancelled;
        if (leftovers) removeFiles(job);
        Q_EMIT changed(job);
    }
    // What comes of it is told to those who connect after this call, too.
    QTimer::singleShot(0, this, &JobRunner::schedule);
    return {};
}

Job* JobRunner::find(qint64 id) {
    const auto job =
        std::find_if(m_jobs.begin(), m_jobs.end(), [id](const Job& one) { return one.id == id; });
    return job == m_jobs.end() ? nullptr : &*job;
}

const Job* JobRunner::job(qint64 id) const {
    return const_cast<JobRunner*>(this)->find(id);
}

/// Before anything is done for a job. One that cannot be written down fails: after a crash nobody would know.
bool JobRunner::save(Job& job) {
    const Result<void> saved = m_table->save(job);
    if (saved) {
        Q_EMIT changed(job);
        return true;
    }
    if (job.stage != Stage::failed) {  // else that failure counts
        job.stage = Stage::failed;
        job.problem = saved.error().code == ErrorCode::doesNotFit ? Problem::diskFull : Problem::internal;
        job.error = QString::fromStdString(saved.error().message());
    }
    Q_EMIT changed(job);
    return false;
}

Result<qint64> JobRunner::add(const JobRequest& request) {
    if (!m_table) {
        Error error;
        error.what = "cannot begin a download: the list of jobs is not open";
        return error;
    }
    if (Result<void> possible = checkRequest(request); !possible) return possible.error();
    Job job;
    job.request = request;
    if (Result<void> added = m_table->add(job); !added) return added.error();
    m_jobs.push_back(job);
    Q_EMIT changed(job);
    QTimer::singleShot(0, this, &JobRunner::schedule);
    return job.id;
}

void JobRunner::schedule() {
    const auto next = std::find_if(m_jobs.begin(), m_jobs.end(),
                                   [](const Job& job) { return job.stage == Stage::waiting && !job.paused; });
    if (next == m_jobs.end()) return;
    if (!m_run) return begin(*next);
    const Job* const running = current();
    if (running && running->paused && m_intent == Intent::none) {
        m_intent = Intent::yield;
        m_run->stop();
    }
}

Stage JobRunner::nextOnDisk(const Job& job) const {
    const QString folder = folderOf(job);
    const auto fetched = [&] {
        if (isByShards(sourceFolder(folder))) return isNextShardHere(folder) ? Stage::quantize : Stage::fetch;
        if (!checkFolder(sourceFolder(folder))) return Stage::fetch;
        return job.request.method == Method::none ? Stage::add : Stage::quantize;
    };
    if (job.next == Stage::quantize) return fetched();
    if (job.next != Stage::add) return Stage::fetch;
    if (storedFrom(m_store, folder)) return Stage::add;
    if (job.request.method == Method::none) return fetched();
    return checkFolder(quantizedFolder(folder)) ? Stage::add : fetched();
}

void JobRunner::begin(Job& job) {
    job.next = nextOnDisk(job);
    job.stage = job.next;
    job.problem = Problem::none;
    job.error.clear();
    job.progress = {};
    if (!save(job)) return;
    m_current = job.id;
    m_intent = Intent::none;
    m_run = makeRun(job);
    m_restart.erase(job.id);
    connectRun();
    m_shown.invalidate();
    m_watch.start();
    m_run->start();
}

std::unique_ptr<StageRun> JobRunner::makeRun(const Job& job) {
    if (job.stage == Stage::fetch) return makeFetch(job);
    if (job.stage == Stage::add) return std::make_unique<AddRun>(m_store, job, folderOf(job));
    return std::make_unique<QuantizeRun>(m_options.quantizer, job, folderOf(job), m_options.freeBytes,
                                         m_restart.count(job.id) > 0);
}

std::unique_ptr<StageRun> JobRunner::makeFetch(const Job& job) {
    if (job.request.repairs) linkWholeFiles(m_store, job.request.name, sourceFolder(folderOf(job)));
    auto run = std::make_unique<FetchRun>(*m_session, job, folderOf(job), m_options.freeBytes);
    // Both come before anything is fetched that depends on them.
    connect(run.get(), &FetchRun::described, this, [this](const hub::RepositoryInfo& info) {
        Job* const job = current();
        if (!job || m_intent != Intent::none) return;
        job->commit = QString::fromStdString(info.commit);
        job->licence = QString::fromStdString(info.licence);
        if (!save(*job)) m_run->stop();
    });
    connect(run.get(), &FetchRun::planned, this, [this](bool quantizes) {
        Job* const job = current();
        if (!job || quantizes || job->request.method == Method::none || m_intent != Intent::none) return;
        job->request.method = Method::none;
        if (!save(*job)) m_run->stop();
    });
    return run;
}

void JobRunner::connectRun() {
    connect(m_run.get(), &StageRun::progressed, this, &JobRunner::onProgress);
    connect(m_run.get(), &StageRun::finished, this, &JobRunner::onFinished);
    connect(m_run.get(), &StageRun::failed, this, &JobRunner::onFailed);
    connect(m_run.get(), &StageRun::stopped, this, &JobRunner::onStopped);
}

/// The run is in one of its own signals, most often.
void JobRunner::releaseRun() {
    m_watch.stop();
    m_run->disconnect(this);
    m_run->setParent(this);
    m_run.release()->deleteLater();
    m_current = 0;
}

void JobRunner::onProgress(const Progress& progress) {
    Job* const job = current();
    if (!job || job->paused || !isRunning(job->stage)) return;
    job->progress = progress;
    const bool show = !m_shown.isValid() || m_shown.elapsed() >= kShowMilliseconds ||
                      progress.done == progress.total || !progress.detail.isEmpty();
    if (!show) return;
    m_shown.start();
    Q_EMIT changed(*job);
}

void JobRunner::onFinished() {
    Job* const job = current();
    // It cannot be called back any more when the last stage was over before the wish to stop it.
    const Stage stage = job && m_intent == Intent::cancel ? job->next : job ? job->stage : Stage::failed;
    const auto* const add = qobject_cast<const AddRun*>(m_run.get());
    const auto* const quantize = qobject_cast<const QuantizeRun*>(m_run.get());
    const bool needsShard = quantize && quantize->needsShard();
    const QString storedName = add ? add->storedName() : QString();
    const Intent intent = m_intent;
    releaseRun();
    if (!job) return schedule();
    if (stage == Stage::add) {
        job->stage = Stage::done;
        job->storedName = storedName;
        job->paused = false;
        job->progress = {};
        if (save(*job)) removeFiles(*job);
        return schedule();
    }
    if (intent == Intent::cancel) {
        removeFiles(*job);
        Q_EMIT changed(*job);
        return schedule();
    }
    const bool quantizes = stage == Stage::fetch && job->request.method != Method::none;
    job->next = needsShard ? Stage::fetch : quantizes ? Stage::quantize : Stage::add;
    if (!job->paused && intent == Intent::none) return begin(*job);
    job->stage = Stage::waiting;
    save(*job);
    schedule();
}

void JobRunner::onFailed(const JobFailure& failure) {
    Job* const job = current();
    const Intent intent = m_intent;
    releaseRun();
    if (!job) return schedule();
    if (intent == Intent::cancel) {
        removeFiles(*job);
        Q_EMIT changed(*job);
        return schedule();
    }
    fail(*job, failure);
    schedule();
}

void JobRunner::fail(Job& job, const JobFailure& failure) {
    if (isRunning(job.stage)) job.next = job.stage;
    job.stage = Stage::failed;
    job.problem = failure.problem;
    job.error = QString::fromStdString(failure.error.message());
    job.progress = {};
    save(job);
}

void JobRunner::onStopped() {
    Job* const job = current();
    const Intent intent = m_intent;
    releaseRun();
    if (job && intent == Intent::cancel) {
        removeFiles(*job);
        Q_EMIT changed(*job);
    } else if (job && intent == Intent::diskFull) {
        Error error;
        error.code = ErrorCode::doesNotFit;
        error.what = "stopped before the disk is full:";
        error.file = m_options.workFolder.toStdString();
        error.found = bytesText(m_options.freeBytes(m_options.workFolder)).toStdString() + " free";
        error.expected = "more room; it goes on where it was";
        fail(*job, {Problem::diskFull, error});
    } else if (job && isRunning(job->stage)) {
        job->next = job->stage;
        job->stage = Stage::waiting;
        job->progress = {};
        save(*job);
    }
    schedule();
}

void JobRunner::pause(qint64 id) {
    Job* const job = find(id);
    if (!job || job->isOver() || job->paused) return;
    job->paused = true;
    job->progress.perSecond = 0;
    job->progress.secondsLeft = -1;
    if (m_run && m_current == id) m_run->pause();
    if (!save(*job) && m_run && m_current == id) m_run->stop();
    schedule();
}

void JobRunner::resume(qint64 id) {
    Job* const job = find(id);
    if (!job || job->isOver() || !job->paused) return;
    job->paused = false;
    if (!save(*job)) {
        if (m_run && m_current == id) m_run->stop();
        return;
    }
    if (m_run && m_current == id && m_intent == Intent::none)
        m_run->resume();
    else
        schedule();
}

void JobRunner::cancel(qint64 id) {
    Job* const job = find(id);
    if (!job || job->stage == Stage::done || job->stage == Stage::cancelled) return;
    if (isRunning(job->stage)) job->next = job->stage;
    job->stage = Stage::cancelled;
    job->paused = false;
    job->progress = {};
    const bool saved = save(*job);
    if (m_run && m_current == id) {
        const bool stopping = m_intent != Intent::none;
        if (saved) m_intent = Intent::cancel;
        if (!stopping) m_run->stop();
    } else if (saved) {
        removeFiles(*job);
    }
}

void JobRunner::retry(qint64 id, uint64_t memoryLimit) {
    Job* const job = find(id);
    if (!job || job->stage != Stage::failed) return;
    // What the quantizer refused once it would refuse again.
    if (job->next == Stage::quantize && job->problem == Problem::badModel) m_restart.insert(id);
    if (memoryLimit > 0) job->memoryLimit = memoryLimit;
    job->stage = Stage::waiting;
    job->problem = Problem::none;
    job->error.clear();
    job->paused = false;
    if (save(*job)) schedule();
}

void JobRunner::moveBefore(qint64 id, qint64 other) {
    const auto at = [this](qint64 wanted) {
        return std::find_if(m_jobs.begin(), m_jobs.end(),
                            [wanted](const Job& job) { return job.id == wanted; });
    };
    if (id == other || at(id) == m_jobs.end()) return;
    Job moved = *at(id);
    m_jobs.erase(at(id));
    m_jobs.insert(at(other), std::move(moved));
    qint64 position = 0;
    for (Job& job : m_jobs) {
        position++;
        if (job.position == position) continue;
        job.position = position;
        save(job);
    }
    Q_EMIT reordered();
    schedule();
}

void JobRunner::forget(qint64 id) {
    const Job* const job = find(id);
    if (!job || !job->isOver() || (m_run && m_current == id)) return;
    removeFiles(*job);
    if (!m_table->remove(id)) return;
    m_jobs.erase(m_jobs.begin() + (job - m_jobs.data()));
    Q_EMIT removed(id);
}

void JobRunner::look(const JobRequest& request) {
    const auto answered = std::make_shared<Look>();
    answered->request = request;
    const auto tell = [this, answered] {
        Q_EMIT looked(*answered);
        stopLooking();
    };
    stopLooking();
    const Result<void> possible = checkRequest(request);
    if (!possible || !m_session) {
        Error closed;
        closed.what = "cannot ask: the list of jobs is not open";
        answered->failure = {Problem::unsuitable, possible ? closed : possible.error()};
        return tell();
    }
    m_look = std::make_unique<FetchPlan>(*m_session, request);
    connect(m_look.get(), &FetchPlan::described, this,
            [answered](const hub::RepositoryInfo& info) { answered->info = info; });
    connect(m_look.get(), &FetchPlan::planned, this, [answered, tell](const PlannedModel& plan) {
        answered->plan = plan;
        tell();
    });
    connect(m_look.get(), &FetchPlan::failed, this, [answered, tell](const JobFailure& failure) {
        answered->failure = failure;
        tell();
    });
    connect(m_look.get(), &FetchPlan::retrying, this, [this](const hub::Failure& why) {
        Q_EMIT lookWaits(QString::fromStdString(why.error.message()));
    });
    m_look->start({});
}

void JobRunner::stopLooking() {
    if (!m_look) return;
    m_look->disconnect(this);
    m_look->stop();
    m_look->setParent(this);
    m_look.release()->deleteLater();
}

void JobRunner::setHub(const hub::Settings& settings) {
    const bool sameHub = settings.endpoint.base() == m_options.hub.endpoint.base();
    m_options.hub = settings;
    if (!m_session) return;
    if (!sameHub) stopLooking();
    if (sameHub) {
        m_session->setToken(settings.token);
        m_session->setOffline(settings.offline);
        m_session->setBytesPerSecond(settings.bytesPerSecond);
    } else {
        hub::Session* const old = m_session;
        m_session = new hub::Session(m_options.hub, this);
        const Job* const running = current();
        if (m_run && running && running->stage == Stage::fetch && m_intent == Intent::none) {
            m_intent = Intent::yield;
            m_run->stop();
        }
        old->deleteLater();  // behind the transfers that it must outlive
    }
    std::vector<qint64> again;
    for (const Job& job : m_jobs) {
        const bool token = job.problem == Problem::needsToken && !settings.token.isEmpty();
        const bool online = job.problem == Problem::offline && !settings.offline;
        if (job.stage == Stage::failed && (token || online)) again.push_back(job.id);
    }
    for (const qint64 id : again) retry(id);
}

void JobRunner::removeFiles(const Job& job) {
    deleteFolder(folderOf(job));
}

void JobRunner::watchDisk() {
    const Job* const job = current();
    // Adding links what is there: a full disk cannot stop it.
    if (!m_run || !job || job->stage == Stage::add || m_intent != Intent::none) return;
    const uint64_t available = m_options.freeBytes(m_options.workFolder);
    // Half of what was wanted to spare at the beginning: other programs write a little, too.
    if (available == 0 || available >= m_run->bytesToCome() + kSpareBytes / 2) return;
    m_intent = Intent::diskFull;
    m_run->stop();
}

qint64 JobRunner::quantizerProcess() const {
    const auto* const run = qobject_cast<const QuantizeRun*>(m_run.get());
    return run ? run->processId() : 0;
}

}  // namespace edgechat::models::jobs
