// What a quantization will take and make, decided from the source's configuration before any work.
#pragma once

#include <map>

#include "quant/calibration.h"
#include "quant/input_statistics.h"
#include "quant/output/checkpoint_writer.h"
#include "quant/recipe.h"

namespace edgechat::quant {

constexpr uint64_t kDefaultMemoryLimit = 2'500'000'000;  ///< bytes resident

struct Plan {
    OutputForm form;
    std::map<InputSite, int> blocks;  ///< parts of each Gram matrix, more where memory is short
    uint64_t memoryBytes = 0;         ///< estimate of the largest resident size
    uint64_t outputBytes = 0;         ///< of the weights files
    uint64_t workBytes = 0;           ///< of files that are deleted at the end
    std::vector<std::string> warnings;
};

/// Windows for a model of this size where the recipe does not say.
int64_t defaultSamples(const inference::ModelConfig& config);

/// In which form each linear layer is written. ErrorCode::badInput when the group size that was asked for
/// divides the inputs of none of them.
Result<OutputForm> chooseForm(const inference::Checkpoint& source, const Recipe& recipe,
                              std::vector<std::string>& warnings);

/// @param threads  each takes some memory of its own
/// @return ErrorCode::doesNotFit with the smallest limit that works when `memoryLimit` is below it
Result<Plan> makePlan(const inference::Checkpoint& source, const Recipe& recipe, int64_t windows, int window,
                      int threads, uint64_t memoryLimit);

}  // namespace edgechat::quant
