// The window's program: options, style, the first QML file, and a clean end on a signal.
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include <QCommandLineParser>
#include <QDir>
#include <QFile>
#include <QGuiApplication>
#include <QIcon>
#include <QQmlApplicationEngine>
#include <QQuickStyle>
#include <QQuickWindow>
#include <QSocketNotifier>
#include <QtPlugin>
#include <QtQml/QQmlExtensionPlugin>

#include <cstdio>

#include "app/program.h"

Q_IMPORT_QML_PLUGIN(EdgeChat_AppPlugin)

namespace {

int quitSockets[2] = {-1, -1};  // written by the signal handler, read by the event loop

void onQuitSignal(int) {
    const char byte = 1;
    [[maybe_unused]] const ssize_t written = write(quitSockets[0], &byte, 1);
}

/// SIGINT and SIGTERM end the program as closing its window does.
void quitOnSignals(QObject* parent) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, quitSockets) != 0) return;
    auto* notifier = new QSocketNotifier(quitSockets[1], QSocketNotifier::Read, parent);
    QObject::connect(notifier, &QSocketNotifier::activated, parent, [notifier] {
        notifier->setEnabled(false);
        QCoreApplication::quit();
    });
    struct sigaction action = {};
    action.sa_handler = onQuitSignal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool hasArgument(int argc, char** argv, const char* name) {
    for (int i = 1; i < argc; ++i) {
        if (qstrcmp(argv[i], name) == 0) return true;
    }
    return false;
}

/// Whether a kernel driver for drawing is here. Without one OpenGL would be Mesa's llvmpipe, whose compiler
/// alone takes 100 MB that the model could have; Qt's own painter does the same work.
bool hasGraphicsDevice() {
    return !QDir(QStringLiteral("/dev/dri"))
                .entryList({QStringLiteral("renderD*")}, QDir::System)
                .isEmpty() ||
           QFile::exists(QStringLiteral("/dev/nvidiactl")) ||
           QFile::exists(QStringLiteral("/dev/nvhost-ctrl-gpu"));
}

/// Whether somebody has already said how to draw.
bool graphicsChosen() {
    return qEnvironmentVariableIsSet("QT_QUICK_BACKEND") || qEnvironmentVariableIsSet("QSG_RHI_BACKEND");
}

}  // namespace

int main(int argc, char** argv) {
    // The scene graph's backend is chosen before the first window, so before options are parsed.
    if (hasArgument(argc, argv, "--safe-graphics") || (!graphicsChosen() && !hasGraphicsDevice()))
        QQuickWindow::setGraphicsApi(QSGRendererInterface::Software);

    QGuiApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("edgechat"));
    QCoreApplication::setApplicationVersion(QStringLiteral(EDGECHAT_VERSION));
    QGuiApplication::setApplicationDisplayName(QStringLiteral("EdgeChat"));
    QGuiApplication::setDesktopFileName(QStringLiteral("edgechat"));
    QGuiApplication::setWindowIcon(QIcon(QStringLiteral(":/edgechat/icons/edgechat.svg")));
    QQuickStyle::setStyle(QStringLiteral("Basic"));

    QCommandLineParser parser;
    parser.setApplicationDescription(
        QCoreApplication::translate("main", "Chat with language models that run on this machine."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption model(
        QStringLiteral("model"),
        QCoreApplication::translate("main", "Load this model: a .gguf file or a name in the store."),
        QCoreApplication::translate("main", "file"));
    const QCommandLineOption safeGraphics(
        QStringLiteral("safe-graphics"),
        QCoreApplication::translate("main", "Draw without the graphics driver."));
    parser.addOptions({model, safeGraphics});
    parser.process(application);
    if (!parser.positionalArguments().isEmpty()) {
        std::fprintf(stderr, "edgechat: cannot use the argument %s: expected an option, see --help\n",
                     qPrintable(parser.positionalArguments().constFirst()));
        return 2;
    }

    edgechat::app::Program program({parser.value(model)});
    QQmlApplicationEngine engine;
    engine.addImportPath(QStringLiteral(":/qt/qml"));
    engine.setInitialProperties({{QStringLiteral("program"), QVariant::fromValue(&program)}});
    QObject::connect(&engine, &QQmlApplicationEngine::quit, &application, &QGuiApplication::quit);
    engine.load(QUrl(QStringLiteral("qrc:/qt/qml/EdgeChat/Main.qml")));
    if (engine.rootObjects().isEmpty()) return 1;  // the engine has said why
    // Where no window manager gives a new window the keyboard, shortcuts would not be heard.
    if (auto* window = qobject_cast<QWindow*>(engine.rootObjects().constFirst())) window->requestActivate();

    quitOnSignals(&application);
    program.start();
    const int code = QGuiApplication::exec();
    program.finish();
    return code;
}
