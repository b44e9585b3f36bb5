// One layer's keys and values on the device.
#pragma once

#include <cstdint>

namespace edgechat::inference::cuda {

/// A head takes 64, 128 or 256 elements of the cache; those past its size are zeros.
constexpr int paddedHeadSize(int headSize) {
    return headSize <= 64 ? 64 : headSize <= 128 ? 128 : 256;
}
constexpr int kMostHeadSize = 256;

/// Plain data. A position p is kept in slot p % capacity. With scales the elements are int8, worth scale *
/// element; without, fp16.
struct KvView {
    void* keys = nullptr;             ///< [kvHeads][capacity][paddedHeadSize]
    void* values = nullptr;           ///< [kvHeads][capacity][paddedHeadSize]
    uint16_t* keyScales = nullptr;    ///< [kvHeads][capacity] fp16, or null
    uint16_t* valueScales = nullptr;  ///< [kvHeads][capacity] fp16, or null
    int capacity = 0;                 ///< slots of a head, a multiple of 64
};

}  // namespace edgechat::inference::cuda
