// The whole window in one of the scenes, and a hand on it.
#pragma once

#include <QQmlApplicationEngine>
#include <QQuickItem>
#include <QQuickWindow>
#include <QtTest>

#include "tests/ui/scenes.h"

namespace edgechat::fake {

/// The window in one scene, with stand-ins behind it.
struct Shown {
    Program program;
    QQmlApplicationEngine engine;
    QQuickWindow* window = nullptr;

    explicit Shown(const QString& scene, const QSize& size = QSize(1200, 780)) {
        setScene(program, scene);
        program.settings()->setProperty("windowGeometry", QRect(QPoint(0, 0), size));
        engine.addImportPath(QStringLiteral(":/qt/qml"));
        engine.setInitialProperties({{QStringLiteral("program"), QVariant::fromValue(&program)}});
        engine.load(QUrl(QStringLiteral("qrc:/qt/qml/EdgeChat/Main.qml")));
        if (engine.rootObjects().isEmpty()) return;
        window = qobject_cast<QQuickWindow*>(engine.rootObjects().constFirst());
        window->resize(size);
        if (!QTest::qWaitForWindowExposed(window)) window = nullptr;
    }

    // Delegates have no QObject parent, so the tree of items is searched.
    QQuickItem* find(const char* name) const {
        return findIn(window->contentItem(), QString::fromLatin1(name));
    }
    static QQuickItem* findIn(QQuickItem* item, const QString& name) {
        if (item->objectName() == name) return item;
        for (QQuickItem* child : item->childItems())
            if (QQuickItem* found = findIn(child, name)) return found;
        return nullptr;
    }
    /// A list gives the keyboard to its current row.
    bool hasFocus(const char* name) const {
        QQuickItem* wanted = find(name);
        for (QQuickItem* item = window->activeFocusItem(); item; item = item->parentItem())
            if (item == wanted) return true;
        return false;
    }
    void showModelSheet() {
        QMetaObject::invokeMethod(window, "showModelSettings",
                                  Q_ARG(QString, program.model()->property("path").toString()),
                                  Q_ARG(QString, program.model()->property("name").toString()));
    }
    void type(const char* text) const {
        for (const char* c = text; *c; ++c) QTest::keyClick(window, *c);
    }
    void click(QQuickItem* item) const {
        QTest::mouseClick(window, Qt::LeftButton, {},
                          item->mapToScene(QPointF(item->width() / 2, item->height() / 2)).toPoint());
    }
    /// What is in a closed popup is in no window.
    bool isShown(const char* name) const {
        QQuickItem* item = find(name);
        return item && item->isVisible();
    }
    /// The control that gives a setting of a model its general value again.
    QQuickItem* resetOf(const char* row) const { return findIn(find(row), QStringLiteral("resetButton")); }
    QVariantList lastCall() {
        const QVariantList calls = program.chat()->property("calls").toList();
        return calls.isEmpty() ? QVariantList() : calls.constLast().toList();
    }
};

/// All items that are shown, from the outside in.
inline void collect(QQuickItem* item, QList<QQuickItem*>* items) {
    if (!item->isVisible()) return;
    items->append(item);
    for (QQuickItem* child : item->childItems()) collect(child, items);
}

}  // namespace edgechat::fake
