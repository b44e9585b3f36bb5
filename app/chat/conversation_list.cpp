#include "app/chat/conversation_list.h"

#include <algorithm>
#include <utility>

#include "app/storage/history.h"

namespace edgechat::app {
namespace {

bool newer(const ConversationSummary& a, const ConversationSummary& b) {
    return a.updatedAt != b.updatedAt ? a.updatedAt > b.updatedAt : a.id > b.id;
}

}  // namespace

ConversationList::ConversationList(History& history, QObject* parent)
    : QAbstractListModel(parent), m_history(history) {
    connect(&history, &History::reopened, this, &ConversationList::reload);
}

int ConversationList::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant ConversationList::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const SearchHit& row = m_rows[static_cast<size_t>(index.row())];
    switch (role) {
        case ConversationIdRole:
            return row.conversation.id;
        case Qt::DisplayRole:
        case TitleRole:
            return row.conversation.title;
        case GroupRole:
            return static_cast<int>(groupOf(row.conversation.updatedAt));
        case SnippetRole:
            return row.snippet;
        case MessageIdRole:
            return row.messageId;
        case UpdatedAtRole:
            return row.conversation.updatedAt;
        case CurrentRole:
            return row.conversation.id == m_current;
        default:
            return {};
    }
}

QHash<int, QByteArray> ConversationList::roleNames() const {
    return {{ConversationIdRole, "conversationId"},
            {TitleRole, "title"},
            {GroupRole, "group"},
            {SnippetRole, "snippet"},
            {MessageIdRole, "messageId"},
            {UpdatedAtRole, "updatedAt"},
            {CurrentRole, "current"}};
}

ConversationList::Group ConversationList::groupOf(const QDateTime& time) const {
    const QDate today = m_today.isValid() ? m_today : QDate::currentDate();
    const qint64 days = time.toLocalTime().date().daysTo(today);
    if (days <= 0) return Today;
    if (days == 1) return Yesterday;
    return days <= 7 ? LastWeek : Older;
}

void ConversationList::setQuery(const QString& query) {
    if (query == m_query) return;
    m_query = query;
    Q_EMIT queryChanged();
    if (m_query.trimmed().isEmpty()) {
        ++m_searchNumber;
        showAll();
    } else {
        search();
    }
}

void ConversationList::search() {
    const quint64 number = ++m_searchNumber;
    m_history.ask<std::vector<SearchHit>>(
        this, [query = m_query](HistoryDatabase& database) { return database.search(query); },
        [this, number](Result<std::vector<SearchHit>> hits) {
            if (number != m_searchNumber) return;
            replaceRows(hits ? std::move(*hits) : std::vector<SearchHit>());
        });
}

void ConversationList::replaceRows(std::vector<SearchHit> rows) {
    const bool otherCount = rows.size() != m_rows.size();
    beginResetModel();
    m_rows = std::move(rows);
    endResetModel();
    if (otherCount) Q_EMIT countChanged();
}

void ConversationList::showAll() {
    std::vector<SearchHit> rows;
    rows.reserve(m_all.size());
    for (const ConversationSummary& conversation : m_all) rows.push_back({conversation, 0, {}});
    replaceRows(std::move(rows));
}

void ConversationList::reload() {
    m_history.ask<std::vector<ConversationSummary>>(
        this, [](HistoryDatabase& database) { return database.conversations(); },
        [this](Result<std::vector<ConversationSummary>> all) {
            if (all) m_all = std::move(*all);
            if (m_query.trimmed().isEmpty()) {
                showAll();
            } else {
                search();
            }
            if (m_loaded) return;
            m_loaded = true;
            Q_EMIT loadedChanged();
        });
}

int ConversationList::rowOf(qint64 id) const {
    for (size_t row = 0; row < m_rows.size(); ++row) {
        if (m_rows[row].conversation.id == id) return static_cast<int>(row);
    }
    return -1;
}

qint64 ConversationList::idAt(int row) const {
    return row >= 0 && row < count() ? m_rows[static_cast<size_t>(row)].conversation.id : 0;
}

qint64 ConversationList::hitAt(int row) const {
    return row >= 0 && row < count() ? m_rows[static_cast<size_t>(row)].messageId : 0;
}

void ConversationList::touch(const ConversationSummary& conversation) {
    if (const QDate today = QDate::currentDate();
        today != std::exchange(m_groupedOn, today) && !m_rows.empty()) {
        Q_EMIT dataChanged(index(0), index(count() - 1), {GroupRole});  // midnight has passed
    }
    std::erase_if(m_all, [&](const ConversationSummary& other) { return other.id == conversation.id; });
    const auto place = std::lower_bound(m_all.begin(), m_all.end(), conversation, newer);
    const int target = static_cast<int>(place - m_all.begin());
    m_all.insert(place, conversation);

    const int row = rowOf(conversation.id);
    if (!m_query.trimmed().isEmpty()) {
        // The search result keeps its order; only what it shows of the conversation is renewed.
        if (row < 0) return;
        m_rows[static_cast<size_t>(row)].conversation = conversation;
        Q_EMIT dataChanged(index(row), index(row));
        return;
    }
    if (row < 0) {
        beginInsertRows({}, target, target);
        m_rows.insert(m_rows.begin() + target, SearchHit{conversation, 0, {}});
        endInsertRows();
        Q_EMIT countChanged();
        return;
    }
    if (row != target) {
        // Qt counts the destination before the row is taken out.
        beginMoveRows({}, row, row, {}, target > row ? target + 1 : target);
        SearchHit moved = std::move(m_rows[static_cast<size_t>(row)]);
        m_rows.erase(m_rows.begin() + row);
        m_rows.insert(m_rows.begin() + target, std::move(moved));
        endMoveRows();
    }
    m_rows[static_cast<size_t>(target)].conversation = conversation;
    Q_EMIT dataChanged(index(target), index(target));
}

void ConversationList::setCurrent(qint64 id) {
    if (id == m_current) return;
    const qint64 before = std::exchange(m_current, id);
    for (const qint64 changed : {before, id}) {
        const int row = rowOf(changed);
        if (row >= 0) Q_EMIT dataChanged(index(row), index(row), {CurrentRole});
    }
}

void ConversationList::setToday(QDate today) {
    if (today == m_today) return;
    m_today = today;
    if (!m_rows.empty()) Q_EMIT dataChanged(index(0), index(count() - 1), {GroupRole});
}

void ConversationList::rename(qint64 id, const QString& title) {
    const QString wanted = title.simplified();
    if (wanted.isEmpty()) return;
    m_history.ask<ConversationSummary>(
        this, [id, wanted](HistoryDatabase& database) { return database.rename(id, wanted); },
        [this](Result<ConversationSummary> renamedOne) {
            if (!renamedOne) return;
            touch(*renamedOne);
            Q_EMIT renamed(renamedOne->id, renamedOne->title);
        });
}

void ConversationList::remove(qint64 id) {
    const auto found = std::find_if(m_all.begin(), m_all.end(),
                                    [id](const ConversationSummary& one) { return one.id == id; });
    if (found == m_all.end()) return;
    const ConversationSummary conversation = *found;
    m_history.ask<void>(
        this, [id](HistoryDatabase& database) { return database.setDeleted(id, true); },
        [this, conversation](Result<void> done) {
            if (!done) return;
            std::erase_if(m_all, [&](const ConversationSummary& one) { return one.id == conversation.id; });
            if (const int row = rowOf(conversation.id); row >= 0) {
                beginRemoveRows({}, row, row);
                m_rows.erase(m_rows.begin() + row);
                endRemoveRows();
                Q_EMIT countChanged();
            }
            m_deleted = conversation;
            Q_EMIT deletedChanged();
            Q_EMIT removed(conversation.id);
        });
}

void ConversationList::undoRemove() {
    if (!canUndoDelete()) return;
    const ConversationSummary conversation = std::exchange(m_deleted, {});
    Q_EMIT deletedChanged();
    m_history.ask<void>(
        this, [id = conversation.id](HistoryDatabase& database) { return database.setDeleted(id, false); },
        [this, conversation](Result<void> done) {
            if (!done) return;
            touch(conversation);
            Q_EMIT restored(conversation.id);
        });
}

}  // namespace edgechat::app
