#include "models/fit.h"

#include <sys/statvfs.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>

namespace edgechat::models {
namespace {

// Measured as resident size of the command line: 14 MB for the program and its libraries, 6 MB of buffers and
// stacks while a model is loaded and run, and 310 bytes for each token of a byte-level BPE vocabulary (49,152
// and 65,024 tokens); a SentencePiece vocabulary takes half as much.
constexpr uint64_t kProgramBytes = 20 << 20;
constexpr uint64_t kTokenBytes = 320;

/// @param plan     of `model.loaded`; null where that is not known
/// @param runtime  bytes beside the engine's plan
MemoryFit fitOn(const PlannedModel& model, const inference::DevicePlan* plan, uint64_t runtime, int context,
                inference::KvKind kv, uint64_t available) {
    MemoryFit fit;
    fit.context = context;
    fit.available = available;
    fit.exact = model.exact && model.loaded;
    fit.weights = model.otherWeights;
    fit.runtime = runtime;
    if (plan == nullptr) return fit;
    const inference::MemoryPlan bytes = plan->at(context, kv);
    fit.contextKnown = true;
    fit.weights += bytes.weights;
    fit.kv = bytes.kv;
    fit.scratch = bytes.scratch;
    const uint64_t fixed = model.otherWeights + runtime;
    if (available > fixed) fit.largestContext = plan->largestContext(kv, available - fixed);
    return fit;
}

uint64_t runtimeBytes(const PlannedModel& model) {
    return kProgramBytes +
           (model.loaded ? kTokenBytes * static_cast<uint64_t>(model.loaded->config().vocab) : 0);
}

}  // namespace

MemoryFit memoryFit(const PlannedModel& model, int context, inference::KvKind kv, uint64_t available) {
    std::optional<inference::DevicePlan> plan;
    if (model.loaded) plan.emplace(*model.loaded, inference::Device::cpu);
    return fitOn(model, plan ? &*plan : nullptr, runtimeBytes(model), context, kv, available);
}

MemoryFit ModelFit::onGpu(int context, inference::KvKind kv, const FreeMemory::Gpu& gpu) const {
    if (m_model.loaded && !m_gpuPlan)
        m_gpuPlan = std::make_shared<inference::DevicePlan>(*m_model.loaded, inference::Device::cuda);
    // The program and the tokenizer's tables lie in the processor's memory.
    const uint64_t runtime = gpu.own ? 0 : runtimeBytes(m_model);
    MemoryFit fit = fitOn(m_model, m_gpuPlan.get(), runtime, context, kv, gpu.bytes);
    fit.onGpu = true;
    fit.inGpuMemory = gpu.own;
    return fit;
}

MemoryFit ModelFit::at(int context, inference::KvKind kv, const FreeMemory& free) const {
    if (!free.gpu) return memoryFit(m_model, context, kv, free.main);
    MemoryFit gpu = onGpu(context, kv, *free.gpu);
    if (gpu.fits()) return gpu;
    MemoryFit cpu = memoryFit(m_model, context, kv, free.main);
    if (cpu.fits()) {
        cpu.gpuLack = MemoryFit::GpuLack{gpu.total(), gpu.available, gpu.largestContext};
        return cpu;
    }
    gpu.largestContext = std::max(gpu.largestContext, cpu.largestContext);
    return gpu;
}

DiskFit diskFit(const PlannedModel& model, uint64_t available, uint64_t fetched) {
    DiskFit fit;
    fit.source = model.sourceBytes - std::min(fetched, model.sourceBytes);
    fit.output = model.outputBytes;
    fit.work = model.workBytes;
    fit.fetched = fetched;
    fit.sourceAtOnce = model.sourceAtOnce;
    fit.available = available;
    return fit;
}

uint64_t freeDiskBytes(const QString& folder) {
    QString existing = QDir::cleanPath(QDir::current().absoluteFilePath(folder));
    while (!QFileInfo::exists(existing) && existing != QLatin1String("/"))
        existing = QFileInfo(existing).path();
    struct statvfs disk {};
    if (::statvfs(QFile::encodeName(existing).constData(), &disk) != 0) return 0;
    return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace edgechat::models
