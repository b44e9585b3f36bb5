#include "app/machine_memory.h"

#include <utility>

#include "app/model_host.h"

namespace edgechat::app {

models::FreeMemory freeMemory(Settings::Device wanted, const Gpu::Finding* gpu, uint64_t mainFree,
                              const HeldMemory& held) {
    models::FreeMemory free;
    free.main = mainFree + held.main;
    if (wanted == Settings::Cpu || gpu == nullptr) return free;
    const inference::cuda::CudaProbe& probe = gpu->probe;
    if (probe.state != inference::cuda::CudaState::ready) return free;
    if (probe.integrated) {
        free.gpu = models::FreeMemory::Gpu{free.main, false};
    } else if (gpu->free > 0) {
        free.gpu = models::FreeMemory::Gpu{gpu->free + held.gpu, true};
    }
    return free;
}

MachineMemory::MachineMemory(const Settings& settings, const ModelHost& host, Gpu& gpu,
                             std::function<uint64_t()> mainFree, QObject* parent)
    : QObject(parent), m_settings(settings), m_host(host), m_gpu(gpu), m_mainFree(std::move(mainFree)) {
    connect(&gpu, &Gpu::measured, this, [this] {
        if (m_asked) take();
    });
}

void MachineMemory::measure() {
    m_asked = true;
    const bool gpuWanted = m_settings.device() != Settings::Cpu;
    if (!gpuWanted || !m_gpu.known()) take();
    if (gpuWanted) m_gpu.measure();
}

void MachineMemory::take() {
    const Gpu::Finding* const gpu = m_gpu.known() ? &*m_gpu.finding() : nullptr;
    const HeldMemory held{static_cast<uint64_t>(m_host.mainMemoryBytes()),
                          static_cast<uint64_t>(m_host.gpuMemoryBytes())};
    m_free = freeMemory(m_settings.device(), gpu, m_mainFree(), held);
    Q_EMIT measured();
}

}  // namespace edgechat::app
