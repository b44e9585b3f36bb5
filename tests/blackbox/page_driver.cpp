// The window with a hand in it: gets a model on the Models page and asks it something. Everything is the real
// program, but for the clicks and keys, which come from here.
//
//     page_driver ORG/NAME QUESTION
//
// Goes on with what an earlier run, killed on its way, has begun. Says on stdout what it does ("get",
// "loading", "answer: ..."). Exit 0 when the model has answered.
#include <QFile>
#include <QGuiApplication>
#include <QQmlApplicationEngine>
#include <QQuickItem>
#include <QQuickStyle>
#include <QQuickWindow>
#include <QSignalSpy>
#include <QtQml/QQmlExtensionPlugin>
#include <QtTest>

#include <cstdio>
#include <functional>

#include "app/program.h"

Q_IMPORT_QML_PLUGIN(EdgeChat_AppPlugin)

using namespace edgechat::app;

namespace {

constexpr int kPatience = 180'000;  // milliseconds until a thing that has to happen counts as not happening

class Hand {
  public:
    Hand(QQuickWindow& window, Program& program) : m_window(window), m_program(program) {}

    bool waitFor(const char* what, const std::function<bool()>& condition) const {
        if (QTest::qWaitFor(condition, kPatience)) return true;
        std::fprintf(stderr, "page_driver: waited in vain for %s\n", what);
        return false;
    }

    /// An item that a person could click: shown, enabled, not under anything that scrolls it away.
    QQuickItem* find(const QString& name) const { return findIn(m_window.contentItem(), name); }

    /// Waits until it is there; brings it into the list's view first.
    bool click(const char* name) const {
        const QString wanted = QString::fromLatin1(name);
        const bool there = waitFor(name, [&] { return find(wanted) && find(wanted)->isEnabled(); });
        if (!there) return false;
        QQuickItem* const item = find(wanted);
        bringIntoView(*item);
        QTest::qWait(50);  // until the list stands
        const QPointF middle(item->width() / 2, item->height() / 2);
        QTest::mouseClick(&m_window, Qt::LeftButton, {}, item->mapToScene(middle).toPoint());
        return true;
    }

    void type(const QString& text) const {
        for (const QChar c : text) QTest::keyClick(&m_window, c.toLatin1());
    }
    void press(Qt::Key key) const { QTest::keyClick(&m_window, key); }

    /// The model comes from the catalog in two clicks, else by its name.
    bool get(const QString& repository) const {
        if (repository == QLatin1String("HuggingFaceTB/SmolLM2-135M-Instruct")) {
            if (!click("getModelButton")) return false;  // of the first start
            return click("getButton");                   // of the catalog's first model
        }
        m_window.setProperty("page", 1);
        if (!click("repositoryField")) return false;
        type(repository);
        press(Qt::Key_Return);
        RepositoryOffer& offer = *m_program.offer();
        if (!waitFor("the Hub's answer", [&offer] { return offer.state() == RepositoryOffer::Known; }))
            return false;
        QQuickItem* const card = find(QStringLiteral("offerCard"));
        if (card == nullptr) return false;
        QQuickItem* const button = findIn(card, QStringLiteral("getButton"));
        if (button == nullptr) return false;
        bringIntoView(*button);
        QTest::qWait(50);
        QTest::mouseClick(&m_window, Qt::LeftButton, {},
                          button->mapToScene(QPointF(button->width() / 2, button->height() / 2)).toPoint());
        return true;
    }

  private:
    static QQuickItem* findIn(QQuickItem* item, const QString& name) {
        if (!item->isVisible()) return nullptr;
        if (item->objectName() == name) return item;
        const QList<QQuickItem*> children = item->childItems();
        for (QQuickItem* child : children)
            if (QQuickItem* found = findIn(child, name)) return found;
        return nullptr;
    }
    void bringIntoView(const QQuickItem& item) const {
        for (QQuickItem* above = item.parentItem(); above; above = above->parentItem()) {
            if (!above->inherits("QQuickFlickable")) continue;
            const qreal top = item.mapToItem(above, QPointF(0, 0)).y();
            if (top < 0 || top + item.height() > above->height())
                above->setProperty("contentY",
                                   above->property("contentY").toReal() + top - above->height() / 2);
        }
    }

    QQuickWindow& m_window;
    Program& m_program;
};

void say(const QString& line) {
    std::printf("%s\n", qPrintable(line));
    std::fflush(stdout);
}

int run(QQuickWindow& window, Program& program, const QString& repository, const QString& question) {
    const Hand hand(window, program);
    QSignalSpy refreshed(program.library(), &ModelLibrary::refreshed);
    if (refreshed.isEmpty() && !refreshed.wait(kPatience)) return 1;
    const auto here = [&] {
        for (const ModelEntry& model : program.library()->entries())
            if (model.hub.repository == repository && !model.damaged) return true;
        return false;
    };
    QTest::qWait(200);  // a job of an earlier run shows itself
    if (!here() && !program.jobs()->has(repository)) {
        say(QStringLiteral("get"));
        if (!hand.get(repository)) return 1;
        if (!hand.waitFor("the job", [&] { return program.jobs()->has(repository) || here(); })) return 1;
    }
    window.setProperty("page", 1);
    if (!hand.waitFor("the model", [&] { return here(); })) return 1;
    say(QStringLiteral("loading"));
    if (!hand.click("useButton")) return 1;
    if (!hand.waitFor("the loaded model", [&] { return program.model()->state() == ModelHost::Ready; }))
        return 1;
    if (window.property("page").toInt() != 0) return 1;  // "Chat" leads there
    QSignalSpy answered(program.chat(), &ChatSession::answered);
    if (!hand.click("composerInput")) return 1;
    hand.type(question);
    hand.press(Qt::Key_Return);
    if (!hand.waitFor("an answer", [&] { return !answered.isEmpty(); })) return 1;
    const QString answer = program.chat()->lastAnswer();
    say(QStringLiteral("answer: ") + answer.left(60).simplified());
    return answer.isEmpty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    QQuickWindow::setGraphicsApi(QSGRendererInterface::Software);
    QGuiApplication application(argc, argv);
    QQuickStyle::setStyle(QStringLiteral("Basic"));
    const QStringList words = QGuiApplication::arguments();
    if (words.size() != 3) {
        std::fputs("usage: page_driver ORG/NAME QUESTION\n", stderr);
        return 2;
    }
    Program program;
    QQmlApplicationEngine engine;
    engine.addImportPath(QStringLiteral(":/qt/qml"));
    engine.setInitialProperties({{QStringLiteral("program"), QVariant::fromValue(&program)}});
    engine.load(QUrl(QStringLiteral("qrc:/qt/qml/EdgeChat/Main.qml")));
    if (engine.rootObjects().isEmpty()) return 1;
    auto* const window = qobject_cast<QQuickWindow*>(engine.rootObjects().constFirst());
    if (window == nullptr || !QTest::qWaitForWindowExposed(window)) return 1;
    program.start();
    const int code = run(*window, program, words[1], words[2]);
    program.finish();
    return code;
}
