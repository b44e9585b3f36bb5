// The models of the catalog that are not here yet, with what a person needs to choose one: what it is good
// at, whether it fits into this machine, and how fast it will be.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QSet>

#include <optional>
#include <vector>

#include "models/catalog.h"
#include "models/fit.h"

namespace edgechat::app {

class ModelLibrary;

/// Lives on the GUI thread; asks no host.
class CatalogList : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the catalog")
    Q_PROPERTY(QString filter READ filter WRITE setFilter NOTIFY filterChanged FINAL)
    Q_PROPERTY(bool onlyFitting READ onlyFitting WRITE setOnlyFitting NOTIFY filterChanged FINAL)
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(int total READ total NOTIFY countChanged FINAL)
    Q_PROPERTY(double memoryAvailable READ memoryAvailable NOTIFY machineChanged FINAL)
    Q_PROPERTY(double diskAvailable READ diskAvailable NOTIFY machineChanged FINAL)

  public:
    enum DataRole {
        IdRole = Qt::UserRole + 1,
        NameRole,
        FamilyRole,
        RepositoryRole,
        GoodAtRole,
        ParametersTextRole,
        DownloadBytesRole,
        LicenceNameRole,
        LicenceUrlRole,
        GatedRole,
        BadgeRole,
        ContextRole,         ///< tokens that the next three are for
        WeightsBytesRole,    ///< in memory
        ContextBytesRole,    ///< key/value cache and scratch
        RuntimeBytesRole,    ///< tokenizer, program
        FitsRole,            ///< into the memory that is free
        LargestContextRole,  ///< that fits; 0: none
        DiskNeededRole,      ///< while it is made
        DiskFitsRole,
        RateRole,  ///< tokens per second to expect; 0: nothing was measured yet
        ProblemRole
    };

    explicit CatalogList(ModelLibrary& library, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;

    QString filter() const { return m_filter; }
    void setFilter(const QString& filter);
    bool onlyFitting() const { return m_onlyFitting; }
    void setOnlyFitting(bool only);
    int count() const { return static_cast<int>(m_shown.size()); }
    int total() const { return static_cast<int>(m_models.size()); }  ///< before filters
    double memoryAvailable() const { return static_cast<double>(m_memory); }
    double diskAvailable() const { return static_cast<double>(m_disk); }
    double decodeBandwidth() const { return m_bandwidth; }  ///< as set

    /// Bytes of a model at another context, for a slider: {"contextBytes", "fits"}.
    Q_INVOKABLE QVariantMap fitAt(const QString& id, int context) const;

    /// Asks the machine what is free.
    /// @param released  bytes that the loaded model would give back
    void measure(uint64_t released);
    /// Bytes of weights per second at which this machine decoded last; 0: unknown.
    void setDecodeBandwidth(double bytesPerSecond);

  Q_SIGNALS:
    void filterChanged();
    void countChanged();
    void machineChanged();

  private:
    struct Model {
        models::CatalogEntry entry;
        std::optional<models::PlannedModel> plan;
        QString problem;  ///< why there is no plan
        models::MemoryFit fit;
        models::DiskFit disk;
    };
    void measureFits();
    void showWhatMatches();
    bool matches(const Model& model) const;

    ModelLibrary& m_library;
    std::vector<Model> m_models;
    std::vector<size_t> m_shown;  ///< of m_models
    QString m_filter;
    bool m_onlyFitting = false;
    uint64_t m_memory = 0, m_disk = 0;
    double m_bandwidth = 0;
};

}  // namespace edgechat::app
