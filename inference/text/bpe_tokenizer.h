// Byte-pair encoding by ranked merges: GPT-2's byte-level kind, and the kind that Hugging Face writes for
// SentencePiece vocabularies. GGUF files, tokenizer.json and tiktoken's rank files all end here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/text/added_tokens.h"
#include "inference/text/normalizer.h"
#include "inference/text/pre_tokenizer.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

/// What bytes a token stands for.
struct TokenDecoding {
    bool byteLevel = false;                     ///< tokens are spelled in the byte alphabet
    bool byteFallback = false;                  ///< a token "<0xNN>" is that byte
    std::vector<ReplaceTextStep> replacements;  ///< in tokens that are not byte level
    bool dropsFirstSpace = false;
};

/// How text becomes tokens, besides the vocabulary itself.
struct BpeRules {
    std::vector<NormalizerStep> normalizer;
    PreTokenizer preTokenizer;
    TokenDecoding decoding;
    bool ignoreMerges = false;  ///< a word that is a token is that token
    bool byteFallback = false;  ///< a character without a token is written as its bytes' tokens "<0xNN>"
    bool fuseUnknown = false;   ///< neighbouring unknown characters make one unknown token
    bool mergesByRank = false;  ///< no list of merges: whatever joins to a token may, the lowest id first
    std::vector<AddedToken> added;
};

/// A pair of tokens that may be joined.
using BpeMerge = std::pair<std::string_view, std::string_view>;

/// @param data    the vocabulary with its types; its `merges` are not read
/// @param merges  best first; each part and the joined token are in the vocabulary
/// @param file, field  for the message about a merge that is not
Result<std::unique_ptr<Tokenizer>> makeBpe(TokenizerData data, BpeRules rules,
                                           const std::vector<BpeMerge>& merges, const std::string& file,
                                           const std::string& field);

/// The byte-level BPE of a GGUF file ("gpt2").
Result<std::unique_ptr<Tokenizer>> makeByteLevelBpe(TokenizerData data, const std::string& file);

}  // namespace edgechat::inference
