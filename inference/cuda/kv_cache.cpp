#include "inference/cuda/kv_cache.h"

#include <algorithm>

namespace edgechat::inference::cuda {
namespace {

constexpr int kRun = 64;  // KvView::capacity is a multiple

uint64_t aligned(uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

int keptSlots(const ModelConfig& config, int context) {
    int slots = context;
    if (config.slidingWindow > 0) slots = std::min(context, config.slidingWindow - 1 + kCudaBatch);
    return (slots + kRun - 1) / kRun * kRun;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, int context, KvKind kind)
    : m_layers(config.layers), m_capacity(keptSlots(config, context)), m_kind(kind) {
    const auto slots = static_cast<uint64_t>(config.kvHeads) * static_cast<uint64_t>(m_capacity);
    const uint64_t element = kind == KvKind::int8 ? 1 : 2;
    m_elementBytes = aligned(slots * static_cast<uint64_t>(paddedHeadSize(config.headSize)) * element);
    m_scaleBytes = kind == KvKind::int8 ? aligned(slots * 2) : 0;
    m_layerBytes = 2 * (m_elementBytes + m_scaleBytes);
}

Result<void> KvCache::allocate(Runtime& runtime) {
    for (int layer = 0; layer < m_layers; ++layer) {
        Result<Memory> memory = runtime.allocate(m_layerBytes, "the cache of keys and values");
        if (!memory) return memory.error();
        runtime.zero(memory->data(), m_layerBytes);
        m_memory.push_back(std::move(*memory));
    }
    return {};
}

KvView KvCache::layer(int index) const {
    std::byte* data = m_memory[static_cast<size_t>(index)].data();
    KvView view;
    view.keys = data;
    view.values = data + m_elementBytes;
    if (m_kind == KvKind::int8) {
        view.keyScales = reinterpret_cast<uint16_t*>(data + 2 * m_elementBytes);
        view.valueScales = reinterpret_cast<uint16_t*>(data + 2 * m_elementBytes + m_scaleBytes);
    }
    view.capacity = m_capacity;
    return view;
}

}  // namespace edgechat::inference::cuda
