#include "ui/Chat/palette_model.h"

#include <QKeySequence>

#include <algorithm>

namespace edgechat::ui {
namespace {

constexpr int kMostConversations = 30;

QVariant value(const QAbstractItemModel& model, int row, const QByteArray& role) {
    const int key = model.roleNames().key(role, -1);
    return key < 0 ? QVariant() : model.data(model.index(row, 0), key);
}

// An Action's shortcut is a QVariant: text, a standard key, or a key sequence.
QString shortcutText(const QVariant& shortcut) {
    if (!shortcut.isValid()) return {};
    if (shortcut.metaType() == QMetaType::fromType<int>())
        return QKeySequence(static_cast<QKeySequence::StandardKey>(shortcut.toInt()))
            .toString(QKeySequence::NativeText);
    return QKeySequence(shortcut.toString()).toString(QKeySequence::NativeText);
}

}  // namespace

PaletteModel::PaletteModel(QObject* parent) : QAbstractListModel(parent) {}

int PaletteModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant PaletteModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const Row& row = m_rows[static_cast<size_t>(index.row())];
    switch (role) {
        case KindRole:
            return static_cast<int>(row.kind);
        case Qt::DisplayRole:
        case TitleRole:
            return row.title;
        case DetailRole:
            return row.detail;
        case TargetRole:
            return row.target;
        default:
            return {};
    }
}

QHash<int, QByteArray> PaletteModel::roleNames() const {
    return {{KindRole, "kind"}, {TitleRole, "title"}, {DetailRole, "detail"}, {TargetRole, "target"}};
}

void PaletteModel::setFilter(const QString& filter) {
    if (m_filter == filter) return;
    m_filter = filter;
    refresh();
    Q_EMIT filterChanged();
}

void PaletteModel::setCommands(const QList<QObject*>& commands) {
    if (m_commands == commands) return;
    m_commands = commands;
    refresh();
    Q_EMIT sourcesChanged();
}

void PaletteModel::setConversations(QAbstractItemModel* model) {
    if (m_conversations == model) return;
    m_conversations = model;
    refresh();
    Q_EMIT sourcesChanged();
}

void PaletteModel::setModels(QAbstractItemModel* model) {
    if (m_models == model) return;
    m_models = model;
    refresh();
    Q_EMIT sourcesChanged();
}

// Every word that was typed has to stand somewhere in the text.
bool PaletteModel::matches(const QString& text) const {
    const QStringList typed = m_filter.split(u' ', Qt::SkipEmptyParts);
    return std::all_of(typed.begin(), typed.end(),
                       [&](const QString& word) { return text.contains(word, Qt::CaseInsensitive); });
}

void PaletteModel::refresh() {
    beginResetModel();
    m_rows.clear();
    for (int i = 0; i < m_commands.size(); ++i) {
        const QObject* command = m_commands[i];
        if (!command || !command->property("enabled").toBool()) continue;
        const QString title = command->property("text").toString();
        if (matches(title))
            m_rows.push_back({Command, title, shortcutText(command->property("shortcut")), i});
    }
    if (m_models) {
        for (int i = 0; i < m_models->rowCount(); ++i) {
            const QString name = value(*m_models, i, "name").toString();
            if (value(*m_models, i, "loaded").toBool() || value(*m_models, i, "damaged").toBool()) continue;
            const QString title = tr("Load %1").arg(name);
            if (matches(title))
                m_rows.push_back({Model, title, value(*m_models, i, "quantization").toString(),
                                  value(*m_models, i, "path")});
        }
    }
    if (m_conversations) {
        int found = 0;
        for (int i = 0; i < m_conversations->rowCount() && found < kMostConversations; ++i) {
            const QString title = value(*m_conversations, i, "title").toString();
            if (!matches(title)) continue;
            m_rows.push_back({Conversation, title, tr("Chat"), value(*m_conversations, i, "conversationId")});
            ++found;
        }
    }
    endResetModel();
    Q_EMIT countChanged();
}

int PaletteModel::kindAt(int row) const {
    return row >= 0 && row < count() ? m_rows[static_cast<size_t>(row)].kind : -1;
}

QVariant PaletteModel::targetAt(int row) const {
    return row >= 0 && row < count() ? m_rows[static_cast<size_t>(row)].target : QVariant();
}

}  // namespace edgechat::ui
