#include "inference/device_plan.h"

#include "inference/cuda/cuda.h"

namespace edgechat::inference {
namespace {

constexpr int kLeastContext = 256;  // worth offering

uint64_t weightBytes(const Checkpoint& checkpoint, bool onGpu) {
    if (!onGpu) return planMemory(checkpoint, kLeastContext, KvKind::fp16).weights;
    if (checkpoint.tensors().layers.empty()) return 0;
    return cuda::planCudaMemory(checkpoint, kLeastContext, KvKind::fp16).weights;
}

}  // namespace

DevicePlan::DevicePlan(const Checkpoint& checkpoint, Device device)
    : m_checkpoint(checkpoint),
      m_onGpu(device == Device::cuda),
      m_weights(weightBytes(checkpoint, m_onGpu)) {}

MemoryPlan DevicePlan::at(int context, KvKind kv) const {
    MemoryPlan plan =
        m_onGpu ? cuda::planCudaContext(m_checkpoint, context, kv) : planContext(m_checkpoint, context, kv);
    plan.weights = m_weights;
    return plan;
}

int DevicePlan::fittingContext(int wanted, KvKind kv, uint64_t available) const {
    for (int context = wanted / 2; context >= kLeastContext; context /= 2) {
        if (at(context, kv).total() <= available) return context;
    }
    return 0;
}

int DevicePlan::largestContext(KvKind kv, uint64_t available) const {
    const int trained = m_checkpoint.config().context;
    const auto fits = [&](int context) { return at(context, kv).total() <= available; };
    if (fits(trained)) return trained;
    // Runs that fit, and runs that do not: bytes never fall where the context grows.
    int least = 0, most = (trained + kKeyRun - 1) / kKeyRun;
    while (most - least > 1) {
        const int middle = least + (most - least) / 2;
        (fits(middle * kKeyRun) ? least : most) = middle;
    }
    return least * kKeyRun >= kLeastContext ? least * kKeyRun : 0;
}

}  // namespace edgechat::inference
