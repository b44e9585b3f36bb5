// What a GGUF container means: its keys and tensors as the engine's own types. The architectures are rows of
// a table; nothing else knows them by name.
#pragma once

#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/gguf_fields.h"
#include "inference/model/gguf_parts.h"

namespace edgechat::inference {

/// What a value of general.architecture stands for beyond the numbers in the metadata.
struct GgufArchitecture {
    const char* name;  ///< also the first segment of its keys
    NormKind norm;
    const char* normEpsilonKey;  ///< behind the name
    Activation activation;
    bool gatedMlp;
    bool parallelResidual;
    bool fusedQkv;        ///< attn_qkv holds the rows of all queries, all keys, all values
    RopePairs ropePairs;  ///< adjacent where the converter has reordered the rows of Q and K for it
    /// What tensor_data_layout must say where the file has it; null: anything.
    const char* tensorLayout;

    /// "llama.rope.freq_base"
    std::string key(const char* rest) const { return std::string(name) + "." + rest; }
};

/// The row for general.architecture; null, with the error in `fields`, when this engine does not run it.
const GgufArchitecture* findArchitecture(GgufFields& fields);

/// Everything of the configuration that the metadata says: all but the head's tie, the RoPE divisors,
/// quantization and parameters.
/// @param tensors  how many the file has: there are not more layers than that
void readGgufConfig(const GgufArchitecture& architecture, GgufFields& fields, size_t tensors,
                    ModelConfig& config);
/// How RoPE is stretched; `config` has its context.
void readRopeScaling(const GgufArchitecture& architecture, GgufFields& fields, ModelConfig& config);

struct GgufTensors {
    ModelTensors byRole;
    std::vector<TensorInfo> inFileOrder;
    std::optional<TensorInfo> ropeDivisors;  ///< [headSize / 2]
};

/// Finds every tensor that the configuration implies and compares its shape. A tensor that is left over is an
/// error.
GgufTensors mapTensors(const GgufArchitecture& architecture, const ModelConfig& config,
                       const GgufParts& parts, GgufFields& fields);

/// Configuration and tensors of a model, checked against each other.
/// @param fileName  for messages
Result<CheckpointContent> mapGgufModel(const GgufParts& parts, const std::string& fileName);

/// The tokenizer's part of the metadata, checked. Moves the large arrays out of the container.
/// @param warnings  gets sentences about what the file leaves open
Result<TokenizerData> takeVocabulary(GgufContainer& container, const std::string& fileName,
                                     std::vector<std::string>& warnings);

}  // namespace edgechat::inference
