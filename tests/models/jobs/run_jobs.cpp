// run_jobs HOME ENDPOINT QUANTIZER [ARGUMENT ...]: a JobRunner over HOME. Begins org/tiny when there is no
// job, prints each stage that it comes to, ends with 0 when all jobs are done and with 1 when one failed.
// With DISK_BYTES in the environment the disk takes so many, and holds nothing but what is on its way.
#include <QCoreApplication>
#include <cstdio>

#include "models/jobs/job_runner.h"
#include "models/store_files.h"

int main(int count, char** words) {
    using namespace edgechat::models;
    QCoreApplication application(count, words);
    const QStringList arguments = application.arguments();
    if (arguments.size() < 4) return 2;
    jobs::RunnerOptions options;
    options.tableFile = arguments[1] + QStringLiteral("/jobs.sqlite");
    options.workFolder = arguments[1] + QStringLiteral("/downloads");
    options.storeFolder = arguments[1] + QStringLiteral("/models");
    options.hub.endpoint = *hub::Endpoint::from(arguments[2]);
    options.quantizer.program = arguments[3];
    options.quantizer.more = arguments.mid(4);
    if (const uint64_t disk = qgetenv("DISK_BYTES").toULongLong(); disk > 0) {
        options.freeBytes = [disk, work = options.workFolder](const QString&) {
            return disk - std::min(disk, folderBytes(work));
        };
    }
    jobs::JobRunner runner(options);
    jobs::Stage shown = jobs::Stage::waiting;
    QObject::connect(&runner, &jobs::JobRunner::changed, [&shown, &runner](const jobs::Job& job) {
        if (job.stage == shown) return;
        shown = job.stage;
        std::printf("%s %lld\n", jobs::stageName(job.stage), runner.quantizerProcess());
        std::fflush(stdout);
        if (job.isOver()) QCoreApplication::exit(job.stage == jobs::Stage::done ? 0 : 1);
    });
    if (const edgechat::Result<void> opened = runner.open(); !opened) {
        std::fprintf(stderr, "%s\n", opened.error().message().c_str());
        return 3;
    }
    if (runner.jobs().empty()) {
        jobs::JobRequest request;
        request.repository = QStringLiteral("org/tiny");
        request.method = jobs::Method::awq;
        if (!runner.add(request)) return 3;
    } else if (runner.jobs().front().isOver()) {
        return runner.jobs().front().stage == jobs::Stage::done ? 0 : 1;
    }
    return QCoreApplication::exec();
}
