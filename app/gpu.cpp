#include "app/gpu.h"

#include <QCoreApplication>

#include <utility>

#include "app/format.h"
#include "app/nvidia_gpu.h"

namespace edgechat::app {

using inference::Device;
using inference::cuda::CudaProbe;
using inference::cuda::CudaState;

namespace {

QString clauseText(const std::string& sentence) {
    return QString::fromStdString(clause(sentence));
}

}  // namespace

Gpu::Finding findGpu() {
    const CudaProbe& probe = inference::cuda::probeCuda();
    return {probe, gpuExpected("/", probe), inference::cuda::availableCudaMemory()};
}

Gpu::Gpu(QObject* parent) : Gpu(findGpu, parent) {}

Gpu::Gpu(Search search, QObject* parent) : QObject(parent), m_search(std::move(search)) {}

bool Gpu::usable() const {
    return m_finding && m_finding->probe.state == CudaState::ready;
}

void Gpu::look() {
    if (!m_asked) measure();
}

void Gpu::measure() {
    m_asked = true;
    m_worker.post([this] {
        m_mailbox.post([this, finding = m_search()] {
            const bool first = !m_finding;
            m_finding = finding;
            if (first) Q_EMIT changed();
            Q_EMIT measured();
        });
    });
}

QString Gpu::description() const {
    if (!m_finding) return {};
    const CudaProbe& probe = m_finding->probe;
    if (usable()) {
        const QString name = QString::fromStdString(probe.device);
        const QString memory = byteText(static_cast<qint64>(probe.memory));
        return probe.integrated
                   ? tr("The GPU here is %1, which shares the %2 of this machine's memory.").arg(name, memory)
                   : tr("The GPU here is %1 with %2 of memory.").arg(name, memory);
    }
    if (!m_finding->expected) return tr("There is no NVIDIA GPU in this machine.");
    const QString reason = tr("The GPU cannot be used: %1.").arg(clauseText(probe.detail));
    QString fix = clauseText(probe.fix);
    if (fix.isEmpty()) return reason;
    fix[0] = fix[0].toUpper();
    return tr("%1 %2.").arg(reason, fix);
}

QString shortGpuName(const std::string& device) {
    const QString name = QString::fromStdString(device).simplified();
    const QLatin1String maker("NVIDIA ");
    return name.startsWith(maker) ? name.mid(maker.size()) : name;
}

QString unusedGpuReason(Device wanted, Device runs, const Gpu::Finding& finding, const QString& refusal) {
    if (runs == Device::cuda || (wanted != Device::cuda && wanted != Device::automatic)) return {};
    if (finding.probe.state != CudaState::ready)
        return wanted == Device::cuda || finding.expected ? clauseText(finding.probe.detail) : QString();
    return refusal.isEmpty() ? QCoreApplication::translate("Gpu", "it cannot run this model") : refusal;
}

}  // namespace edgechat::app
