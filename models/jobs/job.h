// A job: a repository of a Hub becomes a model in the store, quantized on the way where that is wanted.
//
//     JobService        the window's side: owns the worker thread, a list of jobs, queued signals
//      |- JobRunner     one job at a time through its stages, in the worker thread
//          |- JobTable         what a crash, a kill or a power cut must not lose (SQLite)
//          |- FetchRun         hub::Download, with the room that all stages need checked first; where it is
//          |                   short, one shard (ShardFetch) in turn with the quantizer, until all are used up
//          |- QuantizeRun      `edgechat-cli quantize` as a child process (QuantizeProcess)
//          |- AddRun           Store::importModel() in a thread of its own
#pragma once

#include <QDateTime>
#include <QMetaType>
#include <QString>
#include <cstdint>
#include <optional>

#include "inference/result.h"
#include "quant/recipe.h"

namespace edgechat::models::jobs {

enum class Stage { waiting, fetch, quantize, add, done, failed, cancelled };

/// What EdgeChat makes of the model; `none`: it is kept as it is fetched.
enum class Method { none, awq, smoothquant };

/// Why a job failed: what a program can act on. The sentence for a person is Job::error.
enum class Problem {
    none,
    needsToken,       ///< gated or private: an access token of an account that may read it
    needsAcceptance,  ///< the account has not been let in by the authors
    offline,          ///< the setting forbids requests
    network,          ///< no connection, or a Hub that does not answer as it should
    notFound,         ///< no such repository, revision or file, or taken down
    unsuitable,       ///< nothing in it that EdgeChat runs
    diskFull,
    memory,       ///< the quantizer does not fit, or was killed, most likely for its memory: retry() with
                  ///< lowerMemoryLimit()
    badModel,     ///< what was fetched cannot be quantized or loaded
    interrupted,  ///< somebody else ended the quantizer; retry() goes on
    internal      ///< program missing, folder not writable, a crash
};

struct JobRequest {
    QString repository;  ///< "org/name"
    QString revision;    ///< branch, tag or commit; empty: main
    QString gguf;        ///< path of the .gguf file wanted, as hub::DownloadRequest::gguf
    QString name;        ///< in the store; empty: the repository's. One that is taken gets "-2", "-3", ...
    Method method = Method::none;
    int groupSize = 0;     ///< 32, 64, 128; 0: the largest that suits the model
    bool repairs = false;  ///< `name` is a model of the store: its damaged files are fetched and replaced
};

/// Of the stage that runs. Not kept over a restart.
struct Progress {
    uint64_t done = 0, total = 0;
    bool inBytes = true;      ///< else layers
    double perSecond = 0;     ///< bytes or layers; 0: not known yet
    double secondsLeft = -1;  ///< of this stage; negative: not known
    QString detail;           ///< a few words about what runs, or why it waits
};

/// A value: any thread.
struct Job {
    qint64 id = 0;
    JobRequest request;  ///< `method` becomes none when the repository turns out to be quantized already
    QString commit;      ///< that the job is tied to from its first contact with the Hub on
    QString licence;     ///< the Hub's identifier
    Stage stage = Stage::waiting;
    Stage next = Stage::fetch;  ///< fetch, quantize or add: what runs, or where it goes on
    bool paused = false;
    qint64 position = 0;  ///< jobs run in ascending order
    QDateTime created;
    uint64_t memoryLimit = 0;  ///< of the quantizer, bytes; 0: its own
    QString storedName;        ///< of the model, when done
    Problem problem = Problem::none;
    QString error;  ///< one sentence for a person, when failed
    Progress progress;

    bool isOver() const {
        return stage == Stage::done || stage == Stage::failed || stage == Stage::cancelled;
    }
};

/// A stage's failure.
struct JobFailure {
    Problem problem = Problem::internal;
    Error error;
};

const char* stageName(Stage stage);     ///< "fetch"
const char* methodName(Method method);  ///< "awq"; what `--method` takes
std::optional<Method> methodOf(const QString& name);
/// How the quantizer is to work; none where it is not.
std::optional<quant::Recipe> recipeOf(const JobRequest& request);
/// Three quarters of what the quantizer of a job was given.
uint64_t lowerMemoryLimit(const Job& job);
/// ErrorCode::usage unless repository, revision, file and group size are possible ones.
Result<void> checkRequest(const JobRequest& request);

}  // namespace edgechat::models::jobs

Q_DECLARE_METATYPE(edgechat::models::jobs::Job)
