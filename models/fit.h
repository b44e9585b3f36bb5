// Whether a model will fit, before any of it is fetched: memory at each context, and the disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "inference/device_plan.h"
#include "models/planned_model.h"

namespace edgechat::models {

/// Bytes that a model can take now, of each memory that there is.
struct FreeMemory {
    struct Gpu {
        uint64_t bytes = 0;
        bool own = true;  ///< else `bytes` are of the processor's memory

        bool operator==(const Gpu&) const = default;
    };
    uint64_t main = 0;       ///< of the processor
    std::optional<Gpu> gpu;  ///< there is one, and it runs every model that it can hold

    bool operator==(const FreeMemory&) const = default;
};

/// Bytes of each part of a loaded model, and the largest context that fits.
struct MemoryFit {
    /// What the GPU lacks of a model that the CPU runs in its place.
    struct GpuLack {
        uint64_t needed = 0, available = 0;
        int largestContext = 0;  ///< that the GPU would hold; 0: none
    };

    int context = 0;
    uint64_t weights = 0;
    uint64_t kv = 0;
    uint64_t scratch = 0;
    uint64_t runtime = 0;  ///< the tokenizer's tables, the program, what the loading itself takes
    uint64_t available = 0;
    bool contextKnown = false;  ///< else kv and scratch are 0 and count for nothing
    bool exact = false;         ///< weights, kv and scratch are what the engine will plan, to the byte
    int largestContext = 0;     ///< of all that fit, at most what the model was trained for; 0: none
    bool onGpu = false;         ///< the GPU is to run it, and all bytes are those of its plan
    bool inGpuMemory = false;   ///< they are compared with the GPU's own memory, not with the processor's
    std::optional<GpuLack> gpuLack;

    uint64_t total() const { return weights + kv + scratch + runtime; }
    bool fits() const { return total() <= available; }
};

/// What one model takes at any context, and which device would run it: the GPU where it holds the model, else
/// the CPU. Where neither does, the figures are the GPU's. One thread.
class ModelFit {
  public:
    explicit ModelFit(PlannedModel model) : m_model(std::move(model)) {}
    const PlannedModel& model() const { return m_model; }

    /// Takes microseconds: a slider may call it at each step. The first call with a GPU takes milliseconds.
    /// @param context  tokens
    MemoryFit at(int context, inference::KvKind kv, const FreeMemory& free) const;

  private:
    MemoryFit onGpu(int context, inference::KvKind kv, const FreeMemory::Gpu& gpu) const;

    PlannedModel m_model;
    mutable std::shared_ptr<const inference::DevicePlan> m_gpuPlan;  ///< counted when it is first asked for
};

/// Of the CPU alone. Takes microseconds.
/// @param available  bytes of main memory that are free now: inference::availableMemory()
MemoryFit memoryFit(const PlannedModel& model, int context, inference::KvKind kv, uint64_t available);

/// Bytes on the disk while a model is fetched and quantized.
struct DiskFit {
    uint64_t source = 0;  ///< still to be fetched
    uint64_t fetched = 0;
    uint64_t output = 0;  ///< of the quantized checkpoint, 0 without one
    uint64_t work = 0;    ///< the quantizer's journal and hidden states
    /// Of the source, where each of its files goes when it has been used; 0: none can.
    uint64_t sourceAtOnce = 0;
    uint64_t available = 0;  ///< free now; 0: unknown

    /// With the source and the result side by side.
    uint64_t plain() const { return source + output + work; }
    /// With one file of the source after the other, where that saves something. What is there of more files
    /// makes way.
    uint64_t least() const {
        const uint64_t whole = sourceAtOnce + output + work;
        return sourceAtOnce == 0 ? plain() : std::min(plain(), whole - std::min(whole, fetched));
    }
    /// Whether the files have to come one after the other.
    bool fileByFile() const { return available > 0 && available < plain() && least() < plain(); }
    uint64_t needed() const { return fileByFile() ? least() : plain(); }
    bool fits() const { return needed() <= available; }
};

/// @param available  bytes that are free now on the store's disk: freeDiskBytes()
/// @param fetched    bytes of the source that are on that disk already
DiskFit diskFit(const PlannedModel& model, uint64_t available, uint64_t fetched = 0);

/// Bytes that this user may still write to the disk of a folder, which need not exist yet; 0: unknown. Asks
/// the file system.
uint64_t freeDiskBytes(const QString& folder);

}  // namespace edgechat::models
