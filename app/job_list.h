// Models on their way here, as the window lists them: downloads and quantizations that run, wait, failed or
// have just ended.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>

#include <vector>

#include "models/jobs/job_service.h"

namespace edgechat::app {

class HubAccess;
struct ModelEntry;

/// The job for what a person typed, pasted or chose: quantized where its weights are not quantized yet.
/// @param wanted  "org/name" or a link
/// @return ErrorCode::usage where it is neither
Result<models::jobs::JobRequest> wantedRepository(const QString& wanted);

/// Lives on the GUI thread; the work is done by the service's thread and by processes.
class JobList : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the jobs")
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(QString refused READ refused NOTIFY refusedChanged FINAL)

  public:
    enum DataRole {
        IdRole = Qt::UserRole + 1,
        TitleRole,
        RepositoryRole,
        StageTextRole,
        DetailRole,  ///< speed, time left, or what runs
        ShareRole,   ///< 0..1 of the stage; negative: not known
        PausedRole,
        RunningRole,
        DoneRole,
        FailedRole,
        ProblemRole,
        FixRole,
        PageRole,  ///< of the repository, where its licence is accepted
        WantsTokenRole,
        StoredNameRole,
        CanGoFirstRole  ///< it waits, and another one would come before it
    };

    /// @param hub  is given the tokens that a person types
    JobList(models::jobs::JobService& service, HubAccess& hub, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_jobs.size()); }
    /// Why the last wish was none that can be fulfilled, one sentence.
    QString refused() const { return m_refused; }

    /// Fetches wantedRepository().
    Q_INVOKABLE void get(const QString& wanted);
    Q_INVOKABLE void pause(double id);
    Q_INVOKABLE void resume(double id);
    /// Puts one that waits before all others that wait.
    Q_INVOKABLE void goFirst(double id);
    /// Ends it and deletes what has come.
    Q_INVOKABLE void cancel(double id);
    Q_INVOKABLE void retry(double id);
    /// Makes a damaged model of the store whole again: its wrong files are fetched, or, where it was
    /// quantized here, it is made again under its name, which must be free by then.
    void repair(const ModelEntry& model);
    /// Takes one that is over off the list.
    Q_INVOKABLE void dismiss(double id);
    Q_INVOKABLE void giveToken(double id, const QString& token);

    /// Whether a repository is on its way.
    Q_INVOKABLE bool has(const QString& repository) const;

  Q_SIGNALS:
    void countChanged();
    void refusedChanged();
    /// A model is in the store now.
    void arrived(const QString& name);
    void failed(const QString& title, const QString& problem);

  private:
    void onChanged(const models::jobs::Job& job);
    void onRemoved(qint64 id);
    void onReordered();
    bool canGoFirst(const models::jobs::Job& job) const;
    void setRefused(const QString& text);
    const models::jobs::Job* find(double id) const;

    models::jobs::JobService& m_service;
    HubAccess& m_hub;
    std::vector<models::jobs::Job> m_jobs;
    QString m_refused;
};

}  // namespace edgechat::app
