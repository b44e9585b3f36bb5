// pull: a model from a Hub into the store.
#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QTimer>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/pull_quantized.h"
#include "inference/model/hf_config.h"
#include "inference/model/json_file.h"
#include "models/hub/download.h"
#include "models/paths.h"
#include "models/store.h"

namespace edgechat::cli {
namespace {

namespace hub = models::hub;

constexpr int kInterruptPollMilliseconds = 50;

/// Where a repository's files gather: on the store's own file system, so that they become its model by a
/// link.
QString downloadFolder(const QString& repository) {
    return models::dataFolder() + QStringLiteral("/downloads/") +
           QString(repository).replace(u'/', QStringLiteral("--"));
}

/// A model that this engine cannot run is not worth its download.
Result<void> checkConfig(const QString& path) {
    const std::string file = QFile::encodeName(path).toStdString();
    const Result<nlohmann::json> config = inference::readJsonFile(file, "cannot read the model");
    if (!config) return config.error();
    const Result<inference::HfConfig> read = inference::readHfConfig(*config, file);
    if (!read) return read.error();
    return {};
}

/// What an earlier, unfinished pull of another version left: it must not become part of this model.
void removeOthers(const QString& folder, const std::vector<hub::DownloadedFile>& files) {
    const QStringList names = QDir(folder).entryList(QDir::Files | QDir::Hidden);
    for (const QString& name : names) {
        const bool wanted = std::any_of(files.begin(), files.end(), [&name](const hub::DownloadedFile& file) {
            return file.name == name;
        });
        if (!wanted) QFile::remove(folder + u'/' + name);
    }
}

/// The token of the environment, else the one that EdgeChat was given.
Result<hub::Settings> settingsFor(const Arguments& arguments) {
    Result<hub::Settings> settings =
        hub::Settings::fromEnvironment(QString::fromStdString(arguments.text("--endpoint")));
    if (!settings || !settings->token.isEmpty()) return settings;
    std::optional<Result<hub::Token>> token;
    hub::TokenStore(models::configFolder())
        .read(settings->endpoint.host(), [&token](const Result<hub::Token>& read) {
            token = read;
            QCoreApplication::quit();
        });
    QCoreApplication::exec();
    if (!token) return settings;
    if (!*token) return token->error();
    settings->token = **token;
    return settings;
}

/// Runs the download to its end in this thread.
Result<void> download(hub::Session& session, const hub::DownloadRequest& request, Output& output,
                      std::vector<hub::DownloadedFile>& files) {
    hub::Download download(session, request);
    std::optional<Error> failure;
    QObject::connect(&download, &hub::Download::progressed, [&output](qint64 done, qint64 total) {
        output.progress("download", static_cast<uint64_t>(done), static_cast<uint64_t>(total), "bytes");
    });
    QObject::connect(&download, &hub::Download::retrying, [&output](const hub::Failure& why, int wait) {
        output.clearProgress();
        output.message(why.error.message() + "; trying again in " + numberText(wait / 1000.0, 1) + " s");
    });
    QObject::connect(&download, &hub::Download::fileFinished, [&](const hub::DownloadedFile& file) {
        if (file.name != QStringLiteral("config.json")) return;
        const Result<void> config = checkConfig(request.folder + u'/' + file.name);
        if (config) return;
        failure = config.error();
        download.cancel();
    });
    QObject::connect(&download, &hub::Download::finished, &QCoreApplication::quit);
    QObject::connect(&download, &hub::Download::failed, [&failure](const hub::Failure& why) {
        if (!failure) failure = why.error;
        QCoreApplication::quit();
    });
    QTimer interrupts;
    QObject::connect(&interrupts, &QTimer::timeout, [&download] {
        if (interrupted()) download.cancel();
    });
    interrupts.start(kInterruptPollMilliseconds);
    download.start();
    QCoreApplication::exec();
    output.clearProgress();
    if (failure) return *failure;
    files = download.files();
    return {};
}

/// The store's entry of a complete download, which is deleted then.
Result<models::StoreEntry> store(const QString& folder, const QString& name, Output& output) {
    // A single GGUF file is named by its file, a folder by its repository.
    const bool isFolder = QFile::exists(folder + QStringLiteral("/config.json"));
    models::Store store;
    QString wanted;
    if (isFolder) {
        wanted = models::sanitizedName(name);
        for (int n = 2; QFile::exists(store.folder() + u'/' + wanted); n++)
            wanted = models::sanitizedName(name) + u'-' + QString::number(n);
    }
    const Result<models::StoreEntry> entry =
        store.importModel(folder, wanted, [&output](uint64_t done, uint64_t total) {
            output.progress("import", done, total, "bytes");
            return !interrupted();
        });
    output.clearProgress();
    if (entry) QDir(folder).removeRecursively();
    return entry;
}

void print(const models::StoreEntry& entry, Output& output) {
    if (!output.asJson()) {
        output.write(entry.name.toStdString() + "  " + bytesText(entry.bytes) + "  " +
                     entry.path.toStdString() + '\n');
        return;
    }
    nlohmann::json files = nlohmann::json::array();
    for (const models::StoredFile& file : entry.files) {
        files.push_back({{"name", file.name.toStdString()},
                         {"bytes", file.bytes},
                         {"sha256", file.sha256.toStdString()}});
    }
    output.writeJson({{"name", entry.name.toStdString()},
                      {"path", entry.path.toStdString()},
                      {"bytes", entry.bytes},
                      {"files", files}});
}

Result<int> finish(const models::StoreEntry& entry, Output& output) {
    for (const QString& warning : entry.warnings) output.message("warning: " + warning.toStdString());
    print(entry, output);
    return kExitDone;
}

Result<int> run(const Arguments& arguments, Output& output) {
    constexpr std::array<std::string_view, 2> kMethods = {"awq", "smoothquant"};
    const Result<size_t> method = arguments.choice("--quantize", 0, kMethods);
    if (!method) return method.error();
    const Result<hub::RepositoryName> name =
        hub::readRepositoryName(QString::fromStdString(arguments.operands()[0]));
    if (!name) return name.error();
    QString revision = name->revision;
    if (arguments.has("--revision")) {
        revision = QString::fromStdString(arguments.text("--revision"));
        if (const Result<void> checked = hub::checkRevision(revision); !checked) return checked.error();
    }
    int count = 1;
    char program[] = "edgechat-cli";
    char* words[] = {program, nullptr};
    QCoreApplication application(count, words);
    const Result<hub::Settings> settings = settingsFor(arguments);
    if (!settings) return settings.error();
    if (arguments.has("--quantize")) {
        models::jobs::JobRequest job;
        job.repository = name->id;
        job.revision = revision;
        job.method = std::array{models::jobs::Method::awq, models::jobs::Method::smoothquant}[*method];
        const Result<models::StoreEntry> entry = pullQuantized(*settings, job, output);
        if (!entry) return entry.error();
        return finish(*entry, output);
    }
    hub::Session session(*settings);
    hub::DownloadRequest request;
    request.repository = name->id;
    request.revision = revision;
    request.folder = downloadFolder(name->id);
    std::vector<hub::DownloadedFile> files;
    if (Result<void> done = download(session, request, output, files); !done) return done.error();
    removeOthers(request.folder, files);
    const Result<models::StoreEntry> entry = store(request.folder, name->id.section(u'/', 1), output);
    if (!entry) return entry.error();
    return finish(*entry, output);
}

}  // namespace

Command pullCommand() {
    return {"pull",
            "ORG/NAME",
            "download a model from a Hub into the store",
            {{"--revision", "R", "a branch, a tag or a commit (main)"},
             {"--endpoint", "URL", "a mirror of the Hub (HF_ENDPOINT, else https://huggingface.co)"},
             {"--quantize", "awq|smoothquant", "quantize it on this machine, and keep the result alone"}},
            run};
}

}  // namespace edgechat::cli
