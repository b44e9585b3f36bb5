#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QPointer>

#include <vector>

namespace edgechat::ui {

/// Everything the command palette can find: commands, models and conversations whose words contain what was
/// typed. It reads the two models by the names of their roles and knows nothing else about them.
class PaletteModel : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(QString filter READ filter WRITE setFilter NOTIFY filterChanged FINAL)
    Q_PROPERTY(QList<QObject*> commands READ commands WRITE setCommands NOTIFY sourcesChanged FINAL)
    Q_PROPERTY(QAbstractItemModel* conversations READ conversations WRITE setConversations NOTIFY
                   sourcesChanged FINAL)
    Q_PROPERTY(QAbstractItemModel* models READ models WRITE setModels NOTIFY sourcesChanged FINAL)
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)

  public:
    enum Kind { Command, Model, Conversation };
    Q_ENUM(Kind)
    enum DataRole { KindRole = Qt::UserRole + 1, TitleRole, DetailRole, TargetRole };

    explicit PaletteModel(QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;

    QString filter() const { return m_filter; }
    void setFilter(const QString& filter);
    QList<QObject*> commands() const { return m_commands; }  ///< Actions: `text`, `enabled`, `shortcut`
    void setCommands(const QList<QObject*>& commands);
    QAbstractItemModel* conversations() const { return m_conversations; }
    void setConversations(QAbstractItemModel* model);
    QAbstractItemModel* models() const { return m_models; }
    void setModels(QAbstractItemModel* model);
    int count() const { return static_cast<int>(m_rows.size()); }

    /// Reads the sources again.
    Q_INVOKABLE void refresh();

    // What the row stands for: an index into `commands`, a model's path, a conversation's id.
    Q_INVOKABLE int kindAt(int row) const;
    Q_INVOKABLE QVariant targetAt(int row) const;

  Q_SIGNALS:
    void filterChanged();
    void sourcesChanged();
    void countChanged();

  private:
    struct Row {
        Kind kind = Command;
        QString title;
        QString detail;
        QVariant target;
    };

    bool matches(const QString& text) const;

    QString m_filter;
    QList<QObject*> m_commands;
    QPointer<QAbstractItemModel> m_conversations;
    QPointer<QAbstractItemModel> m_models;
    std::vector<Row> m_rows;
};

}  // namespace edgechat::ui
