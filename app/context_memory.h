// What the memory of a conversation takes with one model, at the context and the kind of cache that are set.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>

#include "app/worker_thread.h"
#include "models/fit.h"

namespace edgechat::app {

class ModelHost;
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

  public:
    ContextMemory(const ModelSettings& settings, const ModelHost& host, QObject* parent = nullptr);

    /// Reads the model of the settings and asks the machine what is free. Returns at once.
    void measure();

    bool known() const { return m_model.loaded != nullptr; }     ///< else all else is 0
    int context() const { return m_fit.context; }                ///< tokens, also where the model chooses
    int trainedContext() const;                                  ///< tokens
    int largestContext() const { return m_fit.largestContext; }  ///< tokens, that fits; 0: none
    double cacheBytes() const { return static_cast<double>(m_fit.kv); }
    double totalBytes() const { return static_cast<double>(m_fit.total()); }  ///< weights and all
    /// With what the loaded model would give back.
    double availableBytes() const { return static_cast<double>(m_fit.available); }
    bool fits() const { return m_fit.fits(); }

  Q_SIGNALS:
    void changed();

  private:
    void compute();

    const ModelSettings& m_settings;
    const ModelHost& m_host;
    QString m_path;  ///< that m_model was read from, or is being
    models::PlannedModel m_model;
    models::MemoryFit m_fit;
    uint64_t m_available = 0;
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

}  // namespace edgechat::app
