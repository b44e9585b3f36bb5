// All layers' keys and values on the device.
#pragma once

#include <cstdint>
#include <vector>

#include "inference/cuda/kv_view.h"
#include "inference/cuda/runtime.h"
#include "inference/model/memory_plan.h"
#include "inference/model/model_config.h"

namespace edgechat::inference::cuda {

constexpr int kCudaBatch = 256;  ///< most tokens that go through the layers together

class KvCache {
  public:
    KvCache() = default;
    /// @param context  tokens that it holds; with a sliding window fewer are kept
    KvCache(const ModelConfig& config, int context, KvKind kind);

    /// Takes memory, a piece for each layer's keys and values, all zeros.
    Result<void> allocate(Runtime& runtime);
    int capacity() const { return m_capacity; }  ///< positions that are kept
    uint64_t bytes() const { return m_layerBytes * static_cast<uint64_t>(m_layers); }
    KvView layer(int index) const;

  private:
    int m_layers = 0, m_capacity = 0;
    KvKind m_kind = KvKind::fp16;
    uint64_t m_elementBytes = 0;  // of all heads' keys, or values
    uint64_t m_scaleBytes = 0;
    uint64_t m_layerBytes = 0;
    std::vector<Memory> m_memory;
};

}  // namespace edgechat::inference::cuda
