// jobs.sqlite: every job as it was before and after each of its steps.
#pragma once

#include <QSqlDatabase>
#include <QString>
#include <QStringList>
#include <memory>
#include <vector>

#include "models/jobs/job.h"

namespace edgechat::models::jobs {

/// One connection: lives and dies in the thread that opened it. What a call has written is on the disk when
/// it returns (WAL, synchronous FULL). A failure is ErrorCode::doesNotFit for a full disk, else badInput.
class JobTable {
  public:
    /// Makes the file and its folder where there is none and brings an older one to the newest schema. A file
    /// that is damaged is renamed to "<file>.damaged-<time>" and begun anew: notice() says so then.
    /// ErrorCode::badInput for a file of a newer EdgeChat, which is left as it is, and for one that cannot be
    /// opened.
    static Result<std::unique_ptr<JobTable>> open(const QString& file);
    ~JobTable();
    JobTable(const JobTable&) = delete;
    JobTable& operator=(const JobTable&) = delete;

    /// A sentence for a person about what happened to an older file; empty: nothing.
    const QString& notice() const { return m_notice; }

    /// In the order in which they run. A row that makes no sense is left out.
    Result<std::vector<Job>> jobs();
    /// Writes a new row, and `id`, `position` (behind all others) and `created` into the job.
    Result<void> add(Job& job);
    Result<void> save(const Job& job);
    Result<void> remove(qint64 id);

  private:
    JobTable() = default;
    Result<void> connect(const QString& file);
    void disconnect();
    Result<void> prepare();
    Result<void> migrate();
    Result<void> run(const QString& sql, const QVariantList& values = {});

    QString m_file, m_connection, m_notice;
    QSqlDatabase m_database;
};

}  // namespace edgechat::models::jobs
