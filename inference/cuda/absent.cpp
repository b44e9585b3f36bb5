// cuda.h for a program that was built without CUDA.
#include <filesystem>

#include "inference/cuda/cuda.h"
#include "inference/cuda/l4t.h"
#include "inference/cuda/probe_verdict.h"

namespace edgechat::inference::cuda {

const CudaProbe& probeCuda() {
    static const CudaProbe probe = [] {
        std::error_code ignored;
        return verdictNotBuilt(isJetson(), std::filesystem::exists("/dev/nvidia0", ignored));
    }();
    return probe;
}

MemoryPlan planCudaMemory(const Checkpoint& checkpoint, int context, KvKind kv) {
    return planMemory(checkpoint, context, kv);
}

MemoryPlan planCudaContext(const Checkpoint& checkpoint, int context, KvKind kv) {
    return planContext(checkpoint, context, kv);
}

uint64_t availableCudaMemory() {
    return 0;
}

Result<std::string> cublasVersion() {
    return unusable(probeCuda());
}

Result<std::unique_ptr<Backend>> loadCudaBackend(const Checkpoint&, const CudaOptions&,
                                                 const std::function<bool(uint64_t done, uint64_t total)>&) {
    return unusable(probeCuda());
}

}  // namespace edgechat::inference::cuda
