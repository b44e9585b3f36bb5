// The simulated Hub as a program: hub_simulator ORG/NAME FOLDER [--lfs-above BYTES] [--gated auto|manual]
// [--page-size N] [--relative-redirect] [--port N] [--fault "KIND FIELD=VALUE ..."]...
// Its first line is the endpoint's address; a line of JSON for every request follows. Ends with its stdin.
#include <QCommandLineParser>
#include <QCoreApplication>
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSocketNotifier>
#include <cstdio>

#include "tests/models/hub_simulator/hub_simulator.h"

using namespace edgechat::testing;

namespace {

void say(const QByteArray& line) {
    std::fwrite(line.constData(), 1, static_cast<size_t>(line.size()), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

SimulatedRepository repositoryOf(const QString& id, const QString& folder, qint64 lfsAbove) {
    SimulatedRepository repository;
    repository.id = id;
    QDirIterator files(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        if (!file.open(QIODevice::ReadOnly)) continue;
        const QByteArray content = file.readAll();
        repository.files[QDir(folder).relativeFilePath(file.fileName())] = {content,
                                                                            content.size() > lfsAbove};
    }
    return repository;
}

QByteArray lineOf(const RecordedRequest& request) {
    const auto text = [](const QByteArray& bytes) { return QString::fromLatin1(bytes); };
    return QJsonDocument(QJsonObject{{QStringLiteral("method"), text(request.method)},
                                     {QStringLiteral("target"), text(request.target)},
                                     {QStringLiteral("server"), text(request.server)},
                                     {QStringLiteral("host"), text(request.host)},
                                     {QStringLiteral("range"), text(request.range)},
                                     {QStringLiteral("authorized"), request.authorized},
                                     {QStringLiteral("status"), request.status}})
        .toJson(QJsonDocument::Compact);
}

}  // namespace

int main(int count, char** arguments) {
    QCoreApplication application(count, arguments);
    QCommandLineParser words;
    words.addOptions(
        {{QStringLiteral("lfs-above"), QString(), QStringLiteral("bytes"), QStringLiteral("10000")},
         {QStringLiteral("gated"), QString(), QStringLiteral("kind")},
         {QStringLiteral("page-size"), QString(), QStringLiteral("entries"), QStringLiteral("1000")},
         {QStringLiteral("relative-redirect"), QString()},
         {QStringLiteral("port"), QString(), QStringLiteral("number"), QStringLiteral("0")},
         {QStringLiteral("fault"), QString(), QStringLiteral("fault")}});
    words.process(application);
    const QStringList operands = words.positionalArguments();
    if (operands.size() != 2) {
        std::fputs("usage: hub_simulator ORG/NAME FOLDER [options]\n", stderr);
        return 2;
    }
    HubSimulator hub;
    SimulatedRepository repository =
        repositoryOf(operands[0], operands[1], words.value(QStringLiteral("lfs-above")).toLongLong());
    repository.gated = words.value(QStringLiteral("gated"));
    hub.add(repository);
    hub.setTokens("hf_member", "hf_guest");
    hub.setPageSize(words.value(QStringLiteral("page-size")).toLongLong());
    hub.setRelativeRedirect(words.isSet(QStringLiteral("relative-redirect")));
    const QStringList faults = words.values(QStringLiteral("fault"));
    for (const QString& text : faults) {
        const std::optional<Fault> fault = Fault::read(text);
        if (!fault) {
            std::fprintf(stderr, "hub_simulator: no fault: %s\n", qPrintable(text));
            return 2;
        }
        hub.script(*fault);
    }
    if (!hub.listen(static_cast<quint16>(words.value(QStringLiteral("port")).toUInt()))) {
        std::fputs("hub_simulator: no port\n", stderr);
        return 1;
    }
    QObject::connect(&hub, &HubSimulator::requested,
                     [](const RecordedRequest& request) { say(lineOf(request)); });
    say(hub.endpoint().toLatin1());
    QSocketNotifier input(0, QSocketNotifier::Read);
    QObject::connect(&input, &QSocketNotifier::activated, [] {
        if (std::fgetc(stdin) == EOF) QCoreApplication::quit();
    });
    return application.exec();
}
