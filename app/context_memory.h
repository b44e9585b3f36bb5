// What the memory of a conversation takes with one model, at the context and the kind of cache that are set.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>

#include <optional>

#include "app/worker_thread.h"
#include "models/fit.h"

namespace edgechat::app {

class MachineMemory;
class ModelSettings;

/// Follows the settings. The model's header is read on a worker. Lives on the GUI thread.
class ContextMemory : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns it")
    Q_PROPERTY(bool known READ known NOTIFY changed FINAL)
    Q_PROPERTY(int context READ context NOTIFY changed FINAL)
    Q_PROPERTY(int trainedContext READ trainedContext NOTIFY changed FINAL)
    Q_PROPERTY(int largestContext READ largestContext NOTIFY changed FINAL)
    Q_PROPERTY(double cacheBytes READ cacheBytes NOTIFY changed FINAL)
    Q_PROPERTY(double totalBytes READ totalBytes NOTIFY changed FINAL)
    Q_PROPERTY(double availableBytes READ availableBytes NOTIFY changed FINAL)
    Q_PROPERTY(bool fits READ fits NOTIFY changed FINAL)
    Q_PROPERTY(bool inGpuMemory READ inGpuMemory NOTIFY changed FINAL)
    Q_PROPERTY(double gpuNeededBytes READ gpuNeededBytes NOTIFY changed FINAL)
    Q_PROPERTY(double gpuFreeBytes READ gpuFreeBytes NOTIFY changed FINAL)
    Q_PROPERTY(int gpuContext READ gpuContext NOTIFY changed FINAL)

  public:
    ContextMemory(const ModelSettings& settings, MachineMemory& machine, QObject* parent = nullptr);

    /// Reads the model of the settings and asks the machine what is free. Returns at once.
    void measure();

    bool known() const { return m_model.has_value(); }           ///< else all else is 0
    int context() const { return m_fit.context; }                ///< tokens, also where the model chooses
    int trainedContext() const;                                  ///< tokens
    int largestContext() const { return m_fit.largestContext; }  ///< tokens, that fits; 0: none
    double cacheBytes() const { return static_cast<double>(m_fit.kv); }
    double totalBytes() const { return static_cast<double>(m_fit.total()); }  ///< weights and all
    /// With what the loaded model would give back.
    double availableBytes() const { return static_cast<double>(m_fit.available); }
    bool fits() const { return m_fit.fits(); }
    bool inGpuMemory() const {
        return m_fit.inGpuMemory;
    }  ///< totalBytes and availableBytes are of the GPU's
    // Of a model that the CPU runs because the GPU does not hold it; else 0.
    double gpuNeededBytes() const { return m_fit.gpuLack ? static_cast<double>(m_fit.gpuLack->needed) : 0; }
    double gpuFreeBytes() const { return m_fit.gpuLack ? static_cast<double>(m_fit.gpuLack->available) : 0; }
    int gpuContext() const { return m_fit.gpuLack ? m_fit.gpuLack->largestContext : 0; }  ///< that it holds

  Q_SIGNALS:
    void changed();

  private:
    void compute();

    const ModelSettings& m_settings;
    MachineMemory& m_machine;
    QString m_path;  ///< that m_model was read from, or is being
    std::optional<models::ModelFit> m_model;
    models::MemoryFit m_fit;
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

}  // namespace edgechat::app
