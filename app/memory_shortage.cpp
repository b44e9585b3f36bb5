#include "app/memory_shortage.h"

#include <algorithm>

#include "inference/device_plan.h"

namespace edgechat::app {
namespace {

using inference::Checkpoint;
using inference::Device;
using inference::DevicePlan;
using inference::KvKind;

constexpr int kContextStep = 512;  // tokens; the least that is offered for a GPU

}  // namespace

MemoryShortage gpuShortage(const Checkpoint& model, int wanted, KvKind kv,
                           const models::FreeMemory::Gpu& gpu) {
    const DevicePlan plan(model, Device::cuda);
    MemoryShortage shortage;
    shortage.neededBytes = static_cast<qint64>(plan.at(wanted, kv).total());
    shortage.availableBytes = static_cast<qint64>(gpu.bytes);
    shortage.inGpuMemory = gpu.own;
    // What is free on a card stays so until somebody takes it. Memory that all programs share comes and goes:
    // halving leaves some room.
    const int fitting =
        gpu.own ? std::min(plan.largestContext(kv, gpu.bytes), wanted - 1) / kContextStep * kContextStep
                : plan.fittingContext(wanted, kv, gpu.bytes);
    if (fitting >= kContextStep) shortage.fittingContext = fitting;
    return shortage;
}

MemoryShortage loadShortage(const Checkpoint& model, int wanted, KvKind kv, const models::FreeMemory& free) {
    const DevicePlan plan(model, Device::cpu);
    const int onCpu = plan.fittingContext(wanted, kv, free.main);
    if (free.gpu) {
        MemoryShortage shortage = gpuShortage(model, wanted, kv, *free.gpu);
        if (shortage.fittingContext == 0) shortage.fittingContext = onCpu;
        return shortage;
    }
    MemoryShortage shortage;
    shortage.neededBytes = static_cast<qint64>(plan.at(wanted, kv).total());
    shortage.availableBytes = static_cast<qint64>(free.main);
    shortage.fittingContext = onCpu;
    return shortage;
}

}  // namespace edgechat::app
