// How Hugging Face's classes name and join the tensors that the engine knows by their role.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "inference/model/checkpoint.h"
#include "quant/output/checkpoint_writer.h"

namespace edgechat::quant {

const char* linearRoleName(LinearRole role);

/// A layer's tensors of a role; null where the layer has none.
const inference::LinearTensors* linearOf(const inference::LayerTensors& layer, LinearRole role);
inline inference::LinearTensors* linearOf(inference::LayerTensors& layer, LinearRole role) {
    return const_cast<inference::LinearTensors*>(linearOf(std::as_const(layer), role));
}

/// One linear module of a layer, made of the matrices of one role or, fused, of three.
struct OutputModule {
    std::string name;  ///< in the layer: "self_attn.q_proj"
    std::vector<LinearRole> roles;
    int64_t rows = 0, columns = 0;
    bool bias = false;
    LinearForm form;
};

/// What the modules of a model are called and which there are; the same for all layers.
struct OutputNames {
    std::string embedding, outputNorm, head;  ///< modules; head is empty when tied
    std::string layers;                       ///< in front of a layer's number
    std::string attentionNorm, mlpNorm;       ///< in the layer; mlpNorm may be empty
    std::string activationScale;              ///< tensor in the layer, or empty
    bool normBias = false;
    std::vector<OutputModule> modules;

    std::string layer(int index) const { return layers + std::to_string(index) + "."; }
};

/// Refuses, by name, forms that the source's shapes or Hugging Face's classes do not allow. A bias that some
/// layers or some modules of a kind lack is there in all of them, because config.json speaks of all at once.
Result<OutputNames> outputNames(const inference::Checkpoint& source, const OutputForm& form);

/// Whether any module is stored as 4-bit codes, which makes the folder an AWQ one.
bool hasKind(const OutputNames& names, LinearForm::Kind kind);

/// Where a row of a module comes from.
struct RowPlace {
    size_t part = 0;  ///< of the module's roles
    int64_t row = 0;  ///< of that role's matrix
};

/// The rows of a module in Hugging Face's order: Falcon's heads in groups, and LLaMA's queries and keys with
/// the halves of a head one behind the other, wherever the source has them next to each other.
std::vector<RowPlace> moduleRows(const inference::ModelConfig& config, const OutputModule& module);

}  // namespace edgechat::quant
