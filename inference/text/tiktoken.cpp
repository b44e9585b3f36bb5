#include "inference/text/tiktoken.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "inference/model/gguf.h"
#include "inference/text/bpe_tokenizer.h"
#include "inference/text/byte_alphabet.h"

namespace edgechat::inference {

namespace {

constexpr const char* kWhat = "cannot read the tokenizer";
constexpr size_t kLongestToken = 1024;  // bytes; Llama 3's longest has 128
constexpr int kSpecialTokens = 256;

Error wrongLine(const std::string& fileName, size_t line, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, kWhat, fileName, "line " + std::to_string(line), std::move(found),
                 std::move(expected)};
}

// RFC 4648, section 4, padded; nothing where the text is none.
std::optional<std::string> decodeBase64(std::string_view text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.empty() || text.size() % 4 != 0) return {};
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const size_t digit = i + padding < text.size() ? kDigits.find(text[i]) : 0;
        if (digit == std::string_view::npos) return {};
        bits = (bits << 6) | static_cast<uint32_t>(digit);
        if (i % 4 != 3) continue;
        bytes += static_cast<char>(bits >> 16);
        bytes += static_cast<char>(bits >> 8);
        bytes += static_cast<char>(bits);
        bits = 0;
    }
    bytes.resize(bytes.size() - padding);
    return bytes;
}

struct RankLine {
    std::string bytes;
    int rank = -1;
};

std::optional<RankLine> readLine(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || space > 2 * kLongestToken) return {};
    RankLine result;
    const std::string_view number = line.substr(space + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), result.rank);
    if (error != std::errc() || end != number.data() + number.size()) return {};
    std::optional<std::string> bytes = decodeBase64(line.substr(0, space));
    if (!bytes || bytes->empty() || bytes->size() > kLongestToken) return {};
    result.bytes = std::move(*bytes);
    return result;
}

// Meta's reference and Hugging Face's files agree on the ids that matter; some of the reserved ones have got
// names in other releases.
std::string specialName(int index) {
    constexpr const char* kNames[] = {"<|begin_of_text|>",
                                      "<|end_of_text|>",
                                      "<|reserved_special_token_0|>",
                                      "<|reserved_special_token_1|>",
                                      "<|finetune_right_pad_id|>",
                                      "<|reserved_special_token_2|>",
                                      "<|start_header_id|>",
                                      "<|end_header_id|>",
                                      "<|eom_id|>",
                                      "<|eot_id|>",
                                      "<|python_tag|>"};
    constexpr int kNamed = static_cast<int>(std::size(kNames));
    if (index < kNamed) return kNames[index];
    return "<|reserved_special_token_" + std::to_string(index - kNamed + 3) + "|>";
}

Result<std::vector<std::string>> readRanks(std::string_view content, const std::string& fileName) {
    std::vector<std::string> tokens;
    std::array<bool, 256> bytes{};
    std::unordered_set<std::string> seen;
    while (!content.empty()) {
        const size_t end = std::min(content.find('\n'), content.size());
        const std::string_view text = content.substr(0, end);
        content.remove_prefix(std::min(end + 1, content.size()));
        const size_t number = tokens.size() + 1;
        if (text.empty() && content.empty()) break;
        const std::optional<RankLine> line = readLine(text);
        if (!line) {
            return wrongLine(fileName, number, "\"" + quotedForMessage(text) + "\"",
                             "a token in base64, a space and its rank");
        }
        if (line->rank != static_cast<int>(tokens.size()) || line->rank >= kMostTokens - kSpecialTokens) {
            return wrongLine(fileName, number, "rank " + std::to_string(line->rank),
                             "rank " + std::to_string(tokens.size()));
        }
        std::string spelling = spellingOfBytes(line->bytes);
        if (!seen.insert(spelling).second) {
            return wrongLine(fileName, number, "\"" + quotedForMessage(spelling) + "\" a second time",
                             "every token once");
        }
        if (line->bytes.size() == 1) bytes[static_cast<unsigned char>(line->bytes[0])] = true;
        tokens.push_back(std::move(spelling));
    }
    for (size_t byte = 0; byte < bytes.size(); ++byte) {
        if (bytes[byte]) continue;
        return Error{
            ErrorCode::badInput, kWhat, fileName, "", "no token for the byte " + std::to_string(byte),
            "one for every byte"};
    }
    return tokens;
}

}  // namespace

bool looksLikeRanks(std::string_view content) {
    return readLine(content.substr(0, std::min(content.find('\n'), content.size()))).has_value();
}

Result<std::unique_ptr<Tokenizer>> makeRankTokenizer(std::string_view content, const std::string& fileName,
                                                     const TokenizerSettings& settings) {
    Result<std::vector<std::string>> tokens = readRanks(content, fileName);
    if (!tokens) return tokens.error();
    TokenizerData data;
    data.model = "tiktoken";
    data.tokens = std::move(*tokens);
    std::vector<AddedToken> added;
    const int base = static_cast<int>(data.tokens.size());
    for (int i = 0; i < kSpecialTokens; ++i) {
        // Llama 3.0 gave some of the reserved names to other ids.
        const bool named = std::any_of(
            settings.added.begin(), settings.added.end(),
            [&](const AddedToken& one) { return one.id == base + i || one.content == specialName(i); });
        if (named) continue;
        AddedToken token;
        token.id = base + i;
        token.content = specialName(i);
        token.special = true;
        added.push_back(std::move(token));
    }
    data.bos = base;
    data.eos = base + 1;
    data.addBos = true;

    BpeRules rules;
    rules.preTokenizer = PreTokenizer({llama3Step(), ByteLevelStep{false, false}});
    rules.decoding.byteLevel = true;
    rules.ignoreMerges = rules.mergesByRank = true;
    JsonProblems problems(kWhat, fileName);
    rules.added = completeVocabulary(data, std::move(added), settings, problems);
    if (!problems.ok()) return problems.error();
    return makeBpe(std::move(data), std::move(rules), {}, fileName, "");
}

}  // namespace edgechat::inference
