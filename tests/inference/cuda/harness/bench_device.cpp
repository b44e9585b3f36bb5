// tests/gpu/bench_device.h and cublas_yardstick.h where no GPU is, so that the benchmark's own arithmetic
// runs in CI: a clock on which a microsecond passes between one mark and the next, memory of 100 GB/s, and
// cuBLAS, which takes a millisecond for everything, or is absent where EDGECHAT_TEST_CUBLAS says so.
#include "tests/inference/cuda/harness/bench_device.h"

#include <cstdlib>
#include <string_view>

#include "tests/gpu/bench_device.h"
#include "tests/gpu/cublas_yardstick.h"

namespace edgechat::gpu {

using inference::cuda::Runtime;

namespace {

int heldStreams = 0;

}  // namespace

bool streamIsHeld() {
    return heldStreams > 0;
}

struct StreamClock::Events {
    size_t marks = 0;
};
struct StreamClock::Gate {
    Gate() { ++heldStreams; }
    ~Gate() { --heldStreams; }
};

StreamClock::StreamClock(Runtime& runtime) : m_runtime(runtime), m_events(new Events) {}
StreamClock::~StreamClock() = default;

void StreamClock::mark() {
    ++m_events->marks;
}

std::vector<double> StreamClock::gaps() {
    // A device would wait for ever, or for the second that hold() lasts.
    if (m_gate != nullptr) std::abort();
    std::vector<double> seconds(m_events->marks > 0 ? m_events->marks - 1 : 0, 1e-6);
    m_events->marks = 0;
    return seconds;
}

void StreamClock::hold() {
    m_gate = std::make_shared<Gate>();
}

void StreamClock::letGo() {
    m_gate.reset();
}

DeviceFacts deviceFacts() {
    DeviceFacts facts;
    facts.driver = "12.6", facts.runtime = "12.2";
    facts.cacheBytes = 2 << 20;
    facts.memoryClockGHz = 2, facts.busBits = 128;
    facts.clockGHz = 0.625;
    return facts;
}

void fillHalves(Runtime&, void*, uint64_t) {}

Result<Bandwidth> measureBandwidth(Runtime&, uint64_t, int) {
    return Bandwidth{100e9, 90e9};
}

namespace {

class FixedYardstick final : public Yardstick {
  public:
    Result<double> seconds(int, int, int, int) override { return 1e-3; }
};

}  // namespace

Result<std::unique_ptr<Yardstick>> Yardstick::open(Runtime&) {
    const char* cublas = std::getenv("EDGECHAT_TEST_CUBLAS");
    if (cublas != nullptr && std::string_view(cublas) == "absent") {
        return Error{ErrorCode::badInput, "there is no libcublas here", "", "", "", ""};
    }
    return std::unique_ptr<Yardstick>(new FixedYardstick);
}

}  // namespace edgechat::gpu
