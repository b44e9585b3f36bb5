// The last stage: the model becomes one of the store's.
#pragma once

#include <QElapsedTimer>
#include <QThread>
#include <atomic>
#include <memory>

#include "models/jobs/job_folder.h"
#include "models/jobs/speed.h"
#include "models/jobs/stage_run.h"
#include "models/store.h"

namespace edgechat::models::jobs {

/// Ends with the model in the store: checked, hashed and linked, in a thread of its own. Finds out whether an
/// earlier try had come so far.
class AddRun : public StageRun {
    Q_OBJECT

  public:
    AddRun(Store store, const Job& job, QString jobFolder, QObject* parent = nullptr);
    ~AddRun() override;

    void start() override;
    /// What is hashed so far is hashed again after resume(): minutes for the largest models, and no disk.
    void pause() override;
    void resume() override;
    void stop() override;
    /// After finished().
    const QString& storedName() const { return m_storedName; }

  private:
    void begin();
    void onEnded(const Result<StoreEntry>& entry);
    void onProgress(uint64_t done, uint64_t total);

    Store m_store;
    Job m_job;
    QString m_folder, m_storedName;
    std::unique_ptr<QThread> m_thread;
    std::atomic<bool> m_halt{false};
    bool m_paused = false, m_stopping = false, m_over = false;
    QElapsedTimer m_clock;
    Speed m_speed;
};

}  // namespace edgechat::models::jobs
