// Rows of TensorType::int8 out of what compressed-tensors "int-quantized" stores: the form of W8A8 that
// llm-compressor writes. N outputs are the rows, K inputs the columns.
#pragma once

#include <memory>

#include "inference/model/row_source.h"
#include "inference/model/safetensors.h"

namespace edgechat::inference {

/// Puts rows {f32 scale; i8 codes[K]} together and refuses a scale that is not a finite number above zero.
/// Takes about as much memory as the rows that are asked for.
/// @param codes   I8 [N, K], as checked
/// @param scales  F32, F16 or BF16 [N, 1] or [N], as checked
std::shared_ptr<const RowSource> int8Rows(StoredTensor codes, StoredTensor scales);

}  // namespace edgechat::inference
