// The first stage: a repository's model comes to the disk.
#pragma once

#include <QElapsedTimer>
#include <memory>

#include "models/hub/download.h"
#include "models/jobs/fetch_plan.h"
#include "models/jobs/job_folder.h"
#include "models/jobs/shard_fetch.h"
#include "models/jobs/speed.h"
#include "models/jobs/stage_run.h"

namespace edgechat::models::jobs {

/// Ends with all files of the model in the job's source folder, verified, and no others. The room for them
/// and for what the quantizer will make of them is checked before anything large is fetched. Where it is too
/// small for both, and the checkpoint has several shards, it ends with those that the quantizer needs next
/// (ShardFetch).
class FetchRun : public StageRun {
    Q_OBJECT

  public:
    FetchRun(hub::Session& session, const Job& job, QString jobFolder, FreeBytes freeBytes,
             QObject* parent = nullptr);

    void start() override;
    void pause() override;
    void resume() override;
    void stop() override;
    uint64_t bytesToCome() const override;

  Q_SIGNALS:
    /// The commit that the job is tied to from now on; before anything is fetched.
    void described(const edgechat::models::hub::RepositoryInfo& info);
    /// Whether the quantizer has something to do. Before anything large is fetched.
    void planned(bool quantizes);

  private:
    void onPlanned(const PlannedModel& plan);
    /// Where the plan's files have room side by side, or one after the other.
    void fetch();
    void download();
    void fetchShards();
    void onFinished();
    void onRetrying(const hub::Failure& why, int milliseconds);
    Progress bytes() const;
    void show();

    hub::Session& m_session;
    Job m_job;
    QString m_jobFolder, m_folder, m_commit;
    FreeBytes m_freeBytes;
    FetchPlan m_plan;
    std::unique_ptr<hub::Download> m_download;
    std::unique_ptr<ShardFetch> m_shards;
    uint64_t m_output = 0, m_work = 0;  ///< bytes that the quantizer will write
    bool m_byShards = false;
    bool m_planned = false, m_paused = false, m_over = false;
    QElapsedTimer m_clock;
    Speed m_speed;
};

}  // namespace edgechat::models::jobs
