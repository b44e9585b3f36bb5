// inference/cuda/runtime.h with a processor's memory, under the kernel harness.
#include <cstdlib>
#include <cstring>

#include "inference/cuda/cuda.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {
namespace {

/// What was recorded is run again by calling it again: kernels read what changes from memory.
class HostRecording final : public Runtime::Recording {
  public:
    explicit HostRecording(std::function<void()> launches) : m_launches(std::move(launches)) {}
    void run() const { m_launches(); }

  private:
    std::function<void()> m_launches;
};

class HostRuntime final : public Runtime {
  public:
    HostRuntime() {
        m_properties.name = "kernels on the processor";
        m_properties.major = 8;
        m_properties.minor = 7;
        m_properties.multiprocessors = 8;
        m_properties.integrated = true;
        m_properties.memory = uint64_t{8} << 30;
    }

    const DeviceProperties& properties() const override { return m_properties; }
    uint64_t freeMemory() const override { return m_properties.memory; }

    Result<Memory> allocate(uint64_t bytes, const char*) override { return take(bytes, false); }
    Result<Memory> allocatePinned(uint64_t bytes, const char*) override { return take(bytes, true); }
    void release(void* data, bool) override { std::free(data); }

    void copyToDevice(void* to, const void* from, uint64_t bytes) override { std::memcpy(to, from, bytes); }
    void copyFromDevice(void* to, const void* from, uint64_t bytes) override { std::memcpy(to, from, bytes); }
    void zero(void* data, uint64_t bytes) override { std::memset(data, 0, bytes); }
    Result<void> synchronize() override { return {}; }
    void mark(int) override {}
    void waitForMark(int) override {}

    Result<std::unique_ptr<Recording>> record(const std::function<void()>& launches) override {
        return std::unique_ptr<Recording>(new HostRecording(launches));
    }
    void replay(Recording& recording) override { static_cast<HostRecording&>(recording).run(); }
    double secondsOf(const std::function<void()>& launches) override {
        launches();
        return 0;
    }
    void* stream() const override { return nullptr; }

  private:
    // Nothing may depend on what fresh memory holds.
    Memory take(uint64_t bytes, bool pinned) {
        const uint64_t whole = (bytes + 255) / 256 * 256;
        void* data = std::aligned_alloc(256, whole > 0 ? whole : 256);
        std::memset(data, 0xff, bytes);
        return Memory(this, data, bytes, pinned);
    }

    DeviceProperties m_properties;
};

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::open() {
    return std::unique_ptr<Runtime>(new HostRuntime);
}

const CudaProbe& probeCuda() {
    static const CudaProbe probe = [] {
        CudaProbe ready;
        ready.state = CudaState::ready;
        ready.device = "kernels on the processor";
        ready.major = 8, ready.minor = 7;
        ready.integrated = true;
        return ready;
    }();
    return probe;
}

uint64_t availableCudaMemory() {
    return availableMemory();
}

}  // namespace edgechat::inference::cuda
