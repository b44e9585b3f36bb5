#include <cmath>
#include <string_view>
#include <unordered_set>

#include "inference/model/end_of_turn.h"
#include "inference/model/gguf_fields.h"
#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

int readId(GgufFields& fields, const char* key, size_t tokens, int fallback) {
    if (!fields.has(key)) return fallback;
    return static_cast<int>(fields.integer(key, 0, tokens - 1));
}

std::string countText(size_t count) {
    return std::to_string(count) + " elements";
}

std::vector<TokenType> readTypes(GgufFields& fields, size_t tokens) {
    constexpr const char* kKey = "tokenizer.ggml.token_type";
    std::vector<TokenType> types;
    const auto* numbers = fields.integers(kKey);
    if (!numbers) return types;
    if (numbers->size() != tokens) {
        fields.fail(kKey, countText(numbers->size()),
                    "one for each of the " + std::to_string(tokens) + " tokens");
        return types;
    }
    types.reserve(tokens);
    for (size_t i = 0; i < tokens; ++i) {
        const int64_t number = (*numbers)[i];
        if (number < 1 || number > 6) {
            fields.fail(kKey, std::to_string(number) + " for token " + std::to_string(i), "1 to 6");
            return types;
        }
        types.push_back(static_cast<TokenType>(number));
    }
    return types;
}

std::vector<float> readScores(GgufFields& fields, size_t tokens, bool required) {
    constexpr const char* kKey = "tokenizer.ggml.scores";
    std::vector<float> scores;
    const auto* numbers = fields.numbers(kKey);
    if (!numbers) {
        if (required) fields.fail(kKey, "no such key", "an array of floats");
        return scores;
    }
    if (numbers->size() != tokens) {
        fields.fail(kKey, countText(numbers->size()),
                    "one for each of the " + std::to_string(tokens) + " tokens");
        return scores;
    }
    scores.reserve(tokens);
    for (size_t i = 0; i < tokens; ++i) {
        // Scores order the merges, and a NaN has no place in an order.
        if (std::isnan((*numbers)[i])) {
            fields.fail(kKey, "NaN for token " + std::to_string(i), "a number");
            return scores;
        }
        scores.push_back(static_cast<float>((*numbers)[i]));
    }
    return scores;
}

void checkTokens(GgufFields& fields, const std::vector<std::string>& tokens) {
    std::unordered_set<std::string_view> seen;
    seen.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (seen.insert(tokens[i]).second) continue;
        return fields.fail(
            "tokenizer.ggml.tokens",
            "\"" + quotedForMessage(tokens[i]) + "\" a second time as token " + std::to_string(i),
            "every token once");
    }
}

void checkMerges(GgufFields& fields, const std::vector<std::string>& merges) {
    for (size_t i = 0; i < merges.size(); ++i) {
        const size_t space = merges[i].find(' ', 1);
        if (!merges[i].empty() && space != std::string::npos && space + 1 < merges[i].size()) continue;
        return fields.fail("tokenizer.ggml.merges",
                           "\"" + quotedForMessage(merges[i]) + "\" as merge " + std::to_string(i),
                           "two parts with a space between them");
    }
}

}  // namespace

Result<TokenizerData> takeVocabulary(GgufContainer& container, const std::string& fileName,
                                     std::vector<std::string>& warnings) {
    GgufFields fields(container, fileName);
    TokenizerData data;
    data.model = fields.text("tokenizer.ggml.model");
    data.preTokenizer = fields.textOr("tokenizer.ggml.pre", "default");
    if (data.model == "gpt2" && !fields.has("tokenizer.ggml.pre")) {
        warnings.push_back(
            "the file does not say how its tokenizer cuts words (tokenizer.ggml.pre); the \"default\" way is "
            "taken, and texts may get other tokens than the model was trained with");
    }
    const auto* tokens = fields.texts("tokenizer.ggml.tokens");
    if (!tokens) fields.fail("tokenizer.ggml.tokens", "no such key", "an array of texts");
    if (fields.ok() && tokens->empty()) fields.fail("tokenizer.ggml.tokens", "0 tokens", "a vocabulary");
    if (!fields.ok()) return fields.error();

    const bool sentencePiece = data.model == "llama";
    checkTokens(fields, *tokens);
    data.types = readTypes(fields, tokens->size());
    data.scores = readScores(fields, tokens->size(), sentencePiece);
    const auto* merges = fields.texts("tokenizer.ggml.merges");
    if (merges) checkMerges(fields, *merges);
    if (!merges && data.model == "gpt2")
        fields.fail("tokenizer.ggml.merges", "no such key", "an array of texts");

    // GGUF's defaults: a SentencePiece vocabulary begins <unk>, <s>, </s>, and wants <s> and a space in
    // front.
    const auto defaultId = [&](int id) {
        return sentencePiece && static_cast<size_t>(id) < tokens->size() ? id : -1;
    };
    data.bos = readId(fields, "tokenizer.ggml.bos_token_id", tokens->size(), defaultId(1));
    data.eos = readId(fields, "tokenizer.ggml.eos_token_id", tokens->size(), defaultId(2));
    data.unknown = readId(fields, "tokenizer.ggml.unknown_token_id", tokens->size(), defaultId(0));
    data.padding = readId(fields, "tokenizer.ggml.padding_token_id", tokens->size(), -1);
    data.addBos = fields.booleanOr("tokenizer.ggml.add_bos_token", sentencePiece);
    data.addSpacePrefix = fields.booleanOr("tokenizer.ggml.add_space_prefix", sentencePiece);
    if (!fields.ok()) return fields.error();

    const auto take = [&container](const char* key) {
        return std::move(std::get<std::vector<std::string>>(container.metadata.find(key)->second.value));
    };
    if (merges) data.merges = take("tokenizer.ggml.merges");
    data.tokens = take("tokenizer.ggml.tokens");
    addEndOfTurn(data, readId(fields, "tokenizer.ggml.eot_token_id", data.tokens.size(), -1));
    addEndOfTurn(data, readId(fields, "tokenizer.ggml.eom_token_id", data.tokens.size(), -1));
    addEndOfTurnBySpelling(data);
    if (!fields.ok()) return fields.error();
    return data;
}

}  // namespace edgechat::inference
