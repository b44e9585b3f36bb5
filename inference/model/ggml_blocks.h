// ggml's block types, as GGUF files store them: 32 or 256 consecutive elements of a row share scales. Little
// endian; d, m and dmin are fp16. Layouts in the order of their bytes:
//   Q4_0  32   d, qs[16]                         d (q - 8)
//   Q4_1  32   d, m, qs[16]                      d q + m
//   Q5_0  32   d, qh u32, qs[16]                 d (q - 16)
//   Q5_1  32   d, m, qh u32, qs[16]              d q + m
//   Q8_0  32   d, qs i8[32]                      d q
//   Q2_K  256  scales[16], qs[64], d, dmin       d sc q - dmin m, sc and m of 4 bits for each 16 elements
//   Q3_K  256  hmask[32], qs[64], scales[12], d  d (sc - 32) (q - 4), sc of 6 bits for each 16
//   Q4_K  256  d, dmin, scales[12], qs[128]      d sc q - dmin m, sc and m of 6 bits for each 32
//   Q5_K  256  d, dmin, scales[12], qh[32], qs[128]   as Q4_K, with a fifth bit of q in qh
//   Q6_K  256  ql[128], qh[64], scales i8[16], d      d sc (q - 32), sc for each 16
#pragma once

#include <cstdint>

#include "inference/model/tensor.h"

namespace edgechat::inference {

/// Where a block keeps its fp16 scales: `scales` of them from byte `scalesAt` on.
struct BlockLayout {
    int elements;
    int bytes;
    int scalesAt;
    int scales;
};

/// Of a ggml block type; of the float types a block is one element and has no scale.
/// @pre type is not int4 or int8
const BlockLayout& blockLayout(TensorType type);

/// Expands `count` blocks of a ggml block type to fp32.
void dequantizeBlocks(TensorType type, const uint8_t* blocks, int64_t count, float* out);

}  // namespace edgechat::inference
