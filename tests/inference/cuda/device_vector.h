// Arrays in the device's memory, so that a kernel's test runs on a GPU as it does on a processor.
#pragma once

#include <cstring>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "inference/cuda/runtime.h"

namespace edgechat::testing {

/// What a test cannot go on without. A failure ends the test with its message.
template <class T>
T needed(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The runtime of the whole test program: a GPU takes long to open.
inline inference::cuda::Runtime& sharedRuntime() {
    static const std::unique_ptr<inference::cuda::Runtime> runtime = needed(inference::cuda::Runtime::open());
    return *runtime;
}

/// `count` elements on the device. Copies wait for everything that was started before.
template <class T>
class DeviceVector {
  public:
    static_assert(std::is_trivially_copyable_v<T>);

    explicit DeviceVector(const std::vector<T>& values, inference::cuda::Runtime& runtime = sharedRuntime())
        : m_runtime(&runtime),
          m_count(values.size()),
          m_memory(needed(runtime.allocate(values.size() * sizeof(T), "a test's array"))) {
        upload(values);
    }
    explicit DeviceVector(size_t count, T value = {}, inference::cuda::Runtime& runtime = sharedRuntime())
        : DeviceVector(std::vector<T>(count, value), runtime) {}

    T* data() const { return m_memory.template as<T>(); }
    size_t size() const { return m_count; }

    /// @param values  as many as there are elements
    void upload(const std::vector<T>& values) {
        const inference::cuda::Memory staging = pinned();
        if (m_count > 0) std::memcpy(staging.data(), values.data(), m_count * sizeof(T));
        m_runtime->copyToDevice(m_memory.data(), staging.data(), m_count * sizeof(T));
        needed(m_runtime->synchronize());
    }
    std::vector<T> download() const {
        const inference::cuda::Memory staging = pinned();
        m_runtime->copyFromDevice(staging.data(), m_memory.data(), m_count * sizeof(T));
        needed(m_runtime->synchronize());
        std::vector<T> values(m_count);
        if (m_count > 0) std::memcpy(values.data(), staging.data(), m_count * sizeof(T));
        return values;
    }

  private:
    inference::cuda::Memory pinned() const {
        return needed(m_runtime->allocatePinned(m_count * sizeof(T), "a test's array"));
    }

    inference::cuda::Runtime* m_runtime;
    size_t m_count;
    inference::cuda::Memory m_memory;
};

}  // namespace edgechat::testing
