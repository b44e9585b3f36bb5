// Takes jobs through their stages, one at a time, in one thread.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "models/hub/session.h"
#include "models/jobs/fetch_plan.h"
#include "models/jobs/job_folder.h"
#include "models/jobs/job_table.h"
#include "models/jobs/quantize_run.h"
#include "models/jobs/stage_run.h"

namespace edgechat::models::jobs {

struct RunnerOptions {
    QString tableFile;   ///< dataFolder()/jobs.sqlite
    QString workFolder;  ///< what is on its way; on the store's file system, so that it is linked, not copied
    QString storeFolder;  ///< modelsFolder()
    Quantizer quantizer;
    hub::Settings hub;
    FreeBytes freeBytes;           ///< empty: freeDiskBytes()
    int watchMilliseconds = 2000;  ///< between looks at the free disk

    /// dataFolder()/jobs.sqlite, dataFolder()/downloads, modelsFolder(), edgechat-cli beside this program.
    static RunnerOptions standard(hub::Settings hub);
};

/// Lives in one thread with an event loop; all functions are called there, all signals come from there. What
/// a function changes is on the disk when it returns; where that fails the job fails. Deleting it ends the
/// work at once; the next runner for the same file goes on, as it does after a kill or a power cut: paused
/// jobs stay paused, all others go on in their order.
///
/// A slot calls back later, not from within the signal. Ids that name no job, and calls that make no sense
/// for a job's stage, are passed over.
class JobRunner : public QObject {
    Q_OBJECT

  public:
    explicit JobRunner(RunnerOptions options, QObject* parent = nullptr);
    ~JobRunner() override;

    /// Reads the table and begins. ErrorCode::badInput when another process runs these jobs, or for a table
    /// that cannot be used; nothing works then.
    Result<void> open();
    /// JobTable::notice()
    QString notice() const { return m_table ? m_table->notice() : QString(); }
    const std::vector<Job>& jobs() const { return m_jobs; }  ///< in their order
    const Job* job(qint64 id) const;

    /// ErrorCode::usage for a request that cannot be; the job's id.
    Result<qint64> add(const JobRequest& request);
    /// A job that runs keeps its place until another one wants it: a quantizer is stopped by SIGSTOP, a
    /// transfer gives up its connections. Then its work is put down, and gone on with later.
    void pause(qint64 id);
    void resume(qint64 id);
    /// Ends a job and deletes its files.
    void cancel(qint64 id);
    /// Goes on with a failed job.
    /// @param memoryLimit  of the quantizer from now on, bytes; 0: as before
    void retry(qint64 id, uint64_t memoryLimit = 0);
    /// Puts a job before another one; 0: behind all. One that runs is not put off.
    void moveBefore(qint64 id, qint64 other);
    /// Takes a job that is over off the list, with what it left on the disk.
    void forget(qint64 id);
    /// Token, endpoint, bandwidth, offline from now on. Jobs that failed for want of a token, or offline, go
    /// on when there is one, or the setting is gone.
    void setHub(const hub::Settings& settings);

    /// Asks what a repository is and what it will take, beside the jobs; looked() follows. The latest
    /// question alone is answered.
    void look(const JobRequest& request);
    void stopLooking();

    /// Of the running quantizer; 0: none.
    qint64 quantizerProcess() const;

  Q_SIGNALS:
    /// A job is new, or changed, or made progress (ten times a second at most).
    void changed(const edgechat::models::jobs::Job& job);
    void removed(qint64 id);
    /// Behind each change of the order.
    void reordered();
    void looked(const edgechat::models::jobs::Look& look);
    /// A question was not answered and is asked again.
    void lookWaits(const QString& why);

  private:
    /// Why the running stage was asked to stop.
    enum class Intent { none, yield, cancel, diskFull };

    Result<void> takeLock();
    Job* find(qint64 id);
    Job* current() { return find(m_current); }
    QString folderOf(const Job& job) const { return jobFolder(m_options.workFolder, job); }
    bool save(Job& job);
    void schedule();
    /// Where the files on the disk let a job go on.
    Stage nextOnDisk(const Job& job) const;
    void begin(Job& job);
    std::unique_ptr<StageRun> makeRun(const Job& job);
    void connectRun();
    std::unique_ptr<StageRun> makeFetch(const Job& job);
    void releaseRun();
    void onProgress(const Progress& progress);
    void onFinished();
    void onFailed(const JobFailure& failure);
    void onStopped();
    void fail(Job& job, const JobFailure& failure);
    void removeFiles(const Job& job);
    void watchDisk();

    RunnerOptions m_options;
    Store m_store;
    int m_lock = -1;
    std::unique_ptr<JobTable> m_table;
    hub::Session* m_session = nullptr;
    std::vector<Job> m_jobs;
    std::unique_ptr<StageRun> m_run;
    qint64 m_current = 0;  ///< the job of m_run
    Intent m_intent = Intent::none;
    std::set<qint64> m_restart;  ///< whose quantization begins anew
    std::unique_ptr<FetchPlan> m_look;
    QTimer m_watch;
    QElapsedTimer m_shown;
};

}  // namespace edgechat::models::jobs
