#include "models/jobs/quantize_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>

#include "quant/quantize.h"

namespace edgechat::models::jobs {
namespace {

constexpr qsizetype kMostOutputBytes = 4 << 20;  // the report of a model of many layers
constexpr int kInterruptedCode = 130;

/// What the child does between fork and exec: async-signal-safe calls only.
void prepareChild(pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it ended before the line above
    // 0 to 1000: takes the window's place when memory runs out.
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        [[maybe_unused]] const ssize_t written = ::write(file, "500", 3);
        ::close(file);
    }
}

QStringList argumentsOf(const QuantizeCommand& command) {
    QStringList words = {QStringLiteral("quantize"),
                         command.source,
                         QStringLiteral("--output"),
                         command.output,
                         QStringLiteral("--method"),
                         QString::fromLatin1(methodName(command.method)),
                         QStringLiteral("--group-size"),
                         command.groupSize > 0 ? QString::number(command.groupSize) : QStringLiteral("auto"),
                         command.restart ? QStringLiteral("--restart") : QStringLiteral("--resume"),
                         QStringLiteral("--progress"),
                         QStringLiteral("json"),
                         QStringLiteral("--json")};
    if (command.memoryLimit > 0)
        words << QStringLiteral("--memory-limit") << QString::number(command.memoryLimit);
    if (command.shardsOnDemand) words << QStringLiteral("--shards-on-demand");
    return words + command.more;
}

QByteArray errorField(const QByteArray& output) {
    const QJsonObject error =
        QJsonDocument::fromJson(output).object().value(QStringLiteral("error")).toObject();
    return error.value(QStringLiteral("field")).toString().toUtf8();
}

}  // namespace

QString quantizerProgram() {
    return QCoreApplication::applicationDirPath() + QStringLiteral("/edgechat-cli");
}

QuantizeProcess::QuantizeProcess(QuantizeCommand command, QObject* parent)
    : QObject(parent), m_command(std::move(command)) {
    m_grace.setSingleShot(true);
    m_grace.setInterval(kGraceMilliseconds);
    m_process.setProgram(m_command.program);
    m_process.setArguments(argumentsOf(m_command));
    m_process.setStandardInputFile(QProcess::nullDevice());
    const pid_t self = ::getpid();
    m_process.setChildProcessModifier([self] { prepareChild(self); });
    connect(&m_grace, &QTimer::timeout, this, [this] { signal(SIGKILL); });
    connect(&m_process, &QProcess::readyReadStandardError, this, &QuantizeProcess::readErrors);
    connect(&m_process, &QProcess::readyReadStandardOutput, this, &QuantizeProcess::readOutput);
    connect(&m_process, &QProcess::errorOccurred, this, &QuantizeProcess::onError);
    connect(&m_process, QOverload<int, QProcess::ExitStatus>::of(&QProcess::finished), this,
            &QuantizeProcess::onFinished);
}

QuantizeProcess::~QuantizeProcess() {
    m_process.disconnect(this);
    if (m_process.state() == QProcess::NotRunning) return;
    m_process.kill();
    m_process.waitForFinished(-1);
}

void QuantizeProcess::start() {
    m_process.start();
}

void QuantizeProcess::signal(int number) {
    // Not after the child was waited for: its number may be another's then.
    if (m_process.state() == QProcess::NotRunning || m_process.processId() <= 0) return;
    ::kill(static_cast<pid_t>(m_process.processId()), number);
}

void QuantizeProcess::pause() {
    if (m_paused || m_stopping) return;
    m_paused = true;
    signal(SIGSTOP);
}

void QuantizeProcess::resume() {
    if (!m_paused) return;
    m_paused = false;
    signal(SIGCONT);
}

void QuantizeProcess::stop() {
    if (m_stopping || m_over) return;
    m_stopping = true;
    signal(SIGTERM);
    signal(SIGCONT);  // a stopped process hears of nothing but SIGKILL
    m_grace.start();
}

void QuantizeProcess::readErrors() {
    const QByteArrayList lines = m_lines.add(m_process.readAllStandardError());
    for (const QByteArray& line : lines) {
        if (const std::optional<Progress> progress = readProgressLine(line)) {
            Q_EMIT progressed(*progress);
            continue;
        }
        const QString message = readMessageLine(line);
        if (message.isEmpty()) continue;
        m_lastMessage = message;
        Q_EMIT said(message);
    }
}

void QuantizeProcess::readOutput() {
    const QByteArray data = m_process.readAllStandardOutput();
    m_output.append(data.left(kMostOutputBytes - m_output.size()));
}

void QuantizeProcess::onError(QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart || m_over) return;
    m_over = true;
    QuantizeEnd end;
    end.kind = QuantizeEnd::Kind::notStarted;
    end.error.what = "cannot start the quantizer";
    end.error.file = m_command.program.toStdString();
    end.error.found = m_process.errorString().toStdString();
    end.error.expected = "edgechat-cli beside this program";
    Q_EMIT ended(end);
}

QuantizeEnd::Kind QuantizeProcess::kindOf(int code, QProcess::ExitStatus status,
                                          const QByteArray& field) const {
    using Kind = QuantizeEnd::Kind;
    const bool exited = status == QProcess::NormalExit;
    if (exited && code == 0) return Kind::done;
    if (m_stopping) return Kind::stopped;
    if (!exited) {  // `code` is the signal then
        if (code == SIGKILL) return Kind::memory;
        return code == SIGTERM || code == SIGINT || code == SIGHUP ? Kind::interrupted : Kind::failed;
    }
    switch (code) {
        case kInterruptedCode:
            return Kind::interrupted;
        case static_cast<int>(ErrorCode::doesNotFit):
            return field == "--memory-limit" ? Kind::memory : Kind::diskFull;
        case static_cast<int>(ErrorCode::badInput):
            if (field == quant::kShardField) return Kind::needsShard;
            return field == "memory" ? Kind::otherMemory : Kind::refused;
        case static_cast<int>(ErrorCode::usage):
            return Kind::refused;
        default:
            return Kind::failed;
    }
}

void QuantizeProcess::onFinished(int code, QProcess::ExitStatus status) {
    if (m_over) return;
    readErrors();
    readOutput();
    m_over = true;
    m_grace.stop();
    QuantizeEnd end;
    end.kind = kindOf(code, status, errorField(m_output));
    const bool killed = status == QProcess::CrashExit;
    if (killed && end.kind == QuantizeEnd::Kind::memory) {
        end.error.code = ErrorCode::doesNotFit;
        end.error.what = "the quantizer was killed";
        end.error.found = "most likely too little free memory";
        end.error.expected = "other programs closed, or a lower memory limit; it goes on where it was";
    } else if (std::optional<Error> told = readErrorObject(m_output); told && !killed) {
        end.error = *told;
    } else {
        end.error.what = "the quantizer ended";
        end.error.found = (killed ? "signal " : "exit code ") + std::to_string(code);
        if (!m_lastMessage.isEmpty()) end.error.found += " (" + m_lastMessage.toStdString() + ")";
    }
    Q_EMIT ended(end);
}

}  // namespace edgechat::models::jobs
