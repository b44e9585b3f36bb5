// The messages of the shown conversation as rows: the path from its first message to the shown leaf.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>

#include <vector>

#include "app/storage/records.h"

namespace edgechat::app {

class MessageTree;

/// Lives on the GUI thread. While an answer streams only the last row changes, with the exact role `text`.
class MessageList : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("ChatSession owns its messages")
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)

  public:
    enum Role { User, Assistant, System };
    Q_ENUM(Role)
    enum Status { Complete, Streaming, Stopped, Interrupted, Length, ContextFull, Failed };
    Q_ENUM(Status)
    enum DataRole {
        MessageIdRole = Qt::UserRole + 1,
        RoleRole,
        TextRole,
        StatusRole,
        VersionIndexRole,
        VersionCountRole,
        ModelNameRole,
        GeneratedTokensRole,
        DecodeRateRole,
        PrefillRateRole,
        TimeToFirstTokenRole,
        CreatedAtRole,
        CanContinueRole,
        ModelChangedRole
    };

    explicit MessageList(QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;
    int count() const { return static_cast<int>(m_rows.size()); }

    /// Shows `path` of `tree`. Rows that the old and the new path share stay; the rest is removed and
    /// inserted.
    void show(const MessageTree& tree, const std::vector<qint64>& path);
    /// Replaces the text of the last row, which must be `messageId`.
    void setText(qint64 messageId, const QString& text);
    /// Takes over everything else of a message that is among the rows.
    void update(const MessageTree& tree, qint64 messageId);
    int rowOf(qint64 messageId) const;  ///< -1 if it is not shown

  Q_SIGNALS:
    void countChanged();

  private:
    struct Row {
        MessageRecord message;
        int versionIndex = 1;
        int versionCount = 1;
        bool modelChanged = false;  ///< another model gave the answer before this one
        bool operator==(const Row&) const = default;
    };
    Row makeRow(const MessageTree& tree, qint64 messageId) const;

    std::vector<Row> m_rows;
};

}  // namespace edgechat::app
