// Keys and values of all layers, in the layout that the attention kernels read (KvView). Memory is taken as
// positions are written, not when the cache is made. With a sliding window it is a ring: position p lies at
// p % capacity, and what no token can see any more is overwritten.
#pragma once

#include "inference/aligned_buffer.h"
#include "inference/cpu/kernels.h"
#include "inference/model/memory_plan.h"

namespace edgechat::inference::cpu {

class KvCache {
  public:
    /// Has room for keptPositions(config, context).
    KvCache(const ModelConfig& config, int context, KvKind kind);

    bool allocated() const { return m_buffer.data() != nullptr; }
    int capacity() const { return m_capacity; }
    uint64_t bytes() const { return m_buffer.bytes(); }
    KvView view(int layer) const;
    KvSlot slot(int layer, int kvHead, int position) const;

  private:
    size_t elementBytes() const { return m_kind == KvKind::int8 ? 1 : 2; }

    KvKind m_kind;
    int m_kvHeads, m_headSize, m_capacity;
    // Offsets inside a layer, in bytes.
    size_t m_values, m_keyScales, m_valueScales, m_layerBytes;
    AlignedBuffer m_buffer;
};

}  // namespace edgechat::inference::cpu
