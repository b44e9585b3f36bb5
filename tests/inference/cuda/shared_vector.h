// Vectors that a kernel reads and writes where they lie, on a GPU as on a processor: their memory is the
// processor's and has the same address on the device. After a launch synchronize() comes before a look at
// them.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/inference/cuda/device_vector.h"

namespace edgechat::testing {

template <class T>
class SharedAllocator {
  public:
    using value_type = T;

    SharedAllocator() = default;
    template <class Other>
    SharedAllocator(const SharedAllocator<Other>&) {}

    /// The elements end where the memory ends, as far as kernels' 16 bytes let them: an address sanitizer
    /// sees who reads on.
    T* allocate(size_t count) {
        const size_t bytes = (count * sizeof(T) + 15) / 16 * 16, whole = (bytes + 255) / 256 * 256;
        inference::cuda::Memory memory = needed(sharedRuntime().allocatePinned(whole, "a test's vector"));
        std::byte* const data = memory.data() + (whole - bytes);
        pieces().emplace(data, std::move(memory));
        return reinterpret_cast<T*>(data);
    }
    void deallocate(T* data, size_t) { pieces().erase(reinterpret_cast<std::byte*>(data)); }

    template <class Other>
    bool operator==(const SharedAllocator<Other>&) const {
        return true;
    }

  private:
    static std::unordered_map<std::byte*, inference::cuda::Memory>& pieces() {
        sharedRuntime();  // outlives the pieces
        static std::unordered_map<std::byte*, inference::cuda::Memory> all;
        return all;
    }
};

template <class T>
using SharedVector = std::vector<T, SharedAllocator<T>>;

}  // namespace edgechat::testing
