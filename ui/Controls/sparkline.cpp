#include "ui/Controls/sparkline.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace edgechat::ui {

Sparkline::Sparkline(QQuickItem* parent) : QQuickPaintedItem(parent) {
    setAntialiasing(true);
}

void Sparkline::setValues(const QList<qreal>& values) {
    if (m_values == values) return;
    m_values = values;
    update();
    Q_EMIT valuesChanged();
}

void Sparkline::setCapacity(int capacity) {
    capacity = std::max(2, capacity);
    if (m_capacity == capacity) return;
    m_capacity = capacity;
    update();
    Q_EMIT capacityChanged();
}

void Sparkline::setColor(const QColor& color) {
    if (m_color == color) return;
    m_color = color;
    update();
    Q_EMIT colorChanged();
}

void Sparkline::setBaseColor(const QColor& color) {
    if (m_baseColor == color) return;
    m_baseColor = color;
    update();
    Q_EMIT colorChanged();
}

void Sparkline::paint(QPainter* painter) {
    const qreal bottom = height() - 1;
    painter->setPen(QPen(m_baseColor, 1));
    painter->drawLine(QPointF(0, bottom + 0.5), QPointF(width(), bottom + 0.5));
    if (m_values.size() < 2) return;

    const int shown = std::min<int>(static_cast<int>(m_values.size()), m_capacity);
    const auto first = m_values.cend() - shown;
    const qreal largest = std::max<qreal>(1e-9, *std::max_element(first, m_values.cend()));
    const qreal step = width() / (m_capacity - 1);
    QPainterPath path;
    for (int i = 0; i < shown; ++i) {
        const qreal value = std::clamp<qreal>(*(first + i) / largest, 0, 1);
        const QPointF point(width() - step * (shown - 1 - i), 1.5 + (bottom - 2) * (1 - value));
        if (i == 0)
            path.moveTo(point);
        else
            path.lineTo(point);
    }
    painter->setPen(QPen(m_color, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter->drawPath(path);
}

}  // namespace edgechat::ui
