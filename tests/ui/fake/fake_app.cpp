#include "tests/ui/fake/fake_app.h"

namespace edgechat::fake {

QVariant RowModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= count()) return {};
    const QByteArray name = roleNames().value(role);
    return row(index.row()).value(QString::fromLatin1(name));
}

QHash<int, QByteArray> RowModel::roleNames() const {
    QHash<int, QByteArray> names;
    for (int i = 0; i < m_roles.size(); ++i) names.insert(Qt::UserRole + 1 + i, m_roles[i]);
    return names;
}

void RowModel::setRows(const QVariantList& rows) {
    beginResetModel();
    m_rows = rows;
    endResetModel();
    Q_EMIT countChanged();
}

void RowModel::setValue(int row, const QString& role, const QVariant& value) {
    QVariantMap map = m_rows[row].toMap();
    map[role] = value;
    m_rows[row] = map;
    Q_EMIT dataChanged(index(row), index(row), {roleNames().key(role.toLatin1())});
}

ConversationList::ConversationList()
    : RowModel({"conversationId", "title", "group", "snippet", "messageId", "updatedAt", "current"}) {}

void ConversationList::remove(qint64 id) {
    m_calls.append({QStringLiteral("remove"), id});
    m_deletedTitle = QStringLiteral("A walk through the park");
    m_canUndoDelete = true;
    Q_EMIT deletedChanged();
}

void ConversationList::undoRemove() {
    m_canUndoDelete = false;
    Q_EMIT deletedChanged();
}

qint64 ConversationList::idAt(int index) const {
    return index < 0 || index >= count() ? 0
                                         : row(index).value(QStringLiteral("conversationId")).toLongLong();
}

MessageList::MessageList()
    : RowModel({"messageId", "role", "text", "status", "versionIndex", "versionCount", "modelName",
                "generatedTokens", "decodeRate", "prefillRate", "timeToFirstToken", "createdAt",
                "canContinue", "modelChanged"}) {}

ChatSession::ChatSession() {
    connect(&m_messages, &RowModel::countChanged, this, &ChatSession::emptyChanged);
}

void ChatSession::record(const QVariantList& call) {
    m_calls.append(QVariant(call));
    Q_EMIT callsChanged();
}

void ChatSession::send(const QString& text) {
    record({QStringLiteral("send"), text});
    Q_EMIT sent();
}

qint64 ChatSession::lastUserMessageId() const {
    for (int i = m_messages.count() - 1; i >= 0; --i) {
        if (m_messages.row(i).value(QStringLiteral("role")).toInt() == MessageList::User)
            return m_messages.row(i).value(QStringLiteral("messageId")).toLongLong();
    }
    return 0;
}

void ChatSession::dismissProblem() {
    m_problem.clear();
    Q_EMIT problemChanged();
}

ModelLibrary::ModelLibrary()
    : RowModel({"name",       "path",      "title",    "family",     "parametersText", "quantization",
                "bytes",      "sizeText",  "inStore",  "loaded",     "damaged",        "problem",
                "context",    "fileCount", "warnings", "switchCost", "switchWarning",  "origin",
                "repository", "licence",   "lastUsed", "verified",   "canRepair",      "ownSettings"}) {}

CachedModels::CachedModels()
    : RowModel({"name", "repository", "path", "family", "parametersText", "quantization", "sizeText",
                "complete", "problem"}) {}

JobList::JobList()
    : RowModel({"jobId", "title", "repository", "stageText", "detail", "share", "paused", "running", "done",
                "failed", "problem", "fix", "hubPage", "wantsToken", "storedName", "canGoFirst"}) {}

bool JobList::has(const QString& repository) const {
    for (int i = 0; i < count(); ++i) {
        if (row(i)[QStringLiteral("repository")] == repository) return true;
    }
    return false;
}

CatalogList::CatalogList()
    : RowModel({"catalogId", "name", "family", "repository", "goodAt", "parametersText", "downloadBytes",
                "licenceName", "licenceUrl", "gated", "badge", "context", "memory", "fits", "largestContext",
                "diskNeeded", "diskFits", "rate", "problem"}) {}

QVariantMap memoryAt(QVariantMap memory, int known, int context) {
    for (const char* name : {"weights", "context", "runtime", "available", "gpuNeeded", "gpuFree"}) {
        QVariant& bytes = memory[QLatin1String(name)];
        bytes = bytes.toDouble();
    }
    QVariant& inGpuMemory = memory[QStringLiteral("inGpuMemory")];
    inGpuMemory = inGpuMemory.toBool();
    QVariant& bytes = memory[QStringLiteral("context")];
    bytes = bytes.toDouble() * context / known;
    return memory;
}

QVariantMap CatalogList::fitAt(const QString& id, int context) const {
    for (int i = 0; i < count(); ++i) {
        const QVariantMap entry = row(i);
        if (entry[QStringLiteral("catalogId")] == id)
            return memoryAt(entry[QStringLiteral("memory")].toMap(), entry[QStringLiteral("context")].toInt(),
                            context);
    }
    return {};
}

void ModelSettings::set(Value value, const QVariant& now, const QVariant& before) {
    if (now == before) return;
    m_own[value] = now;
    Q_EMIT changed();
}

void ModelSettings::follow(Value value) {
    m_own.remove(value);
    Q_EMIT changed();
}

void ModelSettings::followAll() {
    m_own.clear();
    Q_EMIT changed();
}

bool HubAccess::setAddress(const QString& address) {
    const bool good = address.isEmpty() || address.startsWith(u"https://");
    m_addressProblem = good ? QString() : QStringLiteral("This is no address of a Hub.");
    if (good) {
        m_address = address;
        Q_EMIT addressChanged();
        m_host = address.isEmpty() ? QStringLiteral("huggingface.co") : QUrl(address).host();
        m_mirror = !address.isEmpty();
    }
    Q_EMIT changed();
    return good;
}

bool HubAccess::setToken(const QString& token) {
    const bool good = !token.contains(u' ');
    m_tokenProblem = good ? QString() : QStringLiteral("This is no access token.");
    if (good) {
        m_givenToken = token;
        m_tokenPlace = Keyring;
    }
    Q_EMIT changed();
    return good;
}

void Program::editModel(const QString& path, const QString& name) {
    m_modelSettings.setProperty("path", path);
    m_modelSettings.setProperty("name", name);
}

void ModelLibrary::remove(const QString& name) {
    m_removedName = name;
    m_canUndoRemove = true;
    Q_EMIT removedChanged();
}

}  // namespace edgechat::fake
