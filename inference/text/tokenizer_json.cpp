#include "inference/text/tokenizer_json.h"

#include <optional>

#include "inference/text/bpe_tokenizer.h"
#include "inference/text/tokenizer_json_parts.h"

namespace edgechat::inference {

namespace {

constexpr const char* kWhat = "cannot read the tokenizer";
constexpr size_t kLongestMerge = 4096;  // bytes

void checkModel(const JsonNode& model) {
    if (!model.requireObject()) return;
    // Files of before 2021 do not name the type of a model with merges.
    const std::string type =
        model["type"].absent() && !model["merges"].absent() ? "BPE" : model["type"].text();
    if (type != "BPE") {
        model["type"].wrong("\"BPE\", which all LLaMA, Mistral and Falcon models have");
        return;
    }
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
        const JsonNode option = model[key];
        if (!option.absent() && !(option.isText() && option.text().empty())) option.wrong("null");
    }
}

// Ids may leave gaps, which added tokens fill or nothing does.
void readVocabulary(const JsonNode& vocabulary, bool byteFallback, TokenizerData& data) {
    if (!vocabulary.requireObject()) return;
    for (const auto& [token, value] : vocabulary.value().items()) {
        const JsonNode node(&value, vocabulary.path() + "[\"" + quotedForMessage(token) + "\"]",
                            vocabulary.problems());
        const auto id = static_cast<size_t>(node.integer(0, kMostTokens - 1));
        if (id >= data.tokens.size()) data.tokens.resize(id + 1);
        if (token.empty()) continue;
        if (!data.tokens[id].empty()) {
            node.problems().report(
                node.path(),
                std::to_string(id) + ", which is \"" + quotedForMessage(data.tokens[id]) + "\" already",
                "every id once");
        }
        if (!node.problems().ok()) return;
        data.tokens[id] = token;
    }
    data.types.reserve(data.tokens.size());
    for (const std::string& token : data.tokens) {
        const bool byte = byteFallback && byteOfSpelling(token) >= 0;
        data.types.push_back(token.empty() ? TokenType::unused : byte ? TokenType::byte : TokenType::normal);
    }
}

// "a b". A token may have a space in it, though Hugging Face's own files write such merges as arrays: then
// both sides must be tokens.
std::optional<BpeMerge> readMergeText(std::string_view line, const nlohmann::json& vocabulary) {
    const auto isToken = [&vocabulary](std::string_view text) {
        return vocabulary.find(std::string(text)) != vocabulary.end();
    };
    const size_t first = line.find(' ');
    if (first == std::string_view::npos || line.size() > kLongestMerge) return {};
    for (size_t at = first; at != std::string_view::npos; at = line.find(' ', at + 1)) {
        const BpeMerge merge = {line.substr(0, at), line.substr(at + 1)};
        const bool only = at == first && line.find(' ', at + 1) == std::string_view::npos;
        if (only || (isToken(merge.first) && isToken(merge.second))) return merge;
    }
    return {};
}

// Views into the file's texts: "a b", or ["a", "b"] in files of 2024 and later.
std::vector<BpeMerge> readMerges(const JsonNode& merges, const JsonNode& vocabulary) {
    std::vector<BpeMerge> pairs;
    if (!merges.requireArray() || !vocabulary.isObject()) return pairs;
    pairs.reserve(merges.size());
    for (const nlohmann::json& merge : merges.value()) {
        std::optional<BpeMerge> pair;
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            pair = BpeMerge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>());
        } else if (merge.is_string()) {
            pair = readMergeText(merge.get_ref<const std::string&>(), vocabulary.value());
        }
        if (!pair) {
            merges[pairs.size()].wrong("two tokens, \"a b\" or [\"a\", \"b\"]");
            return pairs;
        }
        pairs.push_back(*pair);
    }
    return pairs;
}

int findToken(const TokenizerData& data, const JsonNode& node) {
    if (node.absent()) return -1;
    const std::string spelling = node.text();
    for (size_t i = 0; i < data.tokens.size(); ++i) {
        if (data.tokens[i] == spelling && !spelling.empty()) return static_cast<int>(i);
    }
    node.wrong("a token of the vocabulary");
    return -1;
}

std::vector<AddedToken> readAdded(const JsonNode& list) {
    std::vector<AddedToken> added;
    if (list.absent() || !list.requireArray()) return added;
    for (size_t i = 0; i < list.size() && list.problems().ok(); ++i) {
        added.push_back(readAddedToken(list[i], {}));
    }
    return added;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> makeJsonTokenizer(const nlohmann::json& json, const std::string& fileName,
                                                     const TokenizerSettings& settings) {
    JsonProblems problems(kWhat, fileName);
    const JsonNode root(&json, "", problems);
    const JsonNode model = root["model"];
    checkModel(model);
    if (!problems.ok()) return problems.error();

    BpeRules rules;
    rules.ignoreMerges = model["ignore_merges"].booleanOr(false);
    rules.byteFallback = model["byte_fallback"].booleanOr(false);
    rules.fuseUnknown = model["fuse_unk"].booleanOr(false);
    rules.normalizer = readNormalizer(root["normalizer"]);
    rules.preTokenizer = readPreTokenizer(root["pre_tokenizer"]);
    rules.decoding = readDecoder(root["decoder"], rules.preTokenizer.byteLevel());
    if (!problems.ok()) return problems.error();

    TokenizerData data;
    data.model = "bpe";
    readVocabulary(model["vocab"], rules.byteFallback, data);
    const std::vector<BpeMerge> merges = readMerges(model["merges"], model["vocab"]);
    data.unknown = findToken(data, model["unk_token"]);
    std::vector<AddedToken> added = readAdded(root["added_tokens"]);
    const int first = readFirstToken(root["post_processor"]);
    if (!problems.ok()) return problems.error();

    // The token that stands in front of every text is the beginning of a sequence.
    for (const AddedToken& token : added) {
        if (first >= 0 && token.id == first && token.special) data.bos = first;
    }
    data.addBos = data.bos >= 0;
    rules.added = completeVocabulary(data, std::move(added), settings, problems);
    if (problems.ok() && data.tokens.empty()) {
        problems.report("model.vocab", "0 tokens", "a vocabulary");
    }
    if (!problems.ok()) return problems.error();
    return makeBpe(std::move(data), std::move(rules), merges, fileName, "model.merges");
}

Result<std::vector<AddedToken>> readAddedTokensOf(const nlohmann::json& json, const std::string& fileName) {
    JsonProblems problems(kWhat, fileName);
    std::vector<AddedToken> added = readAdded(JsonNode(&json, "", problems)["added_tokens"]);
    if (!problems.ok()) return problems.error();
    return added;
}

}  // namespace edgechat::inference
