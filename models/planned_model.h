// A model that is not here yet, as far as its configuration and the sizes of its files tell.
#pragma once

#include <QByteArray>
#include <QStringList>
#include <cstdint>
#include <memory>
#include <optional>

#include "inference/model/checkpoint.h"
#include "inference/result.h"
#include "models/repository_files.h"
#include "quant/recipe.h"

namespace edgechat::models {

/// Bytes of the files, and tensors with shapes and types but no rows. A value; cheap to copy.
struct PlannedModel {
    /// What would be loaded: after the quantization if there is one, else as it is fetched. Of a GGUF file
    /// its configuration alone; null where that is not known either.
    std::shared_ptr<const inference::Checkpoint> loaded;
    /// Bytes of weights that the tensors of `loaded` do not account for: all of a GGUF file's.
    uint64_t otherWeights = 0;
    bool exact = true;  ///< `loaded` and `otherWeights` are what the engine will hold, to the byte

    uint64_t sourceBytes = 0;  ///< of all files to be fetched
    /// Most of them that are on the disk at once where each shard goes when the quantizer has used it; 0:
    /// there is nothing to gain, or no quantization.
    uint64_t sourceAtOnce = 0;
    bool quantizes = false;     ///< EdgeChat makes another checkpoint of it
    uint64_t outputBytes = 0;   ///< of that checkpoint: weights and companions
    uint64_t workBytes = 0;     ///< of files beside it while it is made
    uint64_t memoryToMake = 0;  ///< largest resident size of the quantizer
    QStringList notes;          ///< sentences for a person about what is odd or only estimated
};

/// What config.json and the files' sizes say about a model. Pure; less than a millisecond on a PC for a model
/// of 32 layers, most of it for the quantizer's plan. Any thread, the one of the window too.
/// @param files        one of modelsOf(); sizes of 0 are unknown, and left out of checks
/// @param config       config.json; may be empty for a GGUF file
/// @param quantConfig  quant_config.json of old AWQ repositories, or empty
/// @param recipe       how EdgeChat is to quantize it; nothing: it runs as it is. A model that is quantized
///                     already and a GGUF file run as they are in any case
/// @return an Error that names file and field for what the engine does not run, ErrorCode::doesNotFit where
///         the quantizer's memory limit is too small
Result<PlannedModel> planModel(const ModelFiles& files, const QByteArray& config,
                               const QByteArray& quantConfig, const std::optional<quant::Recipe>& recipe);

}  // namespace edgechat::models
