// The models that Hugging Face's own programs have fetched to this machine: they run where they are.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>

#include <atomic>
#include <vector>

#include "app/worker_thread.h"
#include "models/hub_cache.h"

namespace edgechat::app {

class ModelLibrary;

/// Lives on the GUI thread; the cache is read on a worker. Models that the library lists already are left
/// out, as are those that EdgeChat cannot load.
class CachedModels : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the list")
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)

  public:
    enum DataRole {
        NameRole = Qt::UserRole + 1,
        RepositoryRole,
        PathRole,
        FamilyRole,
        ParametersTextRole,
        QuantizationRole,
        SizeTextRole,
        CompleteRole,  ///< all of its files are there
        ProblemRole    ///< else what is missing
    };

    explicit CachedModels(ModelLibrary& library, QObject* parent = nullptr);
    ~CachedModels() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_shown.size()); }

    /// Looks through the cache again. Returns at once.
    void refresh();
    void finish();  ///< ends the worker. Blocks

  Q_SIGNALS:
    void countChanged();
    void refreshed();

  private:
    void showOthers();

    ModelLibrary& m_library;
    std::vector<models::CachedModel> m_found, m_shown;
    bool m_reading = false;
    std::atomic<bool> m_stopped{false};  ///< read by the worker
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

}  // namespace edgechat::app
