// The models that can be loaded: those in the store, and files used lately.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QUrl>
#include <QVariant>

#include <vector>

namespace edgechat::app {

class ModelHost;
class Settings;

/// One model as the list shows it.
struct ModelEntry {
    QString name, path, architecture, quantization, problem;
    quint64 parameters = 0;
    qint64 bytes = 0;
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
    Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY problemChanged FINAL)
    Q_PROPERTY(bool importing READ importing NOTIFY importingChanged FINAL)
    Q_PROPERTY(bool canUndoRemove READ canUndoRemove NOTIFY removedChanged FINAL)
    Q_PROPERTY(QString removedName READ removedName NOTIFY removedChanged FINAL)

  public:
    enum DataRole {
        NameRole = Qt::UserRole + 1,
        PathRole,
        ArchitectureRole,
        ParametersTextRole,
        QuantizationRole,
        BytesRole,
        SizeTextRole,
        InStoreRole,
        LoadedRole,
        DamagedRole,
        ProblemRole
    };

    ModelLibrary(ModelHost& host, Settings& settings, QObject* parent = nullptr);
    ~ModelLibrary() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_entries.size()); }
    QString problem() const { return m_problem; }
    QString problemDetails() const { return m_problemDetails; }
    bool importing() const { return m_importing; }
    bool canUndoRemove() const { return !m_removedName.isEmpty(); }
    QString removedName() const { return m_removedName; }

    /// Checks a file whole and puts it into the store. `source` is a QUrl or a path. Returns at once.
    Q_INVOKABLE void importPath(const QVariant& source);
    /// Takes a model out of the list; its file is deleted when the undo is no longer possible.
    Q_INVOKABLE void remove(const QString& name);
    Q_INVOKABLE void undoRemove();
    Q_INVOKABLE void refresh();

  Q_SIGNALS:
    void countChanged();
    void problemChanged();
    void importingChanged();
    void removedChanged();
    void imported(const QString& name);
    void refreshed();

  private:
    std::vector<ModelEntry> m_entries;
    QString m_problem, m_problemDetails, m_removedName;
    bool m_importing = false;
};

}  // namespace edgechat::app
