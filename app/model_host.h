// What the inference thread has loaded, as the window sees it.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>
#include <QTimer>

#include "app/inference_thread.h"
#include "app/model_problem.h"
#include "app/settings/model_settings.h"

namespace edgechat::app {

class Settings;

/// Lives on the GUI thread.
class ModelHost : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the model host")
    Q_PROPERTY(State state READ state NOTIFY stateChanged FINAL)
    Q_PROPERTY(double progress READ progress NOTIFY progressChanged FINAL)
    Q_PROPERTY(QString name READ name NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString family READ family NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString sizeText READ sizeText NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString quantization READ quantization NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString device READ device NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString deviceText READ deviceText NOTIFY modelChanged FINAL)
    Q_PROPERTY(bool onGpu READ onGpu NOTIFY modelChanged FINAL)
    Q_PROPERTY(bool inGpuMemory READ inGpuMemory NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString gpuNote READ gpuNote NOTIFY modelChanged FINAL)
    Q_PROPERTY(bool gpuNoteIsNew READ gpuNoteIsNew NOTIFY gpuNoteIsNewChanged FINAL)
    Q_PROPERTY(int fittingContext READ fittingContext NOTIFY fittingContextChanged FINAL)
    Q_PROPERTY(QString path READ path NOTIFY modelChanged FINAL)
    Q_PROPERTY(int contextSize READ contextSize NOTIFY modelChanged FINAL)
    Q_PROPERTY(int trainedContext READ trainedContext NOTIFY modelChanged FINAL)
    Q_PROPERTY(bool completesText READ completesText NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString templateNote READ templateNote NOTIFY modelChanged FINAL)
    Q_PROPERTY(QString templateProblem READ templateProblem NOTIFY modelChanged FINAL)
    Q_PROPERTY(qint64 weightBytes READ weightBytes NOTIFY modelChanged FINAL)
    Q_PROPERTY(qint64 kvBytes READ kvBytes NOTIFY modelChanged FINAL)
    Q_PROPERTY(qint64 expectedBytes READ expectedBytes NOTIFY modelChanged FINAL)
    Q_PROPERTY(qint64 residentBefore READ residentBefore NOTIFY modelChanged FINAL)
    Q_PROPERTY(bool startup READ startup NOTIFY stateChanged FINAL)
    Q_PROPERTY(QString problem READ problem NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemFix READ problemFix NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY problemChanged FINAL)
    Q_PROPERTY(edgechat::app::ModelSettings* settings READ settings CONSTANT FINAL)
    Q_PROPERTY(bool reloadNeeded READ reloadNeeded NOTIFY reloadNeededChanged FINAL)

  public:
    enum State { None, Loading, Ready, Failed };
    Q_ENUM(State)

    ModelHost(InferenceThread& inference, Settings& settings, QObject* parent = nullptr);

    State state() const { return m_state; }
    double progress() const { return m_progress; }  ///< 0..1
    QString name() const { return m_name; }
    QString family() const { return m_model.family; }
    QString sizeText() const;  ///< "135M"
    QString quantization() const { return m_model.quantization; }
    QString device() const { return m_model.device; }  ///< "CPU", "GPU"
    QString deviceText() const;                        ///< "CPU · 6 threads", "GPU · GeForce RTX 3060"
    bool onGpu() const { return !m_model.gpuName.isEmpty(); }
    bool inGpuMemory() const { return m_model.inGpuMemory; }  ///< and not in the processor's
    /// Bytes of weights and cache in the processor's memory.
    qint64 mainMemoryBytes() const { return inGpuMemory() ? 0 : weightBytes() + kvBytes(); }
    /// Bytes in the memory of a GPU that has its own: all that was planned.
    qint64 gpuMemoryBytes() const { return inGpuMemory() ? expectedBytes() : 0; }
    /// "0000:01:00.0"; empty where the GPU does not compute.
    QString gpuBus() const { return m_model.gpuBus; }
    QString gpuNote() const;  ///< why the GPU does not compute, where that is worth a word
    /// Tokens of context with which the model would have fitted: after gpuNote() on the GPU, after a load
    /// that failed at all. 0: there is none that helps.
    int fittingContext() const { return m_fittingContext; }
    bool gpuNoteIsNew() const { return m_gpuNoteIsNew; }  ///< nobody has seen it yet
    Q_INVOKABLE void setGpuNoteSeen();
    QString path() const { return m_path; }
    int contextSize() const { return m_model.contextSize; }
    int trainedContext() const { return m_model.trainedContext; }  ///< tokens
    bool completesText() const;                                    ///< it continues a text and has no turns
    QString templateNote() const;  ///< that it does, in a sentence; empty if it does not
    /// Why the chat template that it carries cannot be used; empty if it can or there is none.
    QString templateProblem() const { return m_model.templateProblem; }
    qint64 weightBytes() const { return m_model.weightBytes; }
    qint64 kvBytes() const { return m_model.kvBytes; }
    qint64 expectedBytes() const { return m_model.expectedBytes; }
    qint64 residentBefore() const { return m_model.residentBefore; }
    bool startup() const { return m_startup; }  ///< nothing has been loaded since the program started
    QString problem() const { return m_problem.what; }
    QString problemFix() const { return m_problem.fix; }
    QString problemDetails() const { return m_problem.details; }
    /// What the loaded model runs with, or the one that load() was last asked for.
    ModelSettings* settings() { return &m_own; }
    bool reloadNeeded() const { return m_reloadNeeded; }  ///< a setting that acts at load was changed since

    /// Loads a file or a model of the store, after the loaded one has been given up. Returns at once.
    Q_INVOKABLE void load(const QString& pathOrName);
    Q_INVOKABLE void unload();
    Q_INVOKABLE void retry();  ///< loads the last path again
    /// Gives the model fittingContext() as its own context, and loads it again.
    Q_INVOKABLE void useFittingContext();

  Q_SIGNALS:
    void stateChanged();
    void progressChanged();
    void modelChanged();
    void problemChanged();
    void reloadNeededChanged();
    void gpuNoteIsNewChanged();
    void fittingContextChanged();

  private:
    static QString nameOf(const QString& path);
    void onLoaded(const LoadedModel& model);
    void onLoadFailed(const LoadFailure& failure);
    void setState(State state);
    void setProgress(double progress);
    void setProblem(const ModelProblem& problem);
    ModelProblem memoryProblem(const LoadFailure& failure) const;
    void updateReloadNeeded();
    void setGpuNoteIsNew(bool isNew);
    void setFittingContext(int tokens);

    InferenceThread& m_inference;
    Settings& m_settings;
    ModelSettings m_own;
    QTimer m_progressTimer;  ///< runs only while loading
    State m_state = None;
    double m_progress = 0;
    QString m_wanted;  ///< what load() was last asked for
    QString m_name;
    QString m_path;
    LoadedModel m_model;
    inference::EngineOptions m_loadedOptions;
    bool m_startup = true;
    bool m_reloadNeeded = false;
    bool m_gpuNoteIsNew = false;
    int m_fittingContext = 0;
    ModelProblem m_problem;
};

}  // namespace edgechat::app
