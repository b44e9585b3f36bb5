// What a model takes of the memory of the device that is to run it, before anything is loaded.
#pragma once

#include <cstdint>

#include "inference/engine.h"
#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"

namespace edgechat::inference {

/// The plan of one model on one device, at any context. The constructor counts the weights, which takes some
/// milliseconds for a model of 7B on a GPU; all else takes microseconds.
class DevicePlan {
  public:
    /// @param checkpoint  stays; of one without tensors no weights are counted
    /// @param device      cuda; all others take what the CPU takes
    DevicePlan(const Checkpoint& checkpoint, Device device);

    MemoryPlan at(int context, KvKind kv) const;

    /// A context below `wanted` whose plan takes at most `available` bytes, by halving; 0 if not even 256
    /// tokens fit.
    int fittingContext(int wanted, KvKind kv, uint64_t available) const;

    /// The largest context, in whole runs of kKeyRun or as long as the model was trained for, whose plan
    /// takes at most `available` bytes; 0 if not even 256 tokens (or those of a model trained for less) fit.
    int largestContext(KvKind kv, uint64_t available) const;

  private:
    const Checkpoint& m_checkpoint;
    bool m_onGpu;
    uint64_t m_weights;
};

}  // namespace edgechat::inference
