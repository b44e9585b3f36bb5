#include "app/inference_thread.h"

#include <malloc.h>

#include <QFileInfo>

#include <utility>

#include "app/format.h"
#include "app/nvidia_gpu.h"
#include "app/telemetry/system_probe.h"

namespace edgechat::app {
namespace {

using namespace inference;

// What a load takes besides reading would hide the rate of a smaller file.
constexpr uint64_t kSmallestMeasuredLoad = uint64_t{8} << 20;  // bytes

QString deviceText(Device device) {
    switch (device) {
        case Device::cuda:
            return QStringLiteral("GPU");
        case Device::reference:
            return QStringLiteral("CPU (reference)");
        case Device::automatic:
        case Device::cpu:
            break;
    }
    return QStringLiteral("CPU");
}

int contextOf(const Checkpoint& checkpoint, const EngineOptions& options) {
    return options.context > 0 ? options.context : defaultContext(checkpoint.config());
}

}  // namespace

InferenceThread::InferenceThread(QObject* parent) : QObject(parent) {}

InferenceThread::~InferenceThread() {
    finish();
}

void InferenceThread::load(const QString& path, const EngineOptions& options) {
    stop();
    if (m_cancelLoad) m_cancelLoad->store(true);
    m_cancelLoad = std::make_shared<std::atomic<bool>>(false);
    m_progress = 0;
    const quint64 number = ++m_loadNumber;
    m_worker.post([this, path, options, number, cancel = m_cancelLoad] {
        const std::optional<LoadFailure> failure = loadEngine(path, options, cancel);
        if (failure) {
            m_mailbox.post([this, number, failure] {
                if (number == m_loadNumber) Q_EMIT loadFailed(*failure);
            });
        } else {
            m_mailbox.post([this, number, model = describe(path, options.device)] {
                if (number == m_loadNumber) Q_EMIT loaded(model);
            });
        }
    });
}

void InferenceThread::unload() {
    stop();
    if (m_cancelLoad) m_cancelLoad->store(true);
    const quint64 number = ++m_loadNumber;
    m_worker.post([this, number] {
        giveUpModel();
        m_mailbox.post([this, number] {
            if (number == m_loadNumber) Q_EMIT unloaded();
        });
    });
}

void InferenceThread::generate(AnswerRequest request) {
    m_stopAnswer = std::make_shared<std::atomic<bool>>(false);
    m_buffer.begin();
    m_answering = true;
    Q_EMIT began();
    m_worker.post([this, request = std::move(request), stop = m_stopAnswer] {
        m_mailbox.post([this, outcome = answer(request, *stop)] {
            m_answering = false;
            Q_EMIT answered(outcome);
        });
    });
}

void InferenceThread::stop() {
    if (m_stopAnswer) m_stopAnswer->store(true);
}

void InferenceThread::countTokens(const QString& text) {
    {
        const std::lock_guard lock(m_draftMutex);
        m_draft = text.toStdString();
    }
    m_worker.post([this] { countDraft(); });
}

void InferenceThread::finish() {
    stop();
    if (m_cancelLoad) m_cancelLoad->store(true);
    m_worker.post([this] { m_engine.reset(); });
    m_worker.finish();
    m_mailbox.deliver();
}

void InferenceThread::giveUpModel() {
    if (m_engine == nullptr) return;
    m_engine.reset();
    malloc_trim(0);
}

std::optional<LoadFailure> InferenceThread::loadEngine(const QString& path, const EngineOptions& options,
                                                       const Flag& cancel) {
    giveUpModel();
    LoadFailure failure;
    const QFileInfo file(path);
    if (!file.exists()) {
        failure.missing = true;
        failure.error = {ErrorCode::badInput, "cannot read the model",
                         path.toStdString(),  "",
                         "no such file",      "a .gguf file or a Hugging Face folder"};
        return failure;
    }
    m_loadedBytes = 0;
    m_residentBefore = SystemProbe().sample().processBytes;
    const LoadProgress progress = [&](uint64_t done, uint64_t total) {
        const double part = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
        m_loadedBytes = total;
        m_progress.store(part, std::memory_order_relaxed);
        return !cancel->load(std::memory_order_relaxed);
    };
    m_gpuFree.reset();
    m_gpuRefusal.clear();
    m_gpuContext = 0;
    const bool gpuWanted = options.device == Device::cuda || options.device == Device::automatic;
    const bool gpuReady = gpuWanted && cuda::probeCuda().state == cuda::CudaState::ready;
    if (gpuReady) m_gpuFree = {cuda::availableCudaMemory(), !cuda::probeCuda().integrated};
    // Whatever was chosen, an answer from the processor is better than none.
    EngineOptions onCpu = options;
    onCpu.device = Device::cpu;
    Result<std::unique_ptr<Engine>> engine =
        Engine::load(path.toStdString(), gpuWanted && !gpuReady ? onCpu : options, progress);
    std::string refusal;
    if (!engine && gpuReady &&
        (engine.error().code == ErrorCode::doesNotFit || engine.error().code == ErrorCode::internal)) {
        refusal = engine.error().message();
        engine = Engine::load(path.toStdString(), onCpu, progress);
    }
    if (engine) {
        m_engine = std::move(*engine);
        if (gpuReady && m_engine->device() != Device::cuda) noteRefusal(path, options, refusal);
        return std::nullopt;
    }
    failure.error = engine.error();
    if (failure.error.code != ErrorCode::doesNotFit) return failure;
    if (const auto checkpoint = Checkpoint::open(path.toStdString())) {
        failure.shortage = loadShortage(**checkpoint, contextOf(**checkpoint, options), options.kv,
                                        {availableMemory(), m_gpuFree});
    }
    return failure;
}

void InferenceThread::noteRefusal(const QString& path, const EngineOptions& options,
                                  const std::string& refusal) {
    m_gpuRefusal = QString::fromStdString(clause(refusal));
    const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(path.toStdString());
    if (!checkpoint) return;
    const MemoryShortage shortage = gpuShortage(**checkpoint, m_engine->context(), options.kv, *m_gpuFree);
    if (!shortage.lacks()) return;
    m_gpuContext = shortage.fittingContext;
    m_gpuRefusal = (shortage.inGpuMemory ? tr("this model needs %1 of GPU memory, and %2 are free")
                                         : tr("this model needs %1 of memory there, and %2 are free"))
                       .arg(byteText(shortage.neededBytes), byteText(shortage.availableBytes));
}

LoadedModel InferenceThread::describe(const QString& path, Device wanted) const {
    const ModelConfig& config = m_engine->config();
    LoadedModel model;
    model.name =
        config.name.empty() ? QFileInfo(path).completeBaseName() : QString::fromStdString(config.name);
    model.family = familyName(QString::fromStdString(config.architecture));
    model.chatTemplate = QString::fromStdString(m_engine->chatTemplate().name());
    model.templateProblem = QString::fromStdString(m_engine->chatTemplate().problem());
    model.quantization = QString::fromStdString(config.quantization);
    model.device = deviceText(m_engine->device());
    if (wanted == Device::cuda || wanted == Device::automatic) {
        const Gpu::Finding gpu = findGpu();
        const bool runs = m_engine->device() == Device::cuda;
        if (runs) {
            model.gpuName = shortGpuName(gpu.probe.device);
            model.gpuBus = QString::fromStdString(gpu.probe.pciBus);
        }
        model.inGpuMemory = runs && !gpu.probe.integrated;
        model.gpuReason = unusedGpuReason(wanted, m_engine->device(), gpu, m_gpuRefusal);
        model.gpuContext = m_gpuContext;
        if (!model.gpuReason.isEmpty())
            model.gpuNotice = gpu.probe.state == cuda::CudaState::ready ? path : model.gpuReason;
    }
    model.parameters = config.parameters;
    model.contextSize = m_engine->context();
    model.trainedContext = config.context;
    model.threads = m_engine->threads();
    model.weightBytes = static_cast<qint64>(m_engine->weightBytes());
    model.kvBytes = static_cast<qint64>(m_engine->memory().kv);
    const inference::MemoryPlan plan = m_engine->memory();
    model.expectedBytes = static_cast<qint64>(plan.weights + plan.kv + plan.scratch);
    model.residentBefore = m_residentBefore;
    if (m_loadedBytes >= kSmallestMeasuredLoad && m_engine->loadSeconds() > 0)
        model.loadRate = static_cast<double>(m_loadedBytes) / m_engine->loadSeconds();
    return model;
}

AnswerOutcome InferenceThread::answer(const AnswerRequest& request, const std::atomic<bool>& stop) {
    AnswerOutcome outcome;
    if (m_engine == nullptr) {
        outcome.error = Error{ErrorCode::internal, "cannot answer", "", "", "no loaded model", "a model"};
        return outcome;
    }
    const ChatTemplate& chatTemplate = m_engine->chatTemplate();
    Result<std::vector<PromptSegment>> segments = chatTemplate.render(request.messages, true, request.date);
    if (!segments) {
        outcome.error = segments.error();
        return outcome;
    }
    if (!request.partialAnswer.empty()) segments->push_back(chatTemplate.continuation(request.partialAnswer));
    GenerateRequest work;
    work.prompt = m_engine->tokenizer().encodeSegments(*segments);
    work.stripLeadingSpace = request.partialAnswer.empty() && chatTemplate.stripsLeadingSpace();
    work.maxTokens = request.maxTokens;
    work.sampling = request.sampling;
    outcome.contextSize = m_engine->context();
    outcome.statistics.promptTokens = static_cast<int>(work.prompt.size());
    if (outcome.statistics.promptTokens >= outcome.contextSize) {
        outcome.promptTooLong = true;
        return outcome;
    }

    GenerateCallbacks callbacks;
    callbacks.stop = &stop;
    callbacks.onPrefill = [this](int done, int total) {
        m_buffer.setPrefill(done, total);
        countDraft();
    };
    callbacks.onText = [this](std::string_view text) { m_buffer.addText(text); };
    callbacks.onToken = [this](int generated) {
        m_buffer.setGenerated(generated);
        countDraft();
    };
    const Result<GenerateResult> result = m_engine->generate(work, callbacks);
    if (!result) {
        outcome.error = result.error();
        return outcome;
    }
    outcome.stopReason = result->stopReason;
    outcome.statistics = result->statistics;
    return outcome;
}

void InferenceThread::countDraft() {
    std::optional<std::string> draft;
    {
        const std::lock_guard lock(m_draftMutex);
        draft.swap(m_draft);
    }
    if (!draft) return;
    int tokens = 0;
    QString marker;
    if (m_engine != nullptr) {
        tokens = static_cast<int>(m_engine->tokenizer().encode(*draft, SpecialTokens::asText).size());
        marker = QString::fromStdString(m_engine->chatTemplate().warnsAbout(*draft));
    }
    m_mailbox.post([this, tokens, marker] { Q_EMIT counted(tokens, marker); });
}

}  // namespace edgechat::app
