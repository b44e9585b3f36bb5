// What the benchmark needs of the device itself: a clock on the stream, and how fast its memory is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/cuda/runtime.h"

namespace edgechat::gpu {

struct DeviceFacts {
    std::string driver, runtime;  ///< CUDA versions, "13.0"; the driver's is the newest that it knows
    uint64_t cacheBytes = 0;      ///< of the second level
    double memoryClockGHz = 0, busBits = 0;
    double clockGHz = 0;  ///< of the multiprocessors, the highest
};
DeviceFacts deviceFacts();

/// Marks of time on a stream.
class StreamClock {
  public:
    explicit StreamClock(inference::cuda::Runtime& runtime);
    ~StreamClock();
    StreamClock(const StreamClock&) = delete;
    StreamClock& operator=(const StreamClock&) = delete;

    void mark();
    /// Seconds from each mark to the next one, once all are passed; forgets them. Not while the stream is
    /// held.
    std::vector<double> gaps();

    /// What is started from here on waits for letGo(), for a second at most: so the stream never waits for
    /// the processor between one kernel and the next. A driver's queue takes about a thousand launches.
    void hold();
    void letGo();

  private:
    struct Events;
    struct Gate;
    inference::cuda::Runtime& m_runtime;
    std::unique_ptr<Events> m_events;
    std::shared_ptr<Gate> m_gate;
};

/// Bytes per second that simple kernels move. A copy counts what it reads and what it writes.
struct Bandwidth {
    double read = 0, copy = 0;
};
Result<Bandwidth> measureBandwidth(inference::cuda::Runtime& runtime, uint64_t bytes, int repetitions);

/// Random fp16 numbers of size 0.5 to 1, both signs.
void fillHalves(inference::cuda::Runtime& runtime, void* data, uint64_t bytes);

}  // namespace edgechat::gpu
