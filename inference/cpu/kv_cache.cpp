#include "inference/cpu/kv_cache.h"

namespace edgechat::inference::cpu {
namespace {

size_t roundUp(size_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, int context, KvKind kind)
    : m_kind(kind),
      m_kvHeads(config.kvHeads),
      m_headSize(config.headSize),
      m_capacity(keptPositions(config, context)) {
    const size_t tokens = static_cast<size_t>(m_kvHeads) * m_capacity;
    m_values = roundUp(tokens * m_headSize * elementBytes());
    m_keyScales = m_values + roundUp(tokens * paddedHead(m_headSize) * elementBytes());
    const size_t scaleBytes = kind == KvKind::int8 ? roundUp(tokens * 2) : 0;
    m_valueScales = m_keyScales + scaleBytes;
    m_layerBytes = m_valueScales + scaleBytes;
    m_buffer = AlignedBuffer(m_layerBytes * static_cast<size_t>(config.layers), AlignedBuffer::Pages::small);
}

KvView KvCache::view(int layer) const {
    const size_t base = m_layerBytes * static_cast<size_t>(layer);
    KvView view;
    view.keys = m_buffer.data() + base;
    view.values = m_buffer.data() + base + m_values;
    if (m_kind == KvKind::int8) {
        view.keyScales = m_buffer.as<uint16_t>(base + m_keyScales);
        view.valueScales = m_buffer.as<uint16_t>(base + m_valueScales);
    }
    view.capacity = m_capacity;
    return view;
}

KvSlot KvCache::slot(int layer, int kvHead, int position) const {
    position %= m_capacity;
    const size_t base = m_layerBytes * static_cast<size_t>(layer);
    const size_t head = static_cast<size_t>(kvHead) * m_capacity;
    const size_t block = (head + position / kKeyBlock * kKeyBlock) * m_headSize;
    KvSlot slot;
    slot.keys = m_buffer.data() + base + (block + position % kKeyBlock) * elementBytes();
    slot.values =
        m_buffer.data() + base + m_values + (head + position) * paddedHead(m_headSize) * elementBytes();
    if (m_kind == KvKind::int8) {
        slot.keyScale = m_buffer.as<uint16_t>(base + m_keyScales) + head + position;
        slot.valueScale = m_buffer.as<uint16_t>(base + m_valueScales) + head + position;
    }
    return slot;
}

}  // namespace edgechat::inference::cpu
