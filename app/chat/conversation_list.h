// The conversations of the sidebar, newest first; with a query, what the search found.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QDate>

#include <functional>
#include <vector>

#include "app/storage/records.h"

namespace edgechat::app {

class History;

/// Lives on the GUI thread.
class ConversationList : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the conversations")
    Q_PROPERTY(QString query READ query WRITE setQuery NOTIFY queryChanged FINAL)
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)
    Q_PROPERTY(bool loaded READ loaded NOTIFY loadedChanged FINAL)
    Q_PROPERTY(bool canUndoDelete READ canUndoDelete NOTIFY deletedChanged FINAL)
    Q_PROPERTY(QString deletedTitle READ deletedTitle NOTIFY deletedChanged FINAL)

  public:
    enum Group { Today, Yesterday, LastWeek, Older };
    Q_ENUM(Group)
    enum DataRole {
        ConversationIdRole = Qt::UserRole + 1,
        TitleRole,
        GroupRole,
        SnippetRole,
        MessageIdRole,
        UpdatedAtRole,
        CurrentRole
    };

    explicit ConversationList(History& history, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_rows.size()); }
    QString query() const { return m_query; }
    void setQuery(const QString& query);
    bool loaded() const { return m_loaded; }  ///< the list has been read once
    bool canUndoDelete() const { return m_deleted.id != 0; }
    QString deletedTitle() const { return m_deleted.title; }

    Q_INVOKABLE void rename(qint64 id, const QString& title);
    /// Moves a conversation to the bin, where it stays 30 days.
    Q_INVOKABLE void remove(qint64 id);
    Q_INVOKABLE void undoRemove();
    Q_INVOKABLE qint64 idAt(int row) const;   ///< 0 if there is no such row
    Q_INVOKABLE qint64 hitAt(int row) const;  ///< the message that the search found there, else 0

    void reload();                                        ///< reads everything again
    void touch(const ConversationSummary& conversation);  ///< it is new or changed: to the top
    void setCurrent(qint64 id);
    void setToday(QDate today);  ///< what the groups are measured from; by default the machine's date

  Q_SIGNALS:
    void queryChanged();
    void countChanged();
    void loadedChanged();
    void deletedChanged();
    void renamed(qint64 id, const QString& title);
    void removed(qint64 id);
    void restored(qint64 id);

  private:
    void search();
    void replaceRows(std::vector<SearchHit> rows);
    void showAll();
    int rowOf(qint64 id) const;
    Group groupOf(const QDateTime& time) const;

    History& m_history;
    std::vector<ConversationSummary> m_all;  ///< newest first
    std::vector<SearchHit> m_rows;           ///< what is shown
    QString m_query;
    QDate m_today;                             ///< given by setToday(), else invalid
    QDate m_groupedOn = QDate::currentDate();  ///< when the groups were last announced
    quint64 m_searchNumber = 0;                ///< answers to older searches are dropped
    qint64 m_current = 0;
    bool m_loaded = false;
    ConversationSummary m_deleted;
};

}  // namespace edgechat::app
