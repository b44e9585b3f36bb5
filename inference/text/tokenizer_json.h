// Hugging Face's tokenizer.json: a BPE vocabulary that says itself how text is to be cut.
#pragma once

#include <memory>
#include <string_view>

#include <nlohmann/json.hpp>

#include "inference/text/tokenizer.h"
#include "inference/text/tokenizer_settings.h"

namespace edgechat::inference {

/// @param root      the file's content; a model that is no BPE, and components that are not supported, are
///                  refused by name
/// @param fileName  for messages
Result<std::unique_ptr<Tokenizer>> makeJsonTokenizer(const nlohmann::json& root, const std::string& fileName,
                                                     const TokenizerSettings& settings);

/// The added tokens of a tokenizer.json alone.
Result<std::vector<AddedToken>> readAddedTokensOf(const nlohmann::json& root, const std::string& fileName);

}  // namespace edgechat::inference
