// What a load lacked of a device's memory, and the context that would have fitted.
#pragma once

#include <QtGlobal>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "models/fit.h"

namespace edgechat::app {

struct MemoryShortage {
    qint64 neededBytes = 0;     ///< weights, KV cache and scratch; 0: not known
    qint64 availableBytes = 0;  ///< that were free for them
    int fittingContext = 0;     ///< tokens, fewer than were wanted, with which it fits there; 0: none
    bool inGpuMemory = false;   ///< the figures are of the GPU's own memory

    bool lacks() const { return neededBytes > availableBytes; }
};

/// Of a model that the CPU runs because the GPU does not hold it. Contexts below 512 tokens are not worth the
/// change.
/// @param wanted  tokens that it was loaded with
MemoryShortage gpuShortage(const inference::Checkpoint& model, int wanted, inference::KvKind kv,
                           const models::FreeMemory::Gpu& gpu);

/// Of a model that no device holds: the figures of the GPU where there is one, and a context that fits there
/// or else on the CPU.
MemoryShortage loadShortage(const inference::Checkpoint& model, int wanted, inference::KvKind kv,
                            const models::FreeMemory& free);

}  // namespace edgechat::app
