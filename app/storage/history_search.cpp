// The search of the history: through FTS5, or by reading every row where SQLite lacks it.
#include <QRegularExpression>
#include <QSet>
#include <QSqlError>

#include <algorithm>

#include "app/storage/history_database.h"

namespace edgechat::app {
namespace {

const QString kWhat = QStringLiteral("cannot search the history");
constexpr char16_t kHitBegin = 0x2068;
constexpr char16_t kHitEnd = 0x2069;
constexpr int kSnippetContext = 48;  // characters on each side of a hit

const QString kTriggers[] = {
    QStringLiteral("CREATE TRIGGER IF NOT EXISTS message_search_insert AFTER INSERT ON messages BEGIN"
                   " INSERT INTO message_search(rowid, text) VALUES (new.id, new.text); END"),
    QStringLiteral(
        "CREATE TRIGGER IF NOT EXISTS message_search_delete AFTER DELETE ON messages BEGIN"
        " INSERT INTO message_search(message_search, rowid, text) VALUES ('delete', old.id, old.text);"
        " END"),
    QStringLiteral(
        "CREATE TRIGGER IF NOT EXISTS message_search_update AFTER UPDATE OF text ON messages BEGIN"
        " INSERT INTO message_search(message_search, rowid, text) VALUES ('delete', old.id, old.text);"
        " INSERT INTO message_search(rowid, text) VALUES (new.id, new.text); END"),
    QStringLiteral("CREATE TRIGGER IF NOT EXISTS title_search_insert AFTER INSERT ON conversations BEGIN"
                   " INSERT INTO title_search(rowid, title) VALUES (new.id, new.title); END"),
    QStringLiteral(
        "CREATE TRIGGER IF NOT EXISTS title_search_delete AFTER DELETE ON conversations BEGIN"
        " INSERT INTO title_search(title_search, rowid, title) VALUES ('delete', old.id, old.title);"
        " END"),
    QStringLiteral(
        "CREATE TRIGGER IF NOT EXISTS title_search_update AFTER UPDATE OF title ON conversations BEGIN"
        " INSERT INTO title_search(title_search, rowid, title) VALUES ('delete', old.id, old.title);"
        " INSERT INTO title_search(rowid, title) VALUES (new.id, new.title); END"),
};

const QString kTriggerNames[] = {
    QStringLiteral("message_search_insert"), QStringLiteral("message_search_delete"),
    QStringLiteral("message_search_update"), QStringLiteral("title_search_insert"),
    QStringLiteral("title_search_delete"),   QStringLiteral("title_search_update"),
};

/// Without line ends and without the marks of Markdown that say nothing in one line.
QString oneLine(QString text) {
    static const QRegularExpression marks(QStringLiteral("\\*\\*|`+|(^|\\n)#+ "));
    return text.remove(marks).replace(u'\n', u' ');
}

/// The surroundings of the first hit, with every hit inside marked.
QString snippetOf(const QString& text, const QStringList& words) {
    qsizetype first = text.size();
    for (const QString& word : words) {
        const qsizetype at = text.indexOf(word, 0, Qt::CaseInsensitive);
        if (at >= 0) first = std::min(first, at);
    }
    const qsizetype begin = std::max<qsizetype>(0, first - kSnippetContext);
    QString part = text.mid(begin, 2 * kSnippetContext + words.constFirst().size());
    QStringList patterns;
    for (const QString& word : words) patterns << QRegularExpression::escape(word);
    const QRegularExpression hits(QStringLiteral("(%1)").arg(patterns.join(u'|')),
                                  QRegularExpression::CaseInsensitiveOption);
    part.replace(hits, QString(QChar(kHitBegin)) + QStringLiteral("\\1") + QChar(kHitEnd));
    if (begin > 0) part.prepend(QChar(0x2026));
    if (begin + 2 * kSnippetContext + words.constFirst().size() < text.size()) part.append(QChar(0x2026));
    return oneLine(part);
}

/// One row for each conversation, newest conversation first.
std::vector<SearchHit> onePerConversation(std::vector<SearchHit> hits) {
    std::stable_sort(hits.begin(), hits.end(), [](const SearchHit& a, const SearchHit& b) {
        if (a.conversation.updatedAt != b.conversation.updatedAt) {
            return a.conversation.updatedAt > b.conversation.updatedAt;
        }
        if (a.conversation.id != b.conversation.id) return a.conversation.id > b.conversation.id;
        return a.messageId > b.messageId;  // the newest message, and a message before the title alone
    });
    const auto last = std::unique(hits.begin(), hits.end(), [](const SearchHit& a, const SearchHit& b) {
        return a.conversation.id == b.conversation.id;
    });
    hits.erase(last, hits.end());
    return hits;
}

SearchHit readHit(const QSqlQuery& query) {
    SearchHit hit;
    hit.conversation = {query.value(0).toLongLong(), query.value(1).toString(),
                        QDateTime::fromMSecsSinceEpoch(query.value(2).toLongLong())};
    hit.messageId = query.value(3).toLongLong();
    hit.snippet = oneLine(query.value(4).toString());
    return hit;
}

}  // namespace

Result<void> HistoryDatabase::prepareSearch(bool wanted) {
    const QString what = QStringLiteral("cannot prepare the search of the history");
    m_fullText = wanted && sqliteHasFullText(m_database);
    auto existing =
        run(QStringLiteral("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE"
                           " '%\\_search\\_%' ESCAPE '\\'"),
            {}, what);
    if (!existing || !existing->next()) return existing ? Result<void>() : Result<void>(existing.error());
    const int triggers = existing->value(0).toInt();
    existing->finish();

    if (!m_fullText) {
        // The triggers of a file that was written with FTS5 would fail here. The index is built anew when an
        // SQLite with FTS5 opens the file again.
        for (const QString& name : kTriggerNames) {
            if (triggers == 0) break;
            if (auto done = run(QStringLiteral("DROP TRIGGER IF EXISTS ") + name, {}, what); !done) {
                return done.error();
            }
        }
        return {};
    }
    if (triggers == static_cast<int>(std::size(kTriggerNames))) return {};
    QStringList statements{
        QStringLiteral("BEGIN IMMEDIATE"),
        QStringLiteral(
            "CREATE VIRTUAL TABLE IF NOT EXISTS message_search USING fts5(text, content='messages',"
            " content_rowid='id', tokenize='unicode61 remove_diacritics 2')"),
        QStringLiteral(
            "CREATE VIRTUAL TABLE IF NOT EXISTS title_search USING fts5(title,"
            " content='conversations', content_rowid='id', tokenize='unicode61 remove_diacritics 2')")};
    for (const QString& trigger : kTriggers) statements << trigger;
    statements << QStringLiteral("INSERT INTO message_search(message_search) VALUES ('rebuild')")
               << QStringLiteral("INSERT INTO title_search(title_search) VALUES ('rebuild')")
               << QStringLiteral("COMMIT");
    Result<void> made = runAll(statements, what);
    if (!made) QSqlQuery(m_database).exec(QStringLiteral("ROLLBACK"));
    return made;
}

Result<std::vector<SearchHit>> HistoryDatabase::search(const QString& query, int limit) {
    QStringList words = query.simplified().split(u' ', Qt::SkipEmptyParts);
    words.removeDuplicates();
    if (words.isEmpty()) return std::vector<SearchHit>();
    Result<std::vector<SearchHit>> hits =
        m_fullText ? searchFullText(words, limit) : searchByScan(words, limit);
    if (!hits) return hits;
    return onePerConversation(std::move(*hits));
}

Result<std::vector<SearchHit>> HistoryDatabase::searchFullText(const QStringList& words, int limit) {
    QStringList terms;
    for (QString word : words)
        terms << u'"' + word.replace(u'"', QStringLiteral("\"\"")) + QStringLiteral("\"*");
    const QString match = terms.join(u' ');
    std::vector<SearchHit> hits;
    // The newest hit of each conversation first; snippet() is then asked only for those.
    auto messages =
        run(QStringLiteral("SELECT c.id, c.title, c.updated_at, m.id,"
                           " snippet(message_search, 0, char(8296), char(8297), char(8230), 10)"
                           " FROM message_search JOIN messages m ON m.id = message_search.rowid"
                           " JOIN conversations c ON c.id = m.conversation_id"
                           " WHERE message_search MATCH ? AND message_search.rowid IN"
                           " (SELECT max(m2.id) FROM message_search s2 JOIN messages m2 ON m2.id = s2.rowid"
                           "  JOIN conversations c2 ON c2.id = m2.conversation_id"
                           "  WHERE s2.message_search MATCH ? AND c2.deleted_at IS NULL"
                           "  GROUP BY m2.conversation_id ORDER BY c2.updated_at DESC LIMIT ?)"),
            {match, match, limit}, kWhat);
    if (!messages) return messages.error();
    while (messages->next()) hits.push_back(readHit(*messages));
    auto titles = run(QStringLiteral("SELECT c.id, c.title, c.updated_at, 0, '' FROM title_search"
                                     " JOIN conversations c ON c.id = title_search.rowid"
                                     " WHERE title_search MATCH ? AND c.deleted_at IS NULL"
                                     " ORDER BY c.updated_at DESC LIMIT ?"),
                      {match, limit}, kWhat);
    if (!titles) return titles.error();
    while (titles->next()) hits.push_back(readHit(*titles));
    return hits;
}

Result<std::vector<SearchHit>> HistoryDatabase::searchByScan(const QStringList& words, int limit) {
    QString textHas, titleHas;
    QVariantList patterns;
    for (QString word : words) {
        for (const QChar special : {QChar(u'\\'), QChar(u'%'), QChar(u'_')}) {
            word.replace(special, QString(u'\\') + special);
        }
        patterns << QString(u'%' + word + u'%');
        textHas += QStringLiteral(" AND m.text LIKE ? ESCAPE '\\'");
        titleHas += QStringLiteral(" AND c.title LIKE ? ESCAPE '\\'");
    }
    std::vector<SearchHit> hits;
    auto messages = run(QStringLiteral("SELECT c.id, c.title, c.updated_at, m.id, m.text FROM messages m"
                                       " JOIN conversations c ON c.id = m.conversation_id"
                                       " WHERE c.deleted_at IS NULL") +
                            textHas + QStringLiteral(" ORDER BY m.id DESC LIMIT ?"),
                        patterns + QVariantList{limit}, kWhat);
    if (!messages) return messages.error();
    while (messages->next()) {
        hits.push_back(readHit(*messages));
        hits.back().snippet = snippetOf(messages->value(4).toString(), words);
    }
    auto titles = run(QStringLiteral("SELECT c.id, c.title, c.updated_at, 0, '' FROM conversations c"
                                     " WHERE c.deleted_at IS NULL") +
                          titleHas + QStringLiteral(" ORDER BY c.updated_at DESC LIMIT ?"),
                      patterns + QVariantList{limit}, kWhat);
    if (!titles) return titles.error();
    while (titles->next()) hits.push_back(readHit(*titles));
    return hits;
}

}  // namespace edgechat::app
