// The models of the catalog that are not here yet, with what a person needs to choose one: what it is good
// at, whether it fits into this machine, and how fast it will be.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QSet>
#include <QVariantMap>

#include <optional>
#include <vector>

#include "models/catalog.h"
#include "models/fit.h"

namespace edgechat::app {

class ModelLibrary;

/// What a card shows of a model's memory, bytes each: "weights", "context" (cache and scratch), "runtime"
/// (tokenizer, program) and "available" (free for the three). "inGpuMemory": those are of the GPU's own
/// memory. "gpuNeeded" and "gpuFree" where the CPU runs the model because the GPU does not hold it, else 0.
QVariantMap memoryFacts(const models::MemoryFit& fit);

/// Lives on the GUI thread; asks no host.
class CatalogList : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the catalog")
    Q_PROPERTY(QString filter READ filter WRITE setFilter NOTIFY filterChanged FINAL)
    Q_PROPERTY(bool onlyFitting READ onlyFitting WRITE setOnlyFitting NOTIFY filterChanged FINAL)
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(int total READ total NOTIFY countChanged FINAL)
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
        ContextRole,         ///< tokens that the next two are for
        MemoryRole,          ///< memoryFacts()
        FitsRole,            ///< into the memory that is free
        LargestContextRole,  ///< that fits; 0: none
        DiskNeededRole,      ///< while it is made
        DiskFitsRole,
        RateRole,  ///< tokens per second to expect; 0: nothing was measured yet on the device that would run
                   ///< it
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
    const models::FreeMemory& memory() const { return m_memory; }    ///< as measured
    double diskAvailable() const { return static_cast<double>(m_disk); }
    /// Tokens per second to expect of a model; 0: nothing was measured yet on the device that would run it.
    double rate(const models::MemoryFit& fit) const;

    /// memoryFacts() of a model at another context, for a slider.
    Q_INVOKABLE QVariantMap fitAt(const QString& id, int context) const;

    /// @param memory  that is free, with what the loaded model would give back
    void measure(const models::FreeMemory& memory);
    /// Bytes of weights per second at which each device decoded last; 0: unknown.
    void setDecodeBandwidth(double cpu, double gpu);

  Q_SIGNALS:
    void filterChanged();
    void countChanged();
    void machineChanged();

  private:
    struct Model {
        models::CatalogEntry entry;
        std::optional<models::ModelFit> plan;
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
    models::FreeMemory m_memory;
    uint64_t m_disk = 0;
    double m_cpuBandwidth = 0, m_gpuBandwidth = 0;
};

}  // namespace edgechat::app
