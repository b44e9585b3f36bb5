// The models that can be loaded: those in the store, and files used lately.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QDateTime>
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
    QString title;          ///< what the checkpoint calls itself, may be empty
    QString problem;        ///< why it is damaged
    models::HubOrigin hub;  ///< where it came from, as far as it is known
    QDateTime lastUsed;     ///< invalid: never
    QDateTime verifiedAt;   ///< when its every byte was compared with what was imported; invalid: never
    QString madeBy;       ///< method that it was quantized by on this machine; empty: it is as it was fetched
    int groupSize = 0;    ///< of that
    QString settingsKey;  ///< modelKey()
    QStringList warnings;  ///< sentences about what was odd in the checkpoint
    quint64 parameters = 0;
    qint64 bytes = 0;
    int context = 0;  ///< tokens that it was trained for; 0: unknown
    int files = 1;
    bool inStore = false;
    bool damaged = false;
    bool namesWhatIsWrong = false;  ///< the record of a damaged model can be read: it can be repaired
    bool operator==(const ModelEntry&) const = default;

    /// A damaged model that can be fetched again, or whose damaged files can.
    bool canRepair() const { return damaged && namesWhatIsWrong && !hub.repository.isEmpty(); }
};

/// Lives on the GUI thread; files are read on a worker.
class ModelLibrary : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the model library")
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(QString verifying READ verifying NOTIFY verifyingChanged FINAL)
    Q_PROPERTY(double verifyProgress READ verifyProgress NOTIFY verifyProgressChanged FINAL)
    Q_PROPERTY(QString problemTitle READ problemTitle NOTIFY problemChanged FINAL)
    Q_PROPERTY(bool problemIsOfImport READ problemIsOfImport NOTIFY problemChanged FINAL)
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
        SwitchWarningRole,
        RepositoryRole,  ///< of the Hub, where it came from one
        OriginRole,      ///< "org/name at 0123456", or empty
        LicenceRole,     ///< the Hub's identifier
        LastUsedRole,
        VerifiedRole,
        CanRepairRole,
        OwnSettingsRole
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
    QString problemTitle() const;
    bool problemIsOfImport() const { return m_problemTitle.isEmpty(); }  ///< another file may do
    QString verifying() const {
        return m_verifying;
    }  ///< the model that is compared with its record, or empty
    double verifyProgress() const { return m_verifyProgress; }  ///< 0..1
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
    /// Reads every byte of a model of the store again and compares it with what was imported. One at a time;
    /// returns at once.
    Q_INVOKABLE void verify(const QString& name);
    Q_INVOKABLE void cancelVerify();
    /// Gives a model of the store another name; not for one that is loaded.
    Q_INVOKABLE void rename(const QString& name, const QString& newName);
    Q_INVOKABLE void refresh();
    Q_INVOKABLE void dismissProblem();

    /// What the costs of a switch are computed from. The parameters of measured models are filled in here.
    void setSwitchFacts(const SwitchFacts& facts);

    const std::vector<ModelEntry>& entries() const { return m_entries; }
    const ModelEntry* find(const QString& name) const;  ///< null: no such model
    void finish();                                      ///< empties the trash and ends the worker. Blocks

  Q_SIGNALS:
    void countChanged();
    void problemChanged();
    void importingChanged();
    void importProgressChanged();
    void removedChanged();
    void verifyingChanged();
    void verifyProgressChanged();
    /// Every byte of a model is as it was imported, or `damaged`.
    void verified(const QString& name, bool damaged);
    void renamed(const QString& name, const QString& newName);
    void imported(const QString& name);
    void refreshed();

  private:
    void setEntries(std::vector<ModelEntry> entries);
    void setProblem(const ModelProblem& problem, const QString& title = {});
    void endVerify(const QString& name, const Result<models::StoreEntry>& entry);
    SwitchCost costOf(const ModelEntry& model) const;
    void setRemoved(const QString& name, const QString& trashId);
    void onLoadedChanged();
    void endImport(const QString& source, const Result<models::StoreEntry>& entry);

    ModelHost& m_host;
    Settings& m_settings;
    std::vector<ModelEntry> m_entries;
    QString m_loadedPath;
    ModelProblem m_problem;
    QString m_problemTitle;  ///< empty: of an import
    SwitchFacts m_facts;
    QString m_removedName,
        m_removedTrash;  ///< trash empty: a file that was only forgotten, m_removedName its path
    bool m_importing = false;
    double m_importProgress = 0;
    QTimer m_importTimer;                     ///< runs only while importing
    std::atomic<double> m_importDone{0};      ///< written by the worker
    std::atomic<bool> m_cancelImport{false};  ///< read by the worker
    QString m_verifying;
    double m_verifyProgress = 0;
    std::atomic<bool> m_cancelVerify{false};  ///< read by the verifier
    Mailbox m_mailbox;
    WorkerThread m_verifier;  ///< reads for minutes: nothing else waits for it
    WorkerThread m_worker;    ///< last: it ends before what it uses
};

}  // namespace edgechat::app
