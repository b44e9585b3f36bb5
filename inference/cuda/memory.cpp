#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

Memory& Memory::operator=(Memory&& other) noexcept {
    std::swap(m_runtime, other.m_runtime);
    std::swap(m_data, other.m_data);
    std::swap(m_bytes, other.m_bytes);
    std::swap(m_pinned, other.m_pinned);
    return *this;
}

Memory::~Memory() {
    if (m_data != nullptr) m_runtime->release(m_data, m_pinned);
}

}  // namespace edgechat::inference::cuda
