// The models of the library that match what a person searches for, in the library's order and with its roles.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>

#include <vector>

namespace edgechat::app {

class ModelLibrary;

/// Lives on the GUI thread.
class InstalledModels : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the list")
    Q_PROPERTY(QString filter READ filter WRITE setFilter NOTIFY filterChanged FINAL)
    Q_PROPERTY(int total READ total NOTIFY totalChanged FINAL)

  public:
    explicit InstalledModels(ModelLibrary& library, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;

    /// Words that all occur in a model's name, title, family, quantization or repository; empty: all models.
    QString filter() const { return m_filter; }
    void setFilter(const QString& filter);
    int total() const;  ///< before the filter

  Q_SIGNALS:
    void filterChanged();
    void totalChanged();

  private:
    void showWhatMatches();

    ModelLibrary& m_library;
    QString m_filter;
    std::vector<int> m_rows;  ///< of the library
};

}  // namespace edgechat::app
