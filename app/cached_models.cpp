#include "app/cached_models.h"

#include <algorithm>

#include "app/format.h"
#include "app/model_library.h"

namespace edgechat::app {

using State = models::CachedModel::State;

CachedModels::CachedModels(ModelLibrary& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {
    connect(&library, &ModelLibrary::refreshed, this, &CachedModels::showOthers);
}

CachedModels::~CachedModels() {
    finish();
}

void CachedModels::finish() {
    m_stopped = true;
    m_worker.finish();
}

int CachedModels::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant CachedModels::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const models::CachedModel& model = m_shown[static_cast<size_t>(index.row())];
    const bool gguf = model.path.endsWith(QLatin1String(".gguf"));
    switch (role) {
        case Qt::DisplayRole:
        case NameRole:
            return gguf ? modelFileName(model.path) : model.repository.section(u'/', -1);
        case RepositoryRole:
            return model.repository;
        case PathRole:
            return model.path;
        case FamilyRole:
            return familyName(model.summary.architecture);
        case ParametersTextRole:
            return parameterText(model.summary.parameters);
        case QuantizationRole:
            return model.summary.quantization;
        case SizeTextRole:
            return model.summary.bytes > 0 ? byteText(static_cast<qint64>(model.summary.bytes)) : QString();
        case CompleteRole:
            return model.state == State::ready;
        case ProblemRole:
            return model.problem;
        default:
            return {};
    }
}

QHash<int, QByteArray> CachedModels::roleNames() const {
    return {{NameRole, "name"},
            {RepositoryRole, "repository"},
            {PathRole, "path"},
            {FamilyRole, "family"},
            {ParametersTextRole, "parametersText"},
            {QuantizationRole, "quantization"},
            {SizeTextRole, "sizeText"},
            {CompleteRole, "complete"},
            {ProblemRole, "problem"}};
}

void CachedModels::refresh() {
    if (m_reading) return;
    m_reading = true;
    m_worker.post([this] {
        std::vector<models::CachedModel> found = models::findCachedModels(
            models::hubCacheFolder(), models::readCheckpoint, [this] { return m_stopped.load(); });
        found.erase(std::remove_if(
                        found.begin(), found.end(),
                        [](const models::CachedModel& model) { return model.state == State::unsupported; }),
                    found.end());
        m_mailbox.post([this, found = std::move(found)] {
            m_reading = false;
            m_found = found;
            showOthers();
            Q_EMIT refreshed();
        });
    });
}

void CachedModels::showOthers() {
    const std::vector<ModelEntry>& here = m_library.entries();
    const auto listed = [&here](const models::CachedModel& model) {
        return std::any_of(here.begin(), here.end(), [&model](const ModelEntry& entry) {
            const bool same = entry.hub.repository == model.repository && entry.hub.commit == model.commit;
            return entry.path == model.path || (same && !model.path.endsWith(QLatin1String(".gguf")));
        });
    };
    std::vector<models::CachedModel> shown;
    for (const models::CachedModel& model : m_found) {
        if (!listed(model)) shown.push_back(model);
    }
    const bool otherCount = shown.size() != m_shown.size();
    if (shown.empty() && !otherCount) return;
    beginResetModel();
    m_shown = std::move(shown);
    endResetModel();
    if (otherCount) Q_EMIT countChanged();
}

}  // namespace edgechat::app
