#include "app/chat/message_list.h"

#include <algorithm>

#include "app/chat/message_tree.h"

namespace edgechat::app {
namespace {

static_assert(static_cast<int>(MessageRole::system) == MessageList::System);
static_assert(static_cast<int>(MessageStatus::complete) == MessageList::Complete);
static_assert(static_cast<int>(MessageStatus::streaming) == MessageList::Streaming);
static_assert(static_cast<int>(MessageStatus::stopped) == MessageList::Stopped);
static_assert(static_cast<int>(MessageStatus::interrupted) == MessageList::Interrupted);
static_assert(static_cast<int>(MessageStatus::length) == MessageList::Length);
static_assert(static_cast<int>(MessageStatus::contextFull) == MessageList::ContextFull);
static_assert(static_cast<int>(MessageStatus::failed) == MessageList::Failed);

/// An answer that ended before the model wanted it to, and for which the context still has room.
bool endedEarly(const MessageRecord& message) {
    switch (message.status) {
        case MessageStatus::stopped:
        case MessageStatus::interrupted:
        case MessageStatus::length:
        case MessageStatus::failed:
            return true;
        case MessageStatus::complete:
        case MessageStatus::streaming:
        case MessageStatus::contextFull:
            return false;
    }
    return false;
}

}  // namespace

MessageList::MessageList(QObject* parent) : QAbstractListModel(parent) {}

int MessageList::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant MessageList::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const Row& row = m_rows[static_cast<size_t>(index.row())];
    const MessageRecord& message = row.message;
    switch (role) {
        case MessageIdRole:
            return message.id;
        case RoleRole:
            return static_cast<int>(message.role);
        case Qt::DisplayRole:
        case TextRole:
            return message.text;
        case StatusRole:
            return static_cast<int>(message.status);
        case VersionIndexRole:
            return row.versionIndex;
        case VersionCountRole:
            return row.versionCount;
        case ModelNameRole:
            return message.figures.model;
        case GeneratedTokensRole:
            return message.figures.generatedTokens;
        case DecodeRateRole:
            return message.figures.decodeRate;
        case PrefillRateRole:
            return message.figures.prefillRate;
        case TimeToFirstTokenRole:
            return message.figures.timeToFirstToken;
        case CreatedAtRole:
            return message.createdAt;
        case ModelChangedRole:
            return row.modelChanged;
        case CanContinueRole:
            return message.role == MessageRole::assistant && index.row() + 1 == count() &&
                   endedEarly(message);
        default:
            return {};
    }
}

QHash<int, QByteArray> MessageList::roleNames() const {
    return {{MessageIdRole, "messageId"},
            {RoleRole, "role"},
            {TextRole, "text"},
            {StatusRole, "status"},
            {VersionIndexRole, "versionIndex"},
            {VersionCountRole, "versionCount"},
            {ModelNameRole, "modelName"},
            {GeneratedTokensRole, "generatedTokens"},
            {DecodeRateRole, "decodeRate"},
            {PrefillRateRole, "prefillRate"},
            {TimeToFirstTokenRole, "timeToFirstToken"},
            {CreatedAtRole, "createdAt"},
            {CanContinueRole, "canContinue"},
            {ModelChangedRole, "modelChanged"}};
}

MessageList::Row MessageList::makeRow(const MessageTree& tree, qint64 messageId) const {
    Row row;
    if (const MessageRecord* message = tree.find(messageId)) row.message = *message;
    row.modelChanged =
        !row.message.figures.model.isEmpty() &&
        tree.modelBefore(messageId).value_or(row.message.figures.model) != row.message.figures.model;
    const std::vector<qint64>& versions = tree.siblings(messageId);
    row.versionCount = static_cast<int>(versions.size());
    row.versionIndex =
        static_cast<int>(std::find(versions.begin(), versions.end(), messageId) - versions.begin()) + 1;
    return row;
}

void MessageList::show(const MessageTree& tree, const std::vector<qint64>& path) {
    const int before = count();
    size_t shared = 0;
    while (shared < m_rows.size() && shared < path.size() && m_rows[shared].message.id == path[shared])
        ++shared;

    const int first = static_cast<int>(shared);
    if (first < before) {
        beginRemoveRows({}, first, before - 1);
        m_rows.resize(shared);
        endRemoveRows();
    }
    for (int row = 0; row < first; ++row) {
        Row fresh = makeRow(tree, path[static_cast<size_t>(row)]);
        // The row that was or becomes the last one may gain or lose canContinue.
        const bool edge = row + 1 == first;
        if (m_rows[static_cast<size_t>(row)] == fresh && !edge) continue;
        m_rows[static_cast<size_t>(row)] = std::move(fresh);
        Q_EMIT dataChanged(index(row), index(row));
    }
    if (shared < path.size()) {
        beginInsertRows({}, first, static_cast<int>(path.size()) - 1);
        for (size_t i = shared; i < path.size(); ++i) m_rows.push_back(makeRow(tree, path[i]));
        endInsertRows();
    }
    if (count() != before) Q_EMIT countChanged();
}

void MessageList::setText(qint64 messageId, const QString& text) {
    if (m_rows.empty() || m_rows.back().message.id != messageId) return;
    if (m_rows.back().message.text == text) return;
    m_rows.back().message.text = text;
    const QModelIndex last = index(count() - 1);
    Q_EMIT dataChanged(last, last, {TextRole});
}

void MessageList::update(const MessageTree& tree, qint64 messageId) {
    const int row = rowOf(messageId);
    if (row < 0) return;
    Row fresh = makeRow(tree, messageId);
    if (m_rows[static_cast<size_t>(row)] == fresh) return;
    m_rows[static_cast<size_t>(row)] = std::move(fresh);
    Q_EMIT dataChanged(index(row), index(row));
}

int MessageList::rowOf(qint64 messageId) const {
    for (size_t row = m_rows.size(); row-- > 0;) {
        if (m_rows[row].message.id == messageId) return static_cast<int>(row);
    }
    return -1;
}

}  // namespace edgechat::app
