#include "app/model_host.h"

#include <QDir>
#include <QFileInfo>
#include <QLocale>

#include "app/format.h"
#include "app/settings/settings.h"
#include "models/paths.h"
#include "models/store.h"

namespace edgechat::app {
namespace {

constexpr int kProgressMilliseconds = 100;

bool isInStore(const QString& path) {
    return path.startsWith(models::modelsFolder() + u'/');
}

}  // namespace

ModelHost::ModelHost(InferenceThread& inference, Settings& settings, QObject* parent)
    : QObject(parent), m_inference(inference), m_settings(settings) {
    m_progressTimer.setInterval(kProgressMilliseconds);
    connect(&m_progressTimer, &QTimer::timeout, this, [this] { setProgress(m_inference.loadProgress()); });
    connect(&inference, &InferenceThread::loaded, this, &ModelHost::onLoaded);
    connect(&inference, &InferenceThread::loadFailed, this, &ModelHost::onLoadFailed);
    connect(&inference, &InferenceThread::unloaded, this, [this] {
        m_model = {};
        m_name.clear();
        m_path.clear();
        Q_EMIT modelChanged();
        setState(None);
    });
    const auto check = [this] { updateReloadNeeded(); };
    connect(&settings, &Settings::threadsChanged, this, check);
    connect(&settings, &Settings::contextTokensChanged, this, check);
    connect(&settings, &Settings::kvInt8Changed, this, check);
}

QString ModelHost::sizeText() const {
    return parameterText(m_model.parameters);
}

void ModelHost::load(const QString& pathOrName) {
    m_wanted = pathOrName;
    setProblem({}, {}, {});
    QString path = pathOrName;
    QString storeName;
    if (!QFileInfo::exists(path)) {
        // Not a file: a name of the store. A name that is neither is reported as a missing file.
        if (const Result<models::StoreEntry> entry = models::Store().find(pathOrName)) {
            path = entry->path;
            storeName = entry->name;
        }
    }
    path = QFileInfo(path).absoluteFilePath();
    m_loadedOptions = inference::EngineOptions();
    m_loadedOptions.threads = m_settings.threads();
    m_loadedOptions.context = m_settings.contextTokens();
    m_loadedOptions.kv = m_settings.kvInt8() ? inference::KvKind::int8 : inference::KvKind::fp16;

    m_model = {};
    m_path = path;
    m_name = storeName.isEmpty() ? nameOf(path) : storeName;
    Q_EMIT modelChanged();
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

QString ModelHost::nameOf(const QString& path) {
    const QFileInfo file(path);
    // A model of the store has a folder of its own, which carries its name.
    return isInStore(path) ? file.dir().dirName() : modelFileName(path);
}

void ModelHost::onLoaded(const LoadedModel& model) {
    m_progressTimer.stop();
    m_model = model;
    m_startup = false;
    setProgress(1);
    Q_EMIT modelChanged();
    m_settings.setLastModel(m_path);
    if (!isInStore(m_path)) m_settings.addRecentFile(m_path);
    setState(Ready);
    updateReloadNeeded();
}

void ModelHost::onLoadFailed(const LoadFailure& failure) {
    m_progressTimer.stop();
    m_startup = false;
    const Error& error = failure.error;
    const QString details = QString::fromStdString(error.message());
    const QString found = QString::fromStdString(error.found);
    const QString file = QFileInfo(m_path).fileName();
    if (failure.missing) {
        setProblem(
            tr("The model file %1 is not there.").arg(m_path),
            tr("It was moved, renamed or deleted. Choose another model, or put the file back and try again."),
            details);
    } else if (error.code == ErrorCode::doesNotFit) {
        const QString what =
            failure.neededBytes > 0
                ? tr("%1 does not fit in memory: it needs %2, and %3 are available.")
                      .arg(m_name, byteText(failure.neededBytes), byteText(failure.availableBytes))
                : tr("%1 does not fit in memory.").arg(m_name);
        const QString fix =
            failure.fittingContext > 0
                ? tr("Set the context to %1 tokens or fewer in Settings, or close other programs.")
                      .arg(QLocale().toString(failure.fittingContext))
                : tr("Close other programs, or choose a smaller model.");
        setProblem(what, fix, details);
    } else if (error.field == "general.architecture") {
        setProblem(tr("%1 is of a kind that EdgeChat does not know: %2.").arg(file, found),
                   tr("Choose a model of the LLaMA family."), details);
    } else if (error.field.rfind("tokenizer.", 0) == 0) {
        setProblem(tr("%1 uses a tokenizer that EdgeChat cannot use: %2.").arg(file, found),
                   tr("Choose another model."), details);
    } else if (error.code == ErrorCode::usage) {
        setProblem(tr("%1 could not be loaded with these settings.").arg(m_name),
                   tr("Look at the engine's values in Settings."), details);
    } else if (error.code == ErrorCode::badInput) {
        setProblem(tr("%1 is damaged, incomplete, or not a model file.").arg(file),
                   tr("Copy or download it again, or choose another model."), details);
    } else {
        setProblem(tr("%1 could not be loaded.").arg(m_name), tr("Try again, or choose another model."),
                   details);
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

void ModelHost::setProblem(const QString& what, const QString& fix, const QString& details) {
    if (what == m_problem && fix == m_problemFix && details == m_problemDetails) return;
    m_problem = what;
    m_problemFix = fix;
    m_problemDetails = details;
    Q_EMIT problemChanged();
}

void ModelHost::updateReloadNeeded() {
    const bool differs =
        m_state == Ready && (m_settings.threads() != m_loadedOptions.threads ||
                             m_settings.contextTokens() != m_loadedOptions.context ||
                             m_settings.kvInt8() != (m_loadedOptions.kv == inference::KvKind::int8));
    if (differs == m_reloadNeeded) return;
    m_reloadNeeded = differs;
    Q_EMIT reloadNeededChanged();
}

}  // namespace edgechat::app
