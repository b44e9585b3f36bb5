// The time of every kernel inside the real backend: a runtime that marks the stream before each launch, and a
// backend that says which operation the launches belong to.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "inference/backend.h"
#include "inference/cuda/runtime.h"
#include "tests/gpu/bench_device.h"
#include "tests/inference/cuda/forwarding_runtime.h"

namespace edgechat::gpu {

/// Another runtime, with a mark before every launch while it is timing. A kernel's time runs to the next
/// launch or to the end of what was started together, so that it holds the microsecond between two kernels
/// too. What lies between two synchronize() is started while the stream is held: the processor takes longer
/// to start a kernel than a fast device to run it.
class TimedRuntime final : public testing::ForwardingRuntime {
  public:
    explicit TimedRuntime(std::unique_ptr<inference::cuda::Runtime> inner)
        : ForwardingRuntime(std::move(inner)), m_clock(*m_inner) {}

    /// Every launch asks for the stream once, just before it starts (launch.h).
    void* stream() const override;
    void copyFromDevice(void* to, const void* from, uint64_t bytes) override;
    Result<void> synchronize() override;

    void startTiming() { m_timing = true; }
    /// Adds what was measured since startTiming() to `times`.
    struct Kernel {
        double seconds = 0;
        int launches = 0;
    };
    void stopTiming(std::map<std::string, Kernel>& times);
    void setLabel(const char* label) { m_label = label; }

  private:
    static constexpr const char* kNoKernel = nullptr;  // the label of what is not counted

    void mark(const char* label) const;
    void letGo();

    bool m_timing = false;
    const char* m_label = "";
    mutable StreamClock m_clock;
    mutable std::vector<const char*> m_labels;
    mutable bool m_held = false;
};

/// Another backend's operations one by one, never as one recorded piece.
class LabelledBackend final : public inference::Backend {
  public:
    LabelledBackend(inference::Backend& inner, TimedRuntime& runtime) : m_inner(inner), m_runtime(runtime) {}

    int maxBatch() const override { return m_inner.maxBatch(); }
    uint64_t weightBytes() const override { return m_inner.weightBytes(); }
    uint64_t bytesPerToken() const override { return m_inner.bytesPerToken(); }
    int threads() const override { return m_inner.threads(); }
    int reusable(int tokens) const override { return m_inner.reusable(tokens); }
    Result<void> status() const override { return m_inner.status(); }

    void embed(std::span<const int> tokens, int start) override { at("embed").embed(tokens, start); }
    void norm(int layer, inference::NormRole role) override { at("norm").norm(layer, role); }
    void queryKeyValue(int layer) override { at("queries, keys, values").queryKeyValue(layer); }
    void attend(int layer) override { at("attention").attend(layer); }
    void project(int layer) override { at("output").project(layer); }
    void mlpUp(int layer) override { at("up").mlpUp(layer); }
    void mlpDown(int layer) override { at("down").mlpDown(layer); }
    void head(int count, float* logits) override { at("head").head(count, logits); }

  private:
    inference::Backend& at(const char* label) {
        m_runtime.setLabel(label);
        return m_inner;
    }

    inference::Backend& m_inner;
    TimedRuntime& m_runtime;
};

}  // namespace edgechat::gpu
