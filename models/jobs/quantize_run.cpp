#include "models/jobs/quantize_run.h"

#include <QDir>
#include <QTimer>
#include <algorithm>

#include "models/store_files.h"

namespace edgechat::models::jobs {
namespace {

Problem problemOf(QuantizeEnd::Kind kind) {
    using Kind = QuantizeEnd::Kind;
    switch (kind) {
        case Kind::memory:
            return Problem::memory;
        case Kind::diskFull:
            return Problem::diskFull;
        case Kind::refused:
        case Kind::otherMemory:
            return Problem::badModel;
        case Kind::interrupted:
            return Problem::interrupted;
        default:
            return Problem::internal;
    }
}

}  // namespace

QuantizeRun::QuantizeRun(const Quantizer& quantizer, const Job& job, QString jobFolder, FreeBytes freeBytes,
                         bool restart, QObject* parent)
    : StageRun(parent), m_job(job), m_folder(std::move(jobFolder)), m_freeBytes(std::move(freeBytes)) {
    m_command.program = quantizer.program;
    m_command.source = sourceFolder(m_folder);
    m_command.output = quantizedFolder(m_folder);
    m_command.method = job.request.method;
    m_command.groupSize = job.request.groupSize;
    m_command.memoryLimit = job.memoryLimit;
    m_command.restart = restart;
    m_command.shardsOnDemand = isByShards(m_command.source);
    m_command.more = quantizer.more;
}

void QuantizeRun::start() {
    const Result<PlannedModel> plan = planFolder(m_command.source, recipeOf(m_job.request));
    if (!plan) {
        const Problem problem =
            plan.error().code == ErrorCode::doesNotFit ? Problem::memory : Problem::badModel;
        Q_EMIT failed({problem, plan.error()});
        return;
    }
    const uint64_t there = folderBytes(m_command.output + QStringLiteral(".partial"));
    const uint64_t whole = plan->outputBytes + plan->workBytes;
    const Result<void> room = checkRoom(m_freeBytes, m_folder, whole - std::min(there, whole) + kSpareBytes,
                                        QStringLiteral("for the quantized model and the work on it"));
    if (!room && !QDir(m_command.output).exists()) {
        Q_EMIT failed({Problem::diskFull, room.error()});
        return;
    }
    begin(m_command.restart);
}

void QuantizeRun::begin(bool restart) {
    m_command.restart = restart;
    m_process = std::make_unique<QuantizeProcess>(m_command);
    connect(m_process.get(), &QuantizeProcess::progressed, this, &QuantizeRun::onProgress);
    connect(m_process.get(), &QuantizeProcess::ended, this, &QuantizeRun::onEnded);
    m_process->start();
    if (m_paused) m_process->pause();
}

void QuantizeRun::onProgress(Progress progress) {
    // The quantizer's own figure: it knows what it has not to do again.
    if (progress.secondsLeft > 0)
        progress.perSecond = static_cast<double>(progress.total - progress.done) / progress.secondsLeft;
    Q_EMIT progressed(progress);
}

void QuantizeRun::onEnded(const QuantizeEnd& end) {
    if (end.kind == QuantizeEnd::Kind::done) {
        const Result<void> opens = checkFolder(m_command.output);
        if (opens)
            Q_EMIT finished();
        else
            Q_EMIT failed({Problem::badModel, opens.error()});
    } else if (end.kind == QuantizeEnd::Kind::needsShard && !isNextShardHere(m_folder)) {
        m_needsShard = true;
        Q_EMIT finished();
    } else if (end.kind == QuantizeEnd::Kind::stopped) {
        Q_EMIT stopped();
    } else if (end.kind == QuantizeEnd::Kind::otherMemory && !m_command.restart) {
        // The parts that the work was cut into do not go with the limit that it is to keep to now.
        QTimer::singleShot(0, this, [this] { begin(true); });
    } else {
        Q_EMIT failed({problemOf(end.kind), end.error});
    }
}

void QuantizeRun::pause() {
    m_paused = true;
    if (m_process) m_process->pause();
}

void QuantizeRun::resume() {
    m_paused = false;
    if (m_process) m_process->resume();
}

void QuantizeRun::stop() {
    if (m_process)
        m_process->stop();
    else
        Q_EMIT stopped();
}

}  // namespace edgechat::models::jobs
