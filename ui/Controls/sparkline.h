#pragma once

#include <QtQml/qqmlregistration.h>
#include <QColor>
#include <QList>
#include <QQuickPaintedItem>

namespace edgechat::ui {

/// A small line of the last values, newest on the right, scaled to the largest of them.
class Sparkline : public QQuickPaintedItem {
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(QList<qreal> values READ values WRITE setValues NOTIFY valuesChanged FINAL)
    Q_PROPERTY(int capacity READ capacity WRITE setCapacity NOTIFY capacityChanged FINAL)
    Q_PROPERTY(QColor color READ color WRITE setColor NOTIFY colorChanged FINAL)
    Q_PROPERTY(QColor baseColor READ baseColor WRITE setBaseColor NOTIFY colorChanged FINAL)

  public:
    explicit Sparkline(QQuickItem* parent = nullptr);

    QList<qreal> values() const { return m_values; }
    void setValues(const QList<qreal>& values);
    int capacity() const { return m_capacity; }  ///< values that fill the width
    void setCapacity(int capacity);
    QColor color() const { return m_color; }
    void setColor(const QColor& color);
    QColor baseColor() const { return m_baseColor; }  ///< the line at zero
    void setBaseColor(const QColor& color);

    void paint(QPainter* painter) override;

  Q_SIGNALS:
    void valuesChanged();
    void capacityChanged();
    void colorChanged();

  private:
    QList<qreal> m_values;
    int m_capacity = 120;
    QColor m_color = Qt::black;
    QColor m_baseColor = Qt::gray;
};

}  // namespace edgechat::ui
