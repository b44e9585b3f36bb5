// The tensors of a Hugging Face folder by their role in the model.
#pragma once

#include "inference/model/checkpoint.h"
#include "inference/model/hf_config.h"
#include "inference/model/hf_quantization.h"
#include "inference/model/shard_index.h"

namespace edgechat::inference {

/// Fills content's tensors, allTensors, quantization and parameters. Every shape is compared with the
/// configuration; a tensor that nothing asks for is refused where it would change what a layer computes.
/// @param folder  for messages about tensors that are in no file
Result<void> mapHfTensors(const HfConfig& config, const StoredWeights& weights,
                          const QuantizationScheme& scheme, const std::string& folder,
                          CheckpointContent& content);

/// What the reader of a folder would find, from its configuration alone: enough to plan memory and a
/// quantization before the weights are here. Its tensors have shapes and types, and no rows to read.
/// @param type  of the tensors that are not quantized
/// @param configName  for messages
Result<CheckpointContent> assumeHfTensors(const HfConfig& config, const QuantizationScheme& scheme,
                                          TensorType type, const std::string& configName);

/// "AWQ INT4 g128", "INT4 g32 (compressed-tensors)", "W8A8 INT8 by row", "BF16": what most elements of the
/// layers' matrices are.
std::string quantizationText(const ModelTensors& tensors, bool awq);

}  // namespace edgechat::inference
