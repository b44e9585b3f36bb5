// `edgechat-cli quantize` as a child process: it can be paused, stopped or taken by the out-of-memory killer,
// and this process goes on.
#pragma once

#include <QObject>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <QTimer>

#include "models/jobs/job.h"
#include "models/jobs/quantize_lines.h"

namespace edgechat::models::jobs {

struct QuantizeCommand {
    QString program;  ///< absolute path of edgechat-cli
    QString source;   ///< folder of the checkpoint
    QString output;   ///< folder to make; <output>.partial holds the work and is locked by the child
    Method method = Method::awq;
    int groupSize = 0;            ///< 0: auto
    uint64_t memoryLimit = 0;     ///< bytes; 0: the program's own
    bool shardsOnDemand = false;  ///< the source's shards may be away
    bool restart = false;         ///< throws unfinished work away instead of going on with it
    QStringList more;             ///< further arguments
};

/// edgechat-cli beside this program.
QString quantizerProgram();

/// How a child ended.
struct QuantizeEnd {
    enum class Kind {
        done,
        stopped,      ///< by stop()
        interrupted,  ///< exit 130 or a signal to end, from somebody else
        memory,       ///< exit 4 for its memory limit, or killed by SIGKILL, which none but the out-of-memory
                      ///< killer or a person sends
        diskFull,     ///< exit 4 else
        refused,      ///< exit 2 or 3: the source or the unfinished work will not do
        needsShard,   ///< exit 3 because a shard of the source is away: the work is to be gone on with
        otherMemory,  ///< exit 3 because the unfinished work was begun for another memory limit
        failed,       ///< exit 1 and others, a crash
        notStarted
    };
    Kind kind = Kind::failed;
    Error error;  ///< for a person, unless done or stopped
};

/// Runs one child. Lives in a thread with an event loop, which must outlive the child: the kernel kills it
/// with SIGKILL when that thread or the whole process ends, however it ends (the journal loses no finished
/// layer). The child lowers its own priority; it is the first that the out-of-memory killer takes.
class QuantizeProcess : public QObject {
    Q_OBJECT

  public:
    explicit QuantizeProcess(QuantizeCommand command, QObject* parent = nullptr);
    /// Kills a child that still runs, and waits for its end: nothing is left behind.
    ~QuantizeProcess() override;

    void start();
    void pause();   ///< SIGSTOP: keeps its memory
    void resume();  ///< SIGCONT
    /// SIGTERM, and SIGKILL when that does not help in kGraceMilliseconds; ended() follows.
    void stop();
    bool isPaused() const { return m_paused; }
    qint64 processId() const { return m_process.processId(); }

    static constexpr int kGraceMilliseconds = 10'000;
    void setGrace(int milliseconds) { m_grace.setInterval(milliseconds); }

  Q_SIGNALS:
    void progressed(const edgechat::models::jobs::Progress& progress);
    void said(const QString& message);  ///< a sentence for a person
    void ended(const edgechat::models::jobs::QuantizeEnd& end);

  private:
    void readErrors();
    void readOutput();
    void onFinished(int code, QProcess::ExitStatus status);
    void onError(QProcess::ProcessError error);
    QuantizeEnd::Kind kindOf(int code, QProcess::ExitStatus status, const QByteArray& field) const;
    void signal(int number);

    QuantizeCommand m_command;
    QProcess m_process;
    LineReader m_lines;
    QByteArray m_output;
    QString m_lastMessage;
    QTimer m_grace;
    bool m_paused = false;
    bool m_stopping = false;
    bool m_over = false;
};

}  // namespace edgechat::models::jobs
