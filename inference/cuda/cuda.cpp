#include "inference/cuda/cuda.h"

#include "inference/cuda/cublas.h"
#include "inference/cuda/cuda_backend.h"
#include "inference/cuda/probe_verdict.h"
#include "inference/cuda/scratch.h"

namespace edgechat::inference::cuda {
namespace {

// The plan is made before a device is known; this many multiprocessors need more room for partial results
// than a Jetson's and a few MB less than the largest card's.
constexpr int kPlannedMultiprocessors = 64;

}  // namespace

MemoryPlan planCudaContext(const Checkpoint& checkpoint, int context, KvKind kv) {
    const ScratchPlan scratch(checkpoint.config(), context, kPlannedMultiprocessors);
    MemoryPlan plan;
    plan.context = context;
    plan.kv = KvCache(checkpoint.config(), context, kv).bytes();
    plan.scratch = scratch.deviceBytes + scratch.pinnedBytes;
    return plan;
}

Result<std::string> cublasVersion() {
    return Cublas::version();
}

MemoryPlan planCudaMemory(const Checkpoint& checkpoint, int context, KvKind kv) {
    MemoryPlan plan = planCudaContext(checkpoint, context, kv);
    plan.weights = plannedWeightBytes(checkpoint);
    return plan;
}

Result<std::unique_ptr<Backend>> loadCudaBackend(const Checkpoint& checkpoint, const CudaOptions& options,
                                                 const std::function<bool(uint64_t, uint64_t)>& progress) {
    if (probeCuda().state != CudaState::ready) return unusable(probeCuda());
    Result<std::unique_ptr<Runtime>> runtime = Runtime::open();
    if (!runtime) return runtime.error();
    Result<std::unique_ptr<CudaBackend>> backend =
        CudaBackend::load(std::move(*runtime), checkpoint, options, progress);
    if (!backend) return backend.error();
    return std::unique_ptr<Backend>(std::move(*backend));
}

}  // namespace edgechat::inference::cuda
