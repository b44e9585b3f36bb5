// A GGUF file's vocabulary in the two forms that Hugging Face's tokenizers and SentencePiece read.
#pragma once

#include <optional>
#include <string>

#include "inference/model/checkpoint.h"
#include "inference/result.h"

namespace edgechat::quant {

/// tokenizer.json: byte-level BPE with the pre-tokenizer of its GGUF name, or BPE with byte fallback and the
/// merges that a SentencePiece vocabulary's scores imply. Refuses what neither can say.
/// @param file  the GGUF file, for messages
Result<std::string> tokenizerJson(const inference::TokenizerData& data, const std::string& file);

/// tokenizer.model: a SentencePiece vocabulary as such. It says exactly what the GGUF file says, where merges
/// say it as far as no two pieces have one score; so readers that have the choice take this. None where
/// SentencePiece's library would not read it, or would put a space in front of text that has none.
std::optional<std::string> sentencePieceModel(const inference::TokenizerData& data);

}  // namespace edgechat::quant
