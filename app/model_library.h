// The models that can be loaded: those in the store, and files used lately.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QTimer>
#include <QUrl>
#include <QVariant>

#include <atomic>
#include <vector>

#include "app/model_problem.h"
#include "app/switch_cost.h"
#include "app/worker_thread.h"
#include "models/store.h"

namespace edgechat::app {

class ModelHost;
class Settings;

/// One model as the list shows it.
struct ModelEntry {
    QString name, path, family, quantization;
    QString title;         ///< what the checkpoint calls itself, may be empty
    QString problem;       ///< why it is damaged
    QString repository;    ///< of the Hub, where it came from one
    QStringList warnings;  ///< sentences about what was odd in the checkpoint
    quint64 parameters = 0;
    qint64 bytes = 0;
    int context = 0;  ///< tokens that it was trained for; 0: unknown
    int files = 1;
    bool inStore = false;
    bool damaged = false;
    bool operator==(const ModelEntry&) const = default;
};

/// Lives on the GUI thread; files are read on a worker.
class ModelLibrary : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the model library")
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(QString problem READ problem NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemFix READ problemFix NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY problemChanged FINAL)
    Q_PROPERTY(bool importing READ importing NOTIFY importingChanged FINAL)
    Q_PROPERTY(double importProgress READ importProgress NOTIFY importProgressChanged FINAL)
    Q_PROPERTY(bool canUndoRemove READ canUndoRemove NOTIFY removedChanged FINAL)
    Q_PROPERTY(QString removedName READ removedName NOTIFY removedChanged FINAL)

  public:
    enum DataRole {
        NameRole = Qt::UserRole + 1,
        PathRole,
        TitleRole,
        FamilyRole,
        ParametersTextRole,
        QuantizationRole,
        BytesRole,
        SizeTextRole,
        InStoreRole,
        LoadedRole,
        DamagedRole,
        ProblemRole,
        ContextRole,
        FileCountRole,
        WarningsRole,
        SwitchCostRole,
        SwitchWarningRole
    };

    ModelLibrary(ModelHost& host, Settings& settings, QObject* parent = nullptr);
    ~ModelLibrary() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_entries.size()); }
    QString problem() const { return m_problem.what; }
    QString problemFix() const { return m_problem.fix; }
    QString problemDetails() const { return m_problem.details; }
    bool importing() const { return m_importing; }
    double importProgress() const { return m_importProgress; }  ///< 0..1
    bool canUndoRemove() const { return !m_removedName.isEmpty(); }
    QString removedName() const { return m_removedName; }

    /// Checks a file or a folder whole and puts it into the store. `source` is a QUrl or a path. Returns at
    /// once.
    Q_INVOKABLE void importPath(const QVariant& source);
    Q_INVOKABLE void cancelImport();
    /// Takes a model out of the list; its file is deleted when the undo is no longer possible, at the end of
    /// the program at the latest. A file outside the store is only forgotten; it may be given by its path.
    Q_INVOKABLE void remove(const QString& name);
    Q_INVOKABLE void undoRemove();
    Q_INVOKABLE void refresh();
    Q_INVOKABLE void dismissProblem();

    /// What the costs of a switch are computed from. The parameters of measured models are filled in here.
    void setSwitchFacts(const SwitchFacts& facts);

    const std::vector<ModelEntry>& entries() const { return m_entries; }
    void finish();  ///< empties the trash and ends the worker. Blocks

  Q_SIGNALS:
    void countChanged();
    void problemChanged();
    void importingChanged();
    void importProgressChanged();
    void removedChanged();
    void imported(const QString& name);
    void refreshed();

  private:
    void setEntries(std::vector<ModelEntry> entries);
    void setProblem(const ModelProblem& problem);
    SwitchCost costOf(const ModelEntry& model) const;
    void setRemoved(const QString& name, const QString& trashId);
    void onLoadedChanged();
    void endImport(const QString& source, const Result<models::StoreEntry>& entry);

    ModelHost& m_host;
    Settings& m_settings;
    std::vector<ModelEntry> m_entries;
    QString m_loadedPath;
    ModelProblem m_problem;
    SwitchFacts m_facts;
    QString m_removedName,
        m_removedTrash;  ///< trash empty: a file that was only forgotten, m_removedName its path
    bool m_importing = false;
    double m_importProgress = 0;
    QTimer m_importTimer;                     ///< runs only while importing
    std::atomic<double> m_importDone{0};      ///< written by the worker
    std::atomic<bool> m_cancelImport{false};  ///< read by the worker
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

}  // namespace edgechat::app
