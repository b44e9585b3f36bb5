#include "app/cli/pull_quantized.h"

#include <QCoreApplication>
#include <QDir>
#include <QTimer>

#include "app/cli/interrupt.h"
#include "models/jobs/job_runner.h"
#include "models/paths.h"
#include "models/store_files.h"

namespace edgechat::cli {
namespace {

namespace jobs = models::jobs;

constexpr int kInterruptPollMilliseconds = 50;

/// Of this command alone: the jobs of a window that runs at the same time are not its own. Without "--",
/// which every folder of a plain pull has in its name.
QString parentFolder(const jobs::JobRequest& request) {
    return models::dataFolder() + QStringLiteral("/downloads/quantize-") +
           QString::fromLatin1(jobs::methodName(request.method));
}

ErrorCode codeOf(jobs::Problem problem) {
    switch (problem) {
        case jobs::Problem::needsToken:
        case jobs::Problem::needsAcceptance:
        case jobs::Problem::offline:
        case jobs::Problem::network:
            return ErrorCode::network;
        case jobs::Problem::diskFull:
        case jobs::Problem::memory:
            return ErrorCode::doesNotFit;
        case jobs::Problem::notFound:
        case jobs::Problem::unsuitable:
        case jobs::Problem::badModel:
            return ErrorCode::badInput;
        case jobs::Problem::interrupted:
            return ErrorCode::interrupted;
        default:
            return ErrorCode::internal;
    }
}

/// The job that an earlier call began, on its way again, or a new one. Those of other revisions go.
Result<qint64> beginJob(jobs::JobRunner& runner, const jobs::JobRequest& request) {
    const std::vector<jobs::Job> known = runner.jobs();
    qint64 found = 0;
    for (const jobs::Job& job : known) {
        const bool same = job.request.revision == request.revision && job.stage != jobs::Stage::cancelled;
        if (same && found == 0) {
            found = job.id;
            runner.retry(job.id);
        } else {
            runner.cancel(job.id);
            runner.forget(job.id);
        }
    }
    if (found != 0) return found;
    return runner.add(request);
}

void show(const jobs::Job& job, Output& output) {
    const jobs::Progress& progress = job.progress;
    if (job.stage == jobs::Stage::fetch && !progress.detail.isEmpty()) {
        output.clearProgress();
        output.message(progress.detail.toStdString());
        return;
    }
    if (progress.total == 0) return;
    const char* const stage = job.stage == jobs::Stage::fetch      ? "download"
                              : job.stage == jobs::Stage::quantize ? "quantize"
                                                                   : "import";
    output.progress(stage, progress.done, progress.total, progress.inBytes ? "bytes" : "layers",
                    progress.detail.toStdString());
}

Error stoppedBy(const QString& repository) {
    Error error;
    error.code = ErrorCode::interrupted;
    error.what = "the download was stopped:";
    error.file = repository.toStdString();
    error.expected = "the same command to go on";
    return error;
}

/// @return the job, which is over
Result<jobs::Job> runJob(const jobs::RunnerOptions& options, const jobs::JobRequest& request,
                         Output& output) {
    jobs::JobRunner runner(options);
    if (Result<void> opened = runner.open(); !opened) return opened.error();
    if (!runner.notice().isEmpty()) output.message("warning: " + runner.notice().toStdString());
    const Result<qint64> id = beginJob(runner, request);
    if (!id) return id.error();
    const auto isOver = [&runner, &id] { return !runner.job(*id) || runner.job(*id)->isOver(); };
    QObject::connect(&runner, &jobs::JobRunner::changed, [&](const jobs::Job& job) {
        if (job.id != *id) return;
        if (job.isOver())
            QCoreApplication::exit();
        else
            show(job, output);
    });
    QTimer interrupts;
    QObject::connect(&interrupts, &QTimer::timeout, [] {
        if (interrupted()) QCoreApplication::exit();
    });
    interrupts.start(kInterruptPollMilliseconds);
    if (!isOver()) QCoreApplication::exec();
    output.clearProgress();
    // A signal from the terminal ends the quantizer, too: that is no failure of its own.
    if (interrupted() || !isOver()) return stoppedBy(request.repository);
    return *runner.job(*id);
}

}  // namespace

Result<models::StoreEntry> pullQuantized(const models::hub::Settings& settings,
                                         const jobs::JobRequest& request, Output& output) {
    jobs::RunnerOptions options = jobs::RunnerOptions::standard(settings);
    const QString parent = parentFolder(request);
    options.workFolder = parent + u'/' + QString(request.repository).replace(u'/', QStringLiteral("--"));
    options.tableFile = options.workFolder + QStringLiteral("/jobs.sqlite");
    const Result<jobs::Job> job = runJob(options, request, output);
    if (!job) return job.error();
    if (job->stage != jobs::Stage::done) {
        Error error;
        error.code = codeOf(job->problem);
        error.what = job->error.toStdString();
        return error;
    }
    Result<models::StoreEntry> entry = models::Store().find(job->storedName);
    models::deleteFolder(options.workFolder);
    QDir().rmdir(parent);  // where it holds no other
    return entry;
}

}  // namespace edgechat::cli
