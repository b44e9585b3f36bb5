// What the backend needs of CUDA's runtime: memory, one stream, a recorded step. runtime_cuda.cpp does it
// with CUDA; the tests do it with a processor's memory (tests/inference/cuda/harness). One thread uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "inference/result.h"

namespace edgechat::inference::cuda {

class Runtime;

/// Bytes on the device, or of the processor's memory that the device reads as well. Aligned to 256.
class Memory {
  public:
    Memory() = default;
    Memory(Runtime* runtime, void* data, uint64_t bytes, bool pinned)
        : m_runtime(runtime), m_data(data), m_bytes(bytes), m_pinned(pinned) {}
    Memory(Memory&& other) noexcept { *this = std::move(other); }
    Memory& operator=(Memory&& other) noexcept;
    ~Memory();

    std::byte* data() const { return static_cast<std::byte*>(m_data); }
    template <class T>
    T* as(uint64_t offset = 0) const {
        return reinterpret_cast<T*>(data() + offset);
    }
    uint64_t bytes() const { return m_bytes; }

  private:
    Runtime* m_runtime = nullptr;
    void* m_data = nullptr;
    uint64_t m_bytes = 0;
    bool m_pinned = false;
};

/// What a device is.
struct DeviceProperties {
    std::string name;
    int major = 0, minor = 0;  ///< of the compute capability
    int multiprocessors = 1;
    bool integrated = false;  ///< its memory is the processor's
    uint64_t memory = 0;      ///< bytes in all
};

class Runtime {
  public:
    /// The first device. Fails with badInput and a sentence for a person.
    static Result<std::unique_ptr<Runtime>> open();
    virtual ~Runtime() = default;

    virtual const DeviceProperties& properties() const = 0;
    /// Bytes that can be taken now.
    virtual uint64_t freeMemory() const = 0;

    /// Fails with doesNotFit. `what` is for the message.
    virtual Result<Memory> allocate(uint64_t bytes, const char* what) = 0;
    /// Of the processor, at the same address on the device: for small input and output, and for staging.
    virtual Result<Memory> allocatePinned(uint64_t bytes, const char* what) = 0;
    virtual void release(void* data, bool pinned) = 0;

    /// In the stream's order; `from` is pinned and stays as it is until the next synchronize().
    virtual void copyToDevice(void* to, const void* from, uint64_t bytes) = 0;
    virtual void copyFromDevice(void* to, const void* from, uint64_t bytes) = 0;
    virtual void zero(void* data, uint64_t bytes) = 0;

    /// Waits for everything that was started. Fails with ErrorCode::internal and CUDA's own words; then
    /// nothing that was computed holds, and every later call fails too.
    virtual Result<void> synchronize() = 0;

    /// Marks of what copyToDevice() has done, so that staging is filled again while the rest is copied.
    virtual void mark(int index) = 0;  ///< index 0 or 1
    virtual void waitForMark(int index) = 0;

    /// Keeps what `launches` starts as one piece, without starting it; replay() starts it, as often as
    /// wanted.
    class Recording {
      public:
        virtual ~Recording() = default;
    };
    virtual Result<std::unique_ptr<Recording>> record(const std::function<void()>& launches) = 0;
    virtual void replay(Recording& recording) = 0;

    /// Seconds that the device takes for what `launches` starts. Waits for it. 0 where it cannot be told.
    virtual double secondsOf(const std::function<void()>& launches) = 0;

    virtual void* stream() const = 0;
    void countLaunch() { ++m_launches; }
    uint64_t launches() const { return m_launches; }  ///< kernels that were started or recorded

  private:
    uint64_t m_launches = 0;
};

}  // namespace edgechat::inference::cuda
