// What the small files of a model folder say about its tokenizer, and how that completes a vocabulary.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/result.h"
#include "inference/text/added_tokens.h"
#include "inference/text/json_node.h"

namespace edgechat::inference {

/// Most ids that a vocabulary may have; the largest known has 262,144.
constexpr int kMostTokens = 1 << 20;

struct TokenizerSettings {
    /// Token ids of generation_config.json or config.json. They are not always those of the tokenizer.
    struct ModelIds {
        int bos = -1, padding = -1;
        std::vector<int> eos;
    };
    std::vector<AddedToken> added;            ///< with their ids, from the file that says most about them
    std::string bos, eos, unknown, padding;   ///< spellings, empty where none is named
    std::vector<std::string> furtherSpecial;  ///< spellings of control tokens
    std::optional<bool> addBos;
    std::string tokenizerClass;      ///< "LlamaTokenizer"
    std::vector<ModelIds> modelIds;  ///< of generation_config.json, then config.json
};

/// Reads tokenizer_config.json, special_tokens_map.json, added_tokens.json, generation_config.json and
/// config.json, as far as they are there. A spelling comes from the first of them that has it, in this order.
Result<TokenizerSettings> readTokenizerSettings(const std::filesystem::path& folder);

/// An element of tokenizer.json's added_tokens or of tokenizer_config.json's added_tokens_decoder.
/// @param id  where the id does not stand in the element itself
AddedToken readAddedToken(const JsonNode& node, std::optional<int> id);

/// Completes a vocabulary that a tokenizer file began:
/// - Added tokens get their places (a spelling that the vocabulary has keeps its id) and their types: special
///   ones are control tokens, others user-defined. What a file names as bos, eos or padding, and what ends
///   answers by its spelling, is a control token whatever its flag says.
/// - bos, eos, unknown and padding are the named ones, else those that `data` came with. The ids of
///   generation_config.json and config.json count only if their eos agrees with that: some are of another
///   model.
/// - addBos is add_bos_token, else true for LLaMA's tokenizer class, else what `data` came with.
/// @param added    of the tokenizer file; the settings' win where both have a spelling
/// @param problems where a contradiction is reported
/// @return  every token that is to be found in text
std::vector<AddedToken> completeVocabulary(TokenizerData& data, std::vector<AddedToken> added,
                                           const TokenizerSettings& settings, JsonProblems& problems);

}  // namespace edgechat::inference
