// The one thread that owns the engine and the loaded model.
#pragma once

#include <QObject>
#include <QString>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/gpu.h"
#include "app/memory_shortage.h"
#include "app/token_buffer.h"
#include "app/worker_thread.h"
#include "inference/engine.h"

namespace edgechat::app {

/// What a loaded model is.
struct LoadedModel {
    QString name, family, quantization;
    QString chatTemplate;      ///< the form in which a conversation is written; "none": plain completion
    QString templateProblem;   ///< why the template that it carries cannot be used; empty if it can or there
                               ///< is none
    QString device;            ///< "CPU", "GPU"
    QString gpuName;           ///< "GeForce RTX 3060"; empty where the GPU does not compute
    QString gpuBus;            ///< "0000:01:00.0", of the same
    QString gpuReason;         ///< unusedGpuReason()
    QString gpuNotice;         ///< what tells this reason from others, without figures that change
    int gpuContext = 0;        ///< with a gpuReason: tokens with which the GPU would have taken it; 0: none
    bool inGpuMemory = false;  ///< weights and cache take none of the processor's memory
    quint64 parameters = 0;
    int contextSize = 0;
    int trainedContext = 0;  ///< tokens
    int threads = 0;
    qint64 weightBytes = 0;
    qint64 kvBytes = 0;
    qint64 expectedBytes = 0;   ///< what its configuration says that it takes: weights, cache and scratch
    qint64 residentBefore = 0;  ///< bytes of the process without it
    double loadRate = 0;        ///< bytes of the checkpoint per second; 0: too few to be measured
};

/// Why a model could not be loaded.
struct LoadFailure {
    Error error;
    bool missing = false;     ///< there is no such file
    MemoryShortage shortage;  ///< with doesNotFit
};

struct AnswerRequest {
    std::vector<inference::ChatMessage> messages;
    std::string partialAnswer;  ///< text of the answer to go on with, empty for a new one
    inference::SamplingOptions sampling;
    int maxTokens = 0;  ///< 0: until the model ends
    /// What templates are told that today is; the same for all of a conversation, so that its prefix stays
    /// cached.
    std::string date{inference::kTemplateDate};
};

struct AnswerOutcome {
    bool promptTooLong = false;  ///< nothing was computed; promptTokens says how long it is
    std::optional<Error> error;
    inference::StopReason stopReason = inference::StopReason::end;
    inference::GenerateStatistics statistics;
    int contextSize = 0;
};

/// Its members are called on the GUI thread, and its signals are emitted there.
class InferenceThread : public QObject {
    Q_OBJECT

  public:
    explicit InferenceThread(QObject* parent = nullptr);
    ~InferenceThread() override;

    /// Gives up the loaded model, then loads. A load or answer that is under way is ended first; of several
    /// loads only the last one is reported.
    void load(const QString& path, const inference::EngineOptions& options);
    void unload();
    void generate(AnswerRequest request);   ///< one at a time; answered() follows in any case
    void stop();                            ///< ends the running answer after its chunk or token
    void countTokens(const QString& text);  ///< answered by counted(), also while an answer is being written
    void finish();                          ///< ends the running load or answer and the thread. Blocks

    bool answering() const { return m_answering; }
    TokenBuffer& buffer() { return m_buffer; }
    double loadProgress() const { return m_progress.load(std::memory_order_relaxed); }  ///< 0..1

  Q_SIGNALS:
    void loaded(const edgechat::app::LoadedModel& model);
    void loadFailed(const edgechat::app::LoadFailure& failure);
    void unloaded();
    void began();  ///< an answer
    void answered(const edgechat::app::AnswerOutcome& outcome);
    /// @param marker  text of the draft that the loaded model takes for the start of a turn; empty if none is
    void counted(int tokens, const QString& marker);

  private:
    using Flag = std::shared_ptr<std::atomic<bool>>;

    void giveUpModel();  // worker
    std::optional<LoadFailure> loadEngine(const QString& path, const inference::EngineOptions& options,
                                          const Flag& cancel);                  // worker
    LoadedModel describe(const QString& path, inference::Device wanted) const;  // worker
    /// Why the GPU did not take the model that was just loaded elsewhere.
    /// @param refusal  of the load that was tried there, if one was
    void noteRefusal(const QString& path, const inference::EngineOptions& options,
                     const std::string& refusal);                                       // worker
    AnswerOutcome answer(const AnswerRequest& request, const std::atomic<bool>& stop);  // worker
    void countDraft();                                                                  // worker

    TokenBuffer m_buffer;
    std::atomic<double> m_progress{0};
    Flag m_cancelLoad;  // of the newest load
    Flag m_stopAnswer;  // of the newest answer
    bool m_answering = false;
    quint64 m_loadNumber = 0;
    std::mutex m_draftMutex;
    std::optional<std::string> m_draft;           // guarded by m_draftMutex: what is to be counted
    std::unique_ptr<inference::Engine> m_engine;  // worker only
    uint64_t m_loadedBytes = 0;                   // worker only: read by the last load
    qint64 m_residentBefore = 0;                  ///< bytes of the process before the model
    // Worker only, of the last load: what a GPU that works had free before it, why it did not take the model
    // (empty: not known), and LoadedModel::gpuContext.
    std::optional<models::FreeMemory::Gpu> m_gpuFree;
    QString m_gpuRefusal;
    int m_gpuContext = 0;
    Mailbox m_mailbox;
    WorkerThread m_worker;  // last: it ends before what it uses
};

}  // namespace edgechat::app
