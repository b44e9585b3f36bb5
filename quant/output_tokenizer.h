// The files of a written model's tokenizer and chat template.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "inference/model/checkpoint.h"
#include "inference/result.h"

namespace edgechat::quant {

/// The files that a GGUF file's tokenizer and chat template become, by name. Refuses a tokenizer that
/// tokenizer.json could not say.
Result<std::map<std::string, std::string>> tokenizerFiles(const inference::Checkpoint& source);

/// Puts them into the folder: of a folder the same files, byte for byte, with its licence; of a GGUF file
/// tokenizerFiles(). Files of an other tokenizer that the folder may hold are removed.
Result<void> writeTokenizer(const inference::Checkpoint& source, const std::filesystem::path& folder);

}  // namespace edgechat::quant
