// Keys and values of all layers, in the layout that the attention kernels read (KvView). Memory is taken as
// positions are written, not when the cache is made.
#pragma once

#include "inference/cpu/aligned_buffer.h"
#include "inference/cpu/kernels.h"
#include "inference/model/memory_plan.h"

namespace edgechat::inference::cpu {

class KvCache {
  public:
    /// `capacity` in tokens is rounded up to a whole block of keys.
    KvCache(const ModelConfig& config, int capacity, KvKind kind);

    bool allocated() const { return m_buffer.data() != nullptr; }
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
