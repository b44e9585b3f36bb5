// Llama 3's tokenizer.model: tiktoken's file of ranks, one token in base64 and its rank per line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "inference/text/tokenizer.h"
#include "inference/text/tokenizer_settings.h"

namespace edgechat::inference {

/// Whether a file's content begins with a line of ranks.
bool looksLikeRanks(std::string_view content);

/// The ranks are the ids from 0 on without gaps, every single byte is among them. Llama 3's 256 special
/// tokens follow, by the names that Hugging Face's files of Llama 3.1 have.
/// @param content   of the file
/// @param fileName  for messages
Result<std::unique_ptr<Tokenizer>> makeRankTokenizer(std::string_view content, const std::string& fileName,
                                                     const TokenizerSettings& settings);

}  // namespace edgechat::inference
