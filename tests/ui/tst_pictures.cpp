// Pictures of every page and state, for people to look at: they are kept in the build folder and never
// compared. What is asserted is that each one loads without a word from the QML engine and is not blank.
#include <QDir>
#include <QGuiApplication>
#include <QQmlApplicationEngine>
#include <QQuickItem>
#include <QQuickStyle>
#include <QQuickWindow>
#include <QtTest>

#include "tests/ui/scenes.h"

using namespace edgechat::fake;

namespace {

QStringList messages;

void keepMessage(QtMsgType type, const QMessageLogContext&, const QString& text) {
    if (type != QtDebugMsg && type != QtInfoMsg) messages.append(text);
    std::fprintf(stderr, "%s\n", qPrintable(text));
}

}  // namespace

namespace {

/// Unfolds every model's card.
void openDetails(QQuickItem* item, const QString& button = QStringLiteral("detailsButton")) {
    if (item->objectName() == button) QMetaObject::invokeMethod(item, "clicked");
    const QList<QQuickItem*> children = item->childItems();
    for (QQuickItem* child : children) openDetails(child, button);
}

/// Scrolls a view to a share of its way.
void showPart(QQuickItem* item, const QString& view, double share) {
    if (item->objectName() == view) {
        item->setProperty("contentY", share * (item->property("contentHeight").toReal() - item->height()));
        QTest::qWait(60);
    }
    const QList<QQuickItem*> children = item->childItems();
    for (QQuickItem* child : children) showPart(child, view, share);
}

}  // namespace

class PicturesTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void everySceneHasAFace_data();
    void everySceneHasAFace();
};

void PicturesTest::everySceneHasAFace_data() {
    QTest::addColumn<QString>("scene");
    QTest::addColumn<QSize>("size");
    QTest::addColumn<bool>("dark");
    for (const QString& scene : sceneNames()) {
        for (const QSize size : {QSize(1200, 780), QSize(640, 480)}) {
            for (const bool dark : {false, true}) {
                QTest::addRow("%s-%dx%d-%s", qPrintable(scene), size.width(), size.height(),
                              dark ? "dark" : "light")
                    << scene << size << dark;
            }
        }
    }
}

void PicturesTest::everySceneHasAFace() {
    QFETCH(QString, scene);
    QFETCH(QSize, size);
    QFETCH(bool, dark);

    Program program;
    program.settings()->setProperty("appearance", dark ? Settings::Dark : Settings::Light);
    program.settings()->setProperty("windowGeometry", QRect(QPoint(0, 0), size));
    setScene(program, scene);

    messages.clear();
    const QtMessageHandler before = qInstallMessageHandler(keepMessage);
    {
        QQmlApplicationEngine engine;
        engine.addImportPath(QStringLiteral(":/qt/qml"));
        engine.setInitialProperties({{QStringLiteral("program"), QVariant::fromValue(&program)}});
        engine.load(QUrl(QStringLiteral("qrc:/qt/qml/EdgeChat/Main.qml")));
        QVERIFY(!engine.rootObjects().isEmpty());
        auto* window = qobject_cast<QQuickWindow*>(engine.rootObjects().constFirst());
        QVERIFY(window);
        window->resize(size);
        QVERIFY(QTest::qWaitForWindowExposed(window));

        if (scene.startsWith(u"models")) window->setProperty("page", 1);
        if (scene.startsWith(u"settings")) window->setProperty("page", 2);
        if (scene.startsWith(u"sheet")) {
            QMetaObject::invokeMethod(window, "showModelSettings",
                                      Q_ARG(QString, program.model()->property("path").toString()),
                                      Q_ARG(QString, program.model()->property("name").toString()));
        }
        if (scene == u"palette") QTest::keyClick(window, Qt::Key_K, Qt::ControlModifier);
        if (scene == u"shortcuts") QTest::keyClick(window, Qt::Key_F1);
        if (scene.startsWith(u"switcher")) QTest::keyClick(window, Qt::Key_L, Qt::ControlModifier);
        if (scene == u"editing") QTest::keyClick(window, Qt::Key_Up);
        if (scene == u"search") {
            QTest::keyClick(window, Qt::Key_F, Qt::ControlModifier);
            for (const char c : QByteArray("file")) QTest::keyClick(window, c);
        }
        if (scene == u"deleted") program.conversations()->remove(2);
        if (scene == u"conversation")
            QTest::mouseMove(window, QPoint(size.width() / 2 + 100, size.height() / 2));
        if (scene == u"models-offer" || scene == u"models-gpu-offer") {
            QTest::qWait(60);
            openDetails(window->contentItem(), QStringLiteral("catalogDetailsButton"));
        }
        if (scene == u"models-details") {
            QTest::qWait(60);  // until all cards are made
            openDetails(window->contentItem());
        }
        QTest::qWait(160);
        if (scene == u"models-gpu") showPart(window->contentItem(), QStringLiteral("modelsPageList"), 0.6);
        if (scene == u"sheet-answers") showPart(window->contentItem(), QStringLiteral("sheetView"), 0.6);
        if (scene.startsWith(u"settings-")) {
            showPart(window->contentItem(), QStringLiteral("settingsView"), scene.contains(u"gpu") ? 0.2 : 1);
        }

        const QImage picture = window->grabWindow();
        QVERIFY(!picture.isNull());
        int colours = 0;
        const QRgb first = picture.pixel(0, 0);
        for (int y = 0; y < picture.height(); y += 7)
            for (int x = 0; x < picture.width(); x += 7) colours += picture.pixel(x, y) != first;
        QVERIFY2(colours > 200, "the picture is blank");

        const QDir folder(QString::fromLocal8Bit(
            qgetenv("EDGECHAT_PICTURES").isEmpty() ? QByteArray("pictures") : qgetenv("EDGECHAT_PICTURES")));
        QVERIFY(folder.mkpath(QStringLiteral(".")));
        const int percent = qRound(100 * window->devicePixelRatio());
        const QString file =
            QStringLiteral("%1-%2.png").arg(QString::fromLatin1(QTest::currentDataTag())).arg(percent);
        QVERIFY(picture.save(folder.filePath(file)));
    }
    qInstallMessageHandler(before);
    QVERIFY2(messages.isEmpty(), qPrintable(messages.join(u'\n')));
}

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    if (qEnvironmentVariableIsEmpty("QT_QUICK_BACKEND")) qputenv("QT_QUICK_BACKEND", "software");
    QGuiApplication application(argc, argv);
    QQuickStyle::setStyle(QStringLiteral("Basic"));
    PicturesTest test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_pictures.moc"
