// Quantizes small models by rounding, writes them, and says what the result must compute.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "inference/model/checkpoint.h"
#include "quant/output/checkpoint_writer.h"

namespace edgechat::testing {

/// Every linear in one form. Groups are as large as the inputs allow, up to `groupSize`; a linear whose
/// outputs are no multiple of 8 stays dense.
quant::OutputForm formOf(const inference::Checkpoint& source, quant::LinearForm::Kind kind,
                         int groupSize = 32);

/// A layer of the source in that form: plain rounding to the nearest code between each group's least and
/// largest weight.
quant::OutputLayer roundedLayer(const inference::Checkpoint& source, int index,
                                const quant::OutputForm& form);

/// Makes the folder from begin to end.
Result<void> writeModel(const inference::Checkpoint& source, const std::filesystem::path& folder,
                        const quant::OutputForm& form, uint64_t shardBytes = quant::kShardBytes);

/// The source with its linears replaced by the values that their rounded codes stand for, and everything else
/// rounded to fp16.
std::unique_ptr<inference::Checkpoint> dequantized(const inference::Checkpoint& source,
                                                   const quant::OutputForm& form);

/// [tokens, vocab] of the reference backend; empty where it fails.
std::vector<float> logitsOf(std::unique_ptr<inference::Checkpoint> checkpoint, const std::vector<int>& ids);
/// The same of a model on disk.
std::vector<float> logitsOf(const std::filesystem::path& path, const std::vector<int>& ids);

/// As many ids as asked for, all over the vocabulary.
std::vector<int> someIds(const inference::Checkpoint& source, int count);

}  // namespace edgechat::testing
