#include "app/model_host.h"

#include <QFileInfo>
#include <QLocale>

#include "app/format.h"
#include "app/settings/model_key.h"
#include "app/settings/settings.h"
#include "models/store.h"

namespace edgechat::app {
namespace {

constexpr int kProgressMilliseconds = 100;

inference::Device engineDevice(Settings::Device device) {
    switch (device) {
        case Settings::Gpu:
            return inference::Device::cuda;
        case Settings::Cpu:
            return inference::Device::cpu;
        case Settings::Automatic:
            break;
    }
    return inference::Device::automatic;
}

}  // namespace

ModelHost::ModelHost(InferenceThread& inference, Settings& settings, QObject* parent)
    : QObject(parent), m_inference(inference), m_settings(settings), m_own(settings) {
    m_progressTimer.setInterval(kProgressMilliseconds);
    connect(&m_progressTimer, &QTimer::timeout, this, [this] { setProgress(m_inference.loadProgress()); });
    connect(&inference, &InferenceThread::loaded, this, &ModelHost::onLoaded);
    connect(&inference, &InferenceThread::loadFailed, this, &ModelHost::onLoadFailed);
    connect(&inference, &InferenceThread::unloaded, this, [this] {
        m_model = {};
        m_name.clear();
        m_path.clear();
        m_own.setModel({}, {});
        Q_EMIT modelChanged();
        setGpuNoteIsNew(false);
        setFittingContext(0);
        setState(None);
    });
    const auto check = [this] { updateReloadNeeded(); };
    connect(&settings, &Settings::deviceChanged, this, check);
    connect(&settings, &Settings::threadsChanged, this, check);
    connect(&m_own, &ModelSettings::changed, this, check);
}

bool ModelHost::completesText() const {
    return m_model.chatTemplate == QLatin1String("none");
}

QString ModelHost::templateNote() const {
    if (!completesText()) return {};
    if (m_model.templateProblem.isEmpty())
        return tr("This model has no chat template: it continues your text instead of answering.");
    return tr(
        "The chat template that this model carries cannot be used here, so it continues your text instead of "
        "answering.");
}

QString ModelHost::sizeText() const {
    return parameterText(m_model.parameters);
}

QString ModelHost::deviceText() const {
    if (m_model.device.isEmpty()) return {};
    if (onGpu()) return tr("%1 \u00B7 %2").arg(m_model.device, m_model.gpuName);
    if (m_model.threads == 1) return tr("%1 \u00B7 1 thread").arg(m_model.device);
    return tr("%1 \u00B7 %2 threads").arg(m_model.device, QLocale().toString(m_model.threads));
}

QString ModelHost::gpuNote() const {
    if (m_model.gpuReason.isEmpty()) return {};
    const QString note = tr("The GPU cannot be used: %1. Answers come from the CPU.").arg(m_model.gpuReason);
    if (m_model.gpuContext == 0) return note;
    return tr("%1 With a context of %2 tokens the model fits on the GPU.")
        .arg(note, QLocale().toString(m_model.gpuContext));
}

void ModelHost::setGpuNoteSeen() {
    if (m_gpuNoteIsNew) m_settings.setNoticeSeen(m_model.gpuNotice);
    setGpuNoteIsNew(false);
}

void ModelHost::setGpuNoteIsNew(bool isNew) {
    if (isNew == m_gpuNoteIsNew) return;
    m_gpuNoteIsNew = isNew;
    Q_EMIT gpuNoteIsNewChanged();
}

void ModelHost::setFittingContext(int tokens) {
    if (tokens == m_fittingContext) return;
    m_fittingContext = tokens;
    Q_EMIT fittingContextChanged();
}

void ModelHost::load(const QString& pathOrName) {
    m_wanted = pathOrName;
    setProblem({});
    setFittingContext(0);
    QString path = pathOrName;
    QString storeName;
    if (!QFileInfo::exists(path)) {
        // Not a file: a name of the store. A name that is neither is reported as a missing file.
        if (const Result<models::StoreEntry> entry = models::Store().find(pathOrName)) {
            path = entry->path;
            storeName = entry->name;
        }
    }
    const Result<QString> whole = models::checkpointPath(path);
    path = whole ? *whole : QFileInfo(path).absoluteFilePath();
    m_loadedOptions = inference::EngineOptions();
    m_loadedOptions.device = engineDevice(m_settings.device());
    m_loadedOptions.threads = m_settings.threads();
    m_model = {};
    m_path = path;
    m_name = storeName.isEmpty() ? nameOf(path) : storeName;
    m_own.setModel(m_path, m_name);
    m_loadedOptions.context = m_own.contextTokens();
    m_loadedOptions.kv = m_own.kv();
    Q_EMIT modelChanged();
    setGpuNoteIsNew(false);
    setProgress(0);
    updateReloadNeeded();
    setState(Loading);
    m_progressTimer.start();
    m_inference.load(path, m_loadedOptions);
}

void ModelHost::unload() {
    m_progressTimer.stop();
    m_inference.unload();
}

void ModelHost::retry() {
    if (!m_wanted.isEmpty()) load(m_wanted);
}

void ModelHost::useFittingContext() {
    if (m_fittingContext == 0) return;
    m_own.setContextTokens(m_fittingContext);
    retry();
}

QString ModelHost::nameOf(const QString& path) {
    // A model of the store has a folder of its own, which carries its name.
    const QString stored = storeNameOf(path);
    return stored.isEmpty() ? modelFileName(path) : stored;
}

void ModelHost::onLoaded(const LoadedModel& model) {
    m_progressTimer.stop();
    m_model = model;
    m_startup = false;
    setProgress(1);
    Q_EMIT modelChanged();
    setGpuNoteIsNew(!model.gpuReason.isEmpty() && !m_settings.noticeSeen(model.gpuNotice));
    setFittingContext(model.gpuContext);
    m_settings.setLastModel(m_path);
    if (model.loadRate > 0) m_settings.setLoadRate(model.loadRate);
    if (storeNameOf(m_path).isEmpty()) m_settings.addRecentFile(m_path);
    setState(Ready);
    updateReloadNeeded();
}

ModelProblem ModelHost::memoryProblem(const LoadFailure& failure) const {
    const MemoryShortage& lack = failure.shortage;
    const QString what =
        lack.neededBytes > 0
            ? (lack.inGpuMemory ? tr("%1 does not fit in memory, neither in the GPU's nor in the computer's: "
                                     "on the GPU it needs %2, and %3 are available.")
                                : tr("%1 does not fit in memory: it needs %2, and %3 are available."))
                  .arg(m_name, byteText(lack.neededBytes), byteText(lack.availableBytes))
            : tr("%1 does not fit in memory.").arg(m_name);
    const QString fix =
        lack.fittingContext > 0
            ? (m_own.isOwn(ModelSettings::Context)
                   ? tr("Set the context to %1 tokens or fewer in the settings of this model, or close other "
                        "programs.")
                   : tr("Set the context to %1 tokens or fewer in Settings, or close other programs."))
                  .arg(QLocale().toString(lack.fittingContext))
            : tr("Close other programs, or choose a smaller model.");
    return {what, fix, QString::fromStdString(failure.error.message())};
}

void ModelHost::onLoadFailed(const LoadFailure& failure) {
    m_progressTimer.stop();
    m_startup = false;
    if (failure.missing) {
        setProblem(
            {tr("The model %1 is not there.").arg(m_path),
             tr("It was moved, renamed or deleted. Choose another model, or put it back and try again."),
             QString::fromStdString(failure.error.message())});
    } else if (failure.error.code == ErrorCode::doesNotFit) {
        setProblem(memoryProblem(failure));
        setFittingContext(failure.shortage.fittingContext);
    } else {
        setProblem(modelProblem(failure.error, m_name));
    }
    setState(Failed);
}

void ModelHost::setState(State state) {
    if (state == m_state) return;
    m_state = state;
    Q_EMIT stateChanged();
}

void ModelHost::setProgress(double progress) {
    // Whole percents: nothing changes on the screen between them.
    const double rounded = static_cast<int>(progress * 100) / 100.0;
    if (rounded == m_progress) return;
    m_progress = rounded;
    Q_EMIT progressChanged();
}

void ModelHost::setProblem(const ModelProblem& problem) {
    if (problem == m_problem) return;
    m_problem = problem;
    Q_EMIT problemChanged();
}

void ModelHost::updateReloadNeeded() {
    const bool differs = m_state == Ready && (engineDevice(m_settings.device()) != m_loadedOptions.device ||
                                              m_settings.threads() != m_loadedOptions.threads ||
                                              m_own.contextTokens() != m_loadedOptions.context ||
                                              m_own.kv() != m_loadedOptions.kv);
    if (differs == m_reloadNeeded) return;
    m_reloadNeeded = differs;
    Q_EMIT reloadNeededChanged();
}

}  // namespace edgechat::app
