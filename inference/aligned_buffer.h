// Page-aligned zeroed memory that the kernel hands out page by page as it is touched.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace edgechat::inference {

class AlignedBuffer {
  public:
    AlignedBuffer() = default;
    enum class Pages { small, large };

    /// `data()` is null if the machine has no such memory. Large pages are asked for, not demanded; they are
    /// for memory that will be written whole.
    AlignedBuffer(size_t bytes, Pages pages) : m_bytes(bytes) {
        if (bytes == 0) return;
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return;
        if (pages == Pages::large) madvise(memory, bytes, MADV_HUGEPAGE);
        m_data = static_cast<std::byte*>(memory);
    }
    ~AlignedBuffer() {
        if (m_data != nullptr) munmap(m_data, m_bytes);
    }
    AlignedBuffer(AlignedBuffer&& other) noexcept { *this = std::move(other); }
    AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
        std::swap(m_data, other.m_data);
        std::swap(m_bytes, other.m_bytes);
        return *this;
    }

    std::byte* data() const { return m_data; }
    size_t bytes() const { return m_bytes; }
    template <class T>
    T* as(size_t offset = 0) const {
        return reinterpret_cast<T*>(m_data + offset);
    }

  private:
    std::byte* m_data = nullptr;
    size_t m_bytes = 0;
};

}  // namespace edgechat::inference
