// What a repository is and what it will take, before anything large moves.
#pragma once

#include <QObject>
#include <QString>
#include <optional>

#include "models/hub/client.h"
#include "models/hub/file_selection.h"
#include "models/jobs/job.h"
#include "models/planned_model.h"

namespace edgechat::models::jobs {

/// Asks the Hub for a repository's commit, list of files, configuration and index, and plans the model from
/// them. Lives in the session's thread; all signals come later, from its event loop.
class FetchPlan : public QObject {
    Q_OBJECT

  public:
    FetchPlan(hub::Session& session, JobRequest request, QObject* parent = nullptr);

    /// @param commit  that the job is tied to; empty: the one that the request's revision is now
    void start(const QString& commit);
    void stop() { m_client.stop(); }

    /// From planned() on: the files that an index of shards names, in the order of their names; else empty.
    const std::vector<hub::SelectedFile>& shards() const { return m_shards; }
    /// The files beside them.
    QStringList companions() const;

  Q_SIGNALS:
    /// First of all.
    void described(const edgechat::models::hub::RepositoryInfo& info);
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);
    void planned(const edgechat::models::PlannedModel& plan);
    void failed(const edgechat::models::jobs::JobFailure& failure);

  private:
    void onInfo(const hub::Outcome<hub::RepositoryInfo>& info);
    void onFiles(const hub::Outcome<std::vector<hub::RepositoryFile>>& files);
    /// The next small file that the plan needs, or the plan.
    void proceed();
    void plan();
    void fail(const Error& error);

    hub::Client m_client;
    JobRequest m_request;
    hub::RepositoryInfo m_info;
    std::vector<hub::RepositoryFile> m_listed;
    hub::Selection m_selection;
    std::vector<hub::SelectedFile> m_shards;
    std::optional<QByteArray> m_config, m_quantConfig, m_index;
};

/// What a repository is: the answer to a question without a job.
struct Look {
    JobRequest request;
    hub::RepositoryInfo info;  ///< empty where the Hub did not say
    std::optional<PlannedModel> plan;
    std::optional<JobFailure> failure;  ///< why there is no plan
};

/// The job's word for a Hub's failure.
JobFailure jobFailure(const hub::Failure& failure);

}  // namespace edgechat::models::jobs

Q_DECLARE_METATYPE(edgechat::models::jobs::Look)
