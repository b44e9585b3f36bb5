// A runtime that passes every call on to another: for those that change one.
#pragma once

#include <memory>
#include <utility>

#include "inference/cuda/runtime.h"

namespace edgechat::testing {

class ForwardingRuntime : public inference::cuda::Runtime {
  public:
    explicit ForwardingRuntime(std::unique_ptr<inference::cuda::Runtime> inner) : m_inner(std::move(inner)) {}

    const inference::cuda::DeviceProperties& properties() const override { return m_inner->properties(); }
    uint64_t freeMemory() const override { return m_inner->freeMemory(); }
    Result<inference::cuda::Memory> allocate(uint64_t bytes, const char* what) override {
        return m_inner->allocate(bytes, what);
    }
    Result<inference::cuda::Memory> allocatePinned(uint64_t bytes, const char* what) override {
        return m_inner->allocatePinned(bytes, what);
    }
    void release(void* data, bool pinned) override { m_inner->release(data, pinned); }
    void copyToDevice(void* to, const void* from, uint64_t bytes) override {
        m_inner->copyToDevice(to, from, bytes);
    }
    void copyFromDevice(void* to, const void* from, uint64_t bytes) override {
        m_inner->copyFromDevice(to, from, bytes);
    }
    void zero(void* data, uint64_t bytes) override { m_inner->zero(data, bytes); }
    Result<void> synchronize() override { return m_inner->synchronize(); }
    void mark(int index) override { m_inner->mark(index); }
    void waitForMark(int index) override { m_inner->waitForMark(index); }
    Result<std::unique_ptr<Recording>> record(const std::function<void()>& launches) override {
        return m_inner->record(launches);
    }
    void replay(Recording& recording) override { m_inner->replay(recording); }
    double secondsOf(const std::function<void()>& launches) override { return m_inner->secondsOf(launches); }
    void* stream() const override { return m_inner->stream(); }

  protected:
    const std::unique_ptr<inference::cuda::Runtime> m_inner;
};

}  // namespace edgechat::testing
