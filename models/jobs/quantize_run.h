// The second stage: the fetched checkpoint becomes a quantized one beside it.
#pragma once

#include <QElapsedTimer>
#include <QStringList>
#include <memory>

#include "models/jobs/job_folder.h"
#include "models/jobs/quantize_process.h"
#include "models/jobs/stage_run.h"

namespace edgechat::models::jobs {

struct Quantizer {
    QString program;   ///< absolute path of edgechat-cli
    QStringList more;  ///< further arguments: tests make it quick
};

/// Ends with the whole quantized folder, or, where the source comes shard by shard, with needsShard().
/// Unfinished work is gone on with, also that of a process that was killed.
class QuantizeRun : public StageRun {
    Q_OBJECT

  public:
    /// @param restart  unfinished work is thrown away
    QuantizeRun(const Quantizer& quantizer, const Job& job, QString jobFolder, FreeBytes freeBytes,
                bool restart, QObject* parent = nullptr);

    void start() override;
    void pause() override;
    void resume() override;
    void stop() override;
    /// After finished(): nothing is amiss but that a shard is to be fetched.
    bool needsShard() const { return m_needsShard; }
    qint64 processId() const { return m_process ? m_process->processId() : 0; }

  private:
    void begin(bool restart);
    void onProgress(Progress progress);
    void onEnded(const QuantizeEnd& end);

    QuantizeCommand m_command;
    Job m_job;
    QString m_folder;
    FreeBytes m_freeBytes;
    std::unique_ptr<QuantizeProcess> m_process;
    bool m_paused = false, m_needsShard = false;
};

}  // namespace edgechat::models::jobs
