#include "app/catalog_list.h"

#include <algorithm>
#include <utility>

#include "app/format.h"
#include "app/model_library.h"
#include "app/model_problem.h"
#include "models/paths.h"

namespace edgechat::app {

QVariantMap memoryFacts(const models::MemoryFit& fit) {
    const auto bytes = [](uint64_t count) { return static_cast<double>(count); };
    return {{QStringLiteral("weights"), bytes(fit.weights)},
            {QStringLiteral("context"), bytes(fit.kv + fit.scratch)},
            {QStringLiteral("runtime"), bytes(fit.runtime)},
            {QStringLiteral("available"), bytes(fit.available)},
            {QStringLiteral("inGpuMemory"), fit.inGpuMemory},
            {QStringLiteral("gpuNeeded"), bytes(fit.gpuLack ? fit.gpuLack->needed : 0)},
            {QStringLiteral("gpuFree"), bytes(fit.gpuLack ? fit.gpuLack->available : 0)}};
}

CatalogList::CatalogList(ModelLibrary& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {
    Result<std::vector<models::CatalogEntry>> catalog = models::builtInCatalog();
    // A test reads the catalog that is built in: it is there.
    if (!catalog) return;
    for (models::CatalogEntry& entry : *catalog) {
        Model model;
        quant::Recipe recipe;
        recipe.groupSize = entry.groupSize;
        Result<models::PlannedModel> plan = models::planModel(entry.modelFiles(), entry.config, {}, recipe);
        if (plan) {
            model.plan.emplace(std::move(*plan));
        } else {
            model.problem = modelProblem(plan.error(), entry.name).what;
        }
        model.entry = std::move(entry);
        m_models.push_back(std::move(model));
    }
    connect(&library, &ModelLibrary::refreshed, this, &CatalogList::showWhatMatches);
    showWhatMatches();
}

int CatalogList::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant CatalogList::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const Model& model = m_models[m_shown[static_cast<size_t>(index.row())]];
    const models::CatalogEntry& entry = model.entry;
    const auto bytes = [](uint64_t count) { return QVariant(static_cast<double>(count)); };
    switch (role) {
        case IdRole:
            return entry.id;
        case Qt::DisplayRole:
        case NameRole:
            return entry.name;
        case FamilyRole:
            return familyName(entry.family);
        case RepositoryRole:
            return entry.repository;
        case GoodAtRole:
            return entry.goodAt;
        case ParametersTextRole:
            return parameterText(entry.parameters);
        case DownloadBytesRole:
            return bytes(entry.downloadBytes);
        case LicenceNameRole:
            return entry.licence.name;
        case LicenceUrlRole:
            return entry.licence.url;
        case GatedRole:
            return entry.gate != models::Gate::none;
        case BadgeRole:
            return entry.badge;
        case ContextRole:
            return model.fit.context;
        case MemoryRole:
            return memoryFacts(model.fit);
        case FitsRole:
            return model.plan && model.fit.fits();
        case LargestContextRole:
            return model.fit.largestContext;
        case DiskNeededRole:
            return bytes(model.disk.needed());
        case DiskFitsRole:
            return model.disk.fits();
        case RateRole:
            return rate(model.fit);
        case ProblemRole:
            return model.problem;
        default:
            return {};
    }
}

QHash<int, QByteArray> CatalogList::roleNames() const {
    return {{IdRole, "catalogId"},
            {NameRole, "name"},
            {FamilyRole, "family"},
            {RepositoryRole, "repository"},
            {GoodAtRole, "goodAt"},
            {ParametersTextRole, "parametersText"},
            {DownloadBytesRole, "downloadBytes"},
            {LicenceNameRole, "licenceName"},
            {LicenceUrlRole, "licenceUrl"},
            {GatedRole, "gated"},
            {BadgeRole, "badge"},
            {ContextRole, "context"},
            {MemoryRole, "memory"},
            {FitsRole, "fits"},
            {LargestContextRole, "largestContext"},
            {DiskNeededRole, "diskNeeded"},
            {DiskFitsRole, "diskFits"},
            {RateRole, "rate"},
            {ProblemRole, "problem"}};
}

void CatalogList::setFilter(const QString& filter) {
    if (filter == m_filter) return;
    m_filter = filter;
    Q_EMIT filterChanged();
    showWhatMatches();
}

void CatalogList::setOnlyFitting(bool only) {
    if (only == m_onlyFitting) return;
    m_onlyFitting = only;
    Q_EMIT filterChanged();
    showWhatMatches();
}

QVariantMap CatalogList::fitAt(const QString& id, int context) const {
    for (const Model& model : m_models) {
        if (model.entry.id == id && model.plan)
            return memoryFacts(model.plan->at(context, inference::KvKind::fp16, m_memory));
    }
    return {};
}

void CatalogList::measure(const models::FreeMemory& memory) {
    const uint64_t disk = models::freeDiskBytes(models::modelsFolder());
    if (memory == m_memory && disk == m_disk) return;
    m_memory = memory;
    m_disk = disk;
    measureFits();
    Q_EMIT machineChanged();
    if (m_onlyFitting) showWhatMatches();
}

double CatalogList::rate(const models::MemoryFit& fit) const {
    const double bandwidth = fit.onGpu ? m_gpuBandwidth : m_cpuBandwidth;
    return fit.weights > 0 ? bandwidth / static_cast<double>(fit.weights) : 0.0;
}

void CatalogList::setDecodeBandwidth(double cpu, double gpu) {
    if (cpu == m_cpuBandwidth && gpu == m_gpuBandwidth) return;
    m_cpuBandwidth = cpu;
    m_gpuBandwidth = gpu;
    if (count() > 0) Q_EMIT dataChanged(index(0), index(count() - 1), {RateRole});
}

void CatalogList::measureFits() {
    for (Model& model : m_models) {
        if (!model.plan) continue;
        model.fit = model.plan->at(model.entry.context, inference::KvKind::fp16, m_memory);
        model.disk = models::diskFit(model.plan->model(), m_disk);
    }
    if (count() > 0) Q_EMIT dataChanged(index(0), index(count() - 1));
}

bool CatalogList::matches(const Model& model) const {
    const models::CatalogEntry& entry = model.entry;
    if (m_onlyFitting && m_memory.main > 0 && !(model.plan && model.fit.fits())) return false;
    for (const ModelEntry& here : m_library.entries()) {
        const bool same = here.hub.repository == entry.repository ||
                          (entry.awq && here.hub.repository == entry.awq->repository);
        if (same && !here.damaged) return false;
    }
    return matchesSearch(m_filter, {entry.name, entry.repository, entry.goodAt, familyName(entry.family)});
}

void CatalogList::showWhatMatches() {
    std::vector<size_t> shown;
    for (size_t i = 0; i < m_models.size(); ++i) {
        if (matches(m_models[i])) shown.push_back(i);
    }
    if (shown == m_shown) return;
    beginResetModel();
    m_shown = std::move(shown);
    endResetModel();
    Q_EMIT countChanged();
}

}  // namespace edgechat::app
