#include "ui/Controls/icon.h"

#include <QFile>
#include <QHash>
#include <QPainter>
#include <QSvgRenderer>

namespace edgechat::ui {
namespace {

// The side of every icon's viewBox; a stroke of 1.5 there is 1.5 px only at this size.
constexpr qreal kViewBox = 20;
constexpr qreal kStroke = 1.5;

QByteArray readIcon(const QString& name) {
    QFile file(QStringLiteral(":/edgechat/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly)) {
        qWarning("no icon is called %s", qPrintable(name));
        return {};
    }
    return file.readAll();
}

}  // namespace

Icon::Icon(QQuickItem* parent) : QQuickPaintedItem(parent) {
    setImplicitSize(m_size, m_size);
    setAntialiasing(true);
}

void Icon::setName(const QString& name) {
    if (m_name == name) return;
    m_name = name;
    update();
    Q_EMIT nameChanged();
}

void Icon::setColor(const QColor& color) {
    if (m_color == color) return;
    m_color = color;
    update();
    Q_EMIT colorChanged();
}

void Icon::setSize(qreal size) {
    if (m_size == size) return;
    m_size = size;
    setImplicitSize(size, size);
    update();
    Q_EMIT sizeChanged();
}

void Icon::paint(QPainter* painter) {
    if (m_name.isEmpty()) return;
    QByteArray svg = readIcon(m_name);
    const QByteArray color = m_color.name(QColor::HexRgb).toLatin1();
    svg.replace("currentColor", color);
    svg.replace(
        "stroke-width=\"1.5\"",
        "stroke-width=\"" + QByteArray::number(kStroke * kViewBox / qMin(width(), height()), 'f', 3) + '"');
    QSvgRenderer renderer(svg);
    painter->setOpacity(m_color.alphaF());
    renderer.render(painter, QRectF(0, 0, width(), height()));
}

}  // namespace edgechat::ui
