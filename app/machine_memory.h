// What this machine's memories can give to a model: which device's memory counts is decided here alone.
#pragma once

#include <QObject>

#include <cstdint>
#include <functional>

#include "app/gpu.h"
#include "app/settings/settings.h"
#include "models/fit.h"

namespace edgechat::app {

class ModelHost;

/// Bytes that the loaded model holds, and that a load gives back first.
struct HeldMemory {
    uint64_t main = 0, gpu = 0;
};

/// @param wanted    what the settings say
/// @param gpu       what was found; null: not known yet, and taken for none
/// @param mainFree  bytes of the processor's memory that are free
models::FreeMemory freeMemory(Settings::Device wanted, const Gpu::Finding* gpu, uint64_t mainFree,
                              const HeldMemory& held);

/// Lives on the GUI thread.
class MachineMemory : public QObject {
    Q_OBJECT

  public:
    /// @param mainFree  bytes of the processor's memory that are free: inference::availableMemory()
    MachineMemory(const Settings& settings, const ModelHost& host, Gpu& gpu,
                  std::function<uint64_t()> mainFree, QObject* parent = nullptr);

    /// Asks the machine, a GPU only where the settings want one. measured() follows; while nothing is known
    /// of the GPU twice: at once with the processor's memory alone, and when the GPU is known.
    void measure();
    /// As it was last measured, with what the loaded model would give back.
    const models::FreeMemory& free() const { return m_free; }

  Q_SIGNALS:
    void measured();

  private:
    void take();

    const Settings& m_settings;
    const ModelHost& m_host;
    Gpu& m_gpu;
    std::function<uint64_t()> m_mainFree;
    bool m_asked = false;  ///< else the GPU's answers are for others
    models::FreeMemory m_free;
};

}  // namespace edgechat::app
