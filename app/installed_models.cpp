#include "app/installed_models.h"

#include <utility>

#include "app/format.h"
#include "app/model_library.h"

namespace edgechat::app {

InstalledModels::InstalledModels(ModelLibrary& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {
    connect(&library, &ModelLibrary::countChanged, this, &InstalledModels::totalChanged);
    connect(&library, &QAbstractItemModel::modelReset, this, &InstalledModels::showWhatMatches);
    connect(&library, &QAbstractItemModel::dataChanged, this,
            [this](const QModelIndex&, const QModelIndex&, const QList<int>& roles) {
                if (!m_rows.empty())
                    Q_EMIT dataChanged(index(0), index(static_cast<int>(m_rows.size()) - 1), roles);
            });
    showWhatMatches();
}

int InstalledModels::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

QVariant InstalledModels::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    return m_library.data(m_library.index(m_rows[static_cast<size_t>(index.row())]), role);
}

QHash<int, QByteArray> InstalledModels::roleNames() const {
    return m_library.roleNames();
}

int InstalledModels::total() const {
    return m_library.count();
}

void InstalledModels::setFilter(const QString& filter) {
    if (filter == m_filter) return;
    m_filter = filter;
    Q_EMIT filterChanged();
    showWhatMatches();
}

void InstalledModels::showWhatMatches() {
    beginResetModel();
    m_rows.clear();
    int row = 0;
    for (const ModelEntry& model : m_library.entries()) {
        const QStringList texts = {model.name, model.title, model.family, model.quantization,
                                   model.hub.repository};
        if (matchesSearch(m_filter, texts)) m_rows.push_back(row);
        row++;
    }
    endResetModel();
}

}  // namespace edgechat::app
