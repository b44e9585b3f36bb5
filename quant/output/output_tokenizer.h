// The files of a written model's tokenizer and chat template.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/result.h"

namespace edgechat::quant {

/// The files that a GGUF file's tokenizer and chat template become, by name. Refuses a tokenizer that
/// tokenizer.json could not say.
Result<std::map<std::string, std::string>> tokenizerFiles(const inference::Checkpoint& source);

/// The files of a folder's tokenizer, chat template and licence, as far as they are there.
std::vector<std::string> filesToCopy(const std::filesystem::path& source);

/// Puts the tokenizer into the folder, and removes files of another one that it may hold.
/// @param copied  filesToCopy() of a folder source when the work began: one that has gone is an error. They
///                are copied byte for byte; of a GGUF file tokenizerFiles() are written instead.
Result<void> writeTokenizer(const inference::Checkpoint& source, const std::vector<std::string>& copied,
                            const std::filesystem::path& folder);

}  // namespace edgechat::quant
