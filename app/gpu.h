// The GPU of this machine, as Settings shows it and as a loaded model speaks of it.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>

#include <functional>
#include <optional>

#include "app/worker_thread.h"
#include "inference/cuda/cuda.h"
#include "inference/engine.h"

namespace edgechat::app {

/// Lives on the GUI thread; CUDA is started on a worker, and only when somebody looks.
class Gpu : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns what is known of the GPU")
    Q_PROPERTY(bool known READ known NOTIFY changed FINAL)
    Q_PROPERTY(bool usable READ usable NOTIFY changed FINAL)
    Q_PROPERTY(QString description READ description NOTIFY changed FINAL)

  public:
    struct Finding {
        inference::cuda::CudaProbe probe;
        bool expected = false;  ///< gpuExpected()
        uint64_t free = 0;      ///< bytes that a model can take now; 0: not told
    };
    using Search = std::function<Finding()>;

    explicit Gpu(QObject* parent = nullptr);
    explicit Gpu(Search search, QObject* parent = nullptr);

    bool known() const { return m_finding.has_value(); }  ///< look() has its answer
    bool usable() const;
    /// Which one it is, or why none can be used and what helps: one or two sentences; empty until it is
    /// known.
    QString description() const;

    /// Of the last look() or measure(); nothing before the first has its answer.
    const std::optional<Finding>& finding() const { return m_finding; }

    /// Asks, once. Returns at once.
    Q_INVOKABLE void look();
    /// Asks what is free now, each time; measured() tells when it is known. Returns at once.
    void measure();

  Q_SIGNALS:
    void changed();
    void measured();

  private:
    Search m_search;
    bool m_asked = false;
    std::optional<Finding> m_finding;
    Mailbox m_mailbox;
    WorkerThread m_worker;  ///< last: it ends before what it uses
};

/// The kernel's and CUDA's word. The first call takes some tenths of a second where there is a GPU.
Gpu::Finding findGpu();

/// Without the maker, whose GPUs alone can be used: "GeForce RTX 3060".
QString shortGpuName(const std::string& device);

/// Why the GPU did not take a model: a part of a sentence. Empty where it did, where nobody wanted it, and
/// where nobody could expect it.
/// @param refusal  why a GPU that works did not take this model; empty: not said
QString unusedGpuReason(inference::Device wanted, inference::Device runs, const Gpu::Finding& finding,
                        const QString& refusal);

}  // namespace edgechat::app
