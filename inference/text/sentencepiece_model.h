// SentencePiece models with the added tokens of a model folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "inference/text/tokenizer_settings.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

constexpr uint64_t kMostSentencePieceBytes = 64u << 20;

/// @param model     the content of a `.model` file
/// @param fileName  for messages
/// @param added     of a tokenizer.json beside it
Result<std::unique_ptr<Tokenizer>> makeSentencePiece(std::string model, const std::string& fileName,
                                                     std::vector<AddedToken> added,
                                                     const TokenizerSettings& settings);

}  // namespace edgechat::inference
