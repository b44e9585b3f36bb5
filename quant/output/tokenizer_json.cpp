#include "quant/output/tokenizer_json.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "inference/model/gguf.h"
#include "inference/text/utf8.h"

namespace edgechat::quant {

using inference::TokenizerData;
using inference::TokenType;
using nlohmann::ordered_json;

namespace {

constexpr const char* kMark = "\xe2\x96\x81";  // U+2581, SentencePiece's space

Error refusal(const std::string& file, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput,
                 "cannot write the model's tokenizer.json",
                 file,
                 std::move(field),
                 std::move(found),
                 std::move(expected)};
}

ordered_json byteLevel(bool useRegex) {
    return {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", useRegex}};
}

ordered_json split(const char* regex) {
    return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

ordered_json sequence(const char* list, std::vector<ordered_json> parts) {
    return {{"type", "Sequence"}, {list, std::move(parts)}};
}

// The pre-tokenizers of inference/text/pre_tokenizer.cpp as Hugging Face writes them.
struct Named {
    std::vector<const char*> names;
    ordered_json (*json)();
    bool ignoreMerges;
};

const std::vector<Named>& namedPreTokenizers() {
    static const std::vector<Named> kNamed = {
        {{"default", "gpt-2"}, [] { return byteLevel(true); }, false},
        {{"smollm", "starcoder", "refact"},
         [] {
             return sequence("pretokenizers",
                             {{{"type", "Digits"}, {"individual_digits", true}}, byteLevel(true)});
         },
         false},
        {{"falcon"},
         [] {
             return sequence("pretokenizers", {{{"type", "Punctuation"}, {"behavior", "Contiguous"}},
                                               byteLevel(true),
                                               {{"type", "Digits"}, {"individual_digits", false}},
                                               split("[0-9][0-9][0-9]")});
         },
         false},
        {{"llama-bpe", "llama3", "llama-v3", "falcon3"},
         [] {
             return sequence("pretokenizers",
                             {split("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
                                    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
                              byteLevel(false)});
         },
         true},
    };
    return kNamed;
}

Result<const Named*> findNamed(const TokenizerData& data, const std::string& file) {
    std::string known;
    for (const Named& named : namedPreTokenizers()) {
        for (const char* name : named.names) {
            if (data.preTokenizer == name) return &named;
            known += (known.empty() ? "" : ", ") + std::string(name);
        }
    }
    return refusal(file, "tokenizer.ggml.pre", "\"" + inference::quotedForMessage(data.preTokenizer) + "\"",
                   "one of " + known);
}

TokenType typeOf(const TokenizerData& data, size_t id) {
    return data.types[id];
}

// Whether a token may come out of text.
bool isText(TokenType type) {
    return type == TokenType::normal || type == TokenType::userDefined;
}

std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump();
}

// {"token": id}, in the order of the ids. A library's object would look every key up among the others.
std::string vocabularyText(const TokenizerData& data) {
    std::string text = "{";
    for (size_t id = 0; id < data.tokens.size(); ++id)
        text += (id > 0 ? "," : "") + quoted(data.tokens[id]) + ":" + std::to_string(id);
    return text + "}";
}

using Merge = std::pair<std::string_view, std::string_view>;

// "a b", which every version reads, unless a token has a space in it.
std::string mergesText(const std::vector<Merge>& merges) {
    const bool spaced = std::any_of(merges.begin(), merges.end(), [](const Merge& merge) {
        return merge.first.find(' ') != std::string_view::npos ||
               merge.second.find(' ') != std::string_view::npos;
    });
    std::string text = "[";
    for (const auto& [left, right] : merges) {
        if (text.size() > 1) text += ",";
        text += spaced ? "[" + quoted(std::string(left)) + "," + quoted(std::string(right)) + "]"
                       : quoted(std::string(left) + " " + std::string(right));
    }
    return text + "]";
}

// Finds tokens that may come out of text by their spelling.
class TextTokens {
  public:
    explicit TextTokens(const TokenizerData& data) {
        m_ids.reserve(data.tokens.size());
        for (size_t id = 0; id < data.tokens.size(); ++id) {
            if (isText(typeOf(data, id))) m_ids.emplace(data.tokens[id], static_cast<int>(id));
        }
    }
    int find(std::string_view text) const {
        const auto found = m_ids.find(text);
        return found == m_ids.end() ? -1 : found->second;
    }

  private:
    std::unordered_map<std::string_view, int> m_ids;
};

// Merges that would make a control token of text are left out, as our own reader of GGUF does.
std::vector<Merge> listedMerges(const TokenizerData& data) {
    const TextTokens tokens(data);
    std::vector<Merge> merges;
    for (const std::string& line : data.merges) {
        const size_t space = line.find(' ', 1);
        const std::string_view all = line, left = all.substr(0, space), right = all.substr(space + 1);
        if (tokens.find(left) >= 0 && tokens.find(right) >= 0 &&
            tokens.find(std::string(left) + std::string(right)) >= 0)
            merges.emplace_back(left, right);
    }
    return merges;
}

// Every way to make a piece of two others, the pieces with the best scores first; as transformers converts
// SentencePiece models.
std::vector<Merge> scoredMerges(const TokenizerData& data) {
    const TextTokens tokens(data);
    std::vector<size_t> order(data.tokens.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&data](size_t a, size_t b) { return data.scores[a] > data.scores[b]; });
    std::vector<Merge> merges;
    std::vector<std::pair<std::pair<int, int>, Merge>> ofPiece;
    for (const size_t id : order) {
        if (!isText(typeOf(data, id))) continue;
        const std::string_view piece = data.tokens[id];
        ofPiece.clear();
        for (size_t at = 0; at < piece.size();) {
            at += inference::nextUtf8(piece.substr(at)).length;
            if (at >= piece.size()) break;
            const int left = tokens.find(piece.substr(0, at)), right = tokens.find(piece.substr(at));
            if (left >= 0 && right >= 0)
                ofPiece.push_back({{left, right}, {piece.substr(0, at), piece.substr(at)}});
        }
        std::sort(ofPiece.begin(), ofPiece.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        for (const auto& [ids, merge] : ofPiece) merges.push_back(merge);
    }
    return merges;
}

// Control and user-defined tokens, which are found in text before anything else is done to it.
ordered_json addedTokens(const TokenizerData& data) {
    ordered_json added = ordered_json::array();
    for (size_t id = 0; id < data.tokens.size(); ++id) {
        const TokenType type = typeOf(data, id);
        const bool special = type == TokenType::control || type == TokenType::unknown;
        if ((!special && type != TokenType::userDefined) || data.tokens[id].empty()) continue;
        added.push_back({{"id", id},
                         {"content", data.tokens[id]},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", special}});
    }
    return added;
}

// BOS in front of every text.
ordered_json postProcessor(const TokenizerData& data) {
    if (!data.addBos || data.bos < 0) return nullptr;
    const std::string& bos = data.tokens[static_cast<size_t>(data.bos)];
    const auto special = [&bos](int type) {
        return ordered_json{{"SpecialToken", {{"id", bos}, {"type_id", type}}}};
    };
    const auto text = [](const char* name, int type) {
        return ordered_json{{"Sequence", {{"id", name}, {"type_id", type}}}};
    };
    ordered_json processor = {{"type", "TemplateProcessing"}};
    processor["single"] = ordered_json::array({special(0), text("A", 0)});
    processor["pair"] = ordered_json::array({special(0), text("A", 0), special(1), text("B", 1)});
    processor["special_tokens"][bos] = {
        {"id", bos}, {"ids", ordered_json::array({data.bos})}, {"tokens", ordered_json::array({bos})}};
    return processor;
}

ordered_json replacement(const char* from, const char* to) {
    return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

// Everything but the vocabulary.
struct Rules {
    ordered_json normalizer = nullptr, preTokenizer = nullptr, decoder = nullptr;
    bool byteFallback = false;
    bool ignoreMerges = false;
};

Rules sentencePieceRules(const TokenizerData& data) {
    Rules rules;
    std::vector<ordered_json> normalizers,
        decoders = {replacement(kMark, " "), ordered_json{{"type", "ByteFallback"}},
                    ordered_json{{"type", "Fuse"}}};
    if (data.addSpacePrefix) {
        normalizers.push_back({{"type", "Prepend"}, {"prepend", kMark}});
        decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    }
    normalizers.push_back(replacement(" ", kMark));
    rules.normalizer = sequence("normalizers", std::move(normalizers));
    rules.decoder = sequence("decoders", std::move(decoders));
    rules.byteFallback = true;
    return rules;
}

Rules byteLevelRules(const Named& named) {
    Rules rules;
    rules.preTokenizer = named.json();
    rules.decoder = {
        {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
    rules.ignoreMerges = named.ignoreMerges;
    return rules;
}

std::string assembled(const TokenizerData& data, const Rules& rules, const std::vector<Merge>& merges) {
    const bool unknown =
        data.unknown >= 0 && typeOf(data, static_cast<size_t>(data.unknown)) == TokenType::unknown;
    const ordered_json model = {
        {"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token",
         unknown ? ordered_json(data.tokens[static_cast<size_t>(data.unknown)]) : ordered_json()},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", rules.byteFallback},
        {"byte_fallback", rules.byteFallback},
        {"ignore_merges", rules.ignoreMerges}};
    const ordered_json around = {{"version", "1.0"},
                                 {"truncation", nullptr},
                                 {"padding", nullptr},
                                 {"added_tokens", addedTokens(data)},
                                 {"normalizer", rules.normalizer},
                                 {"pre_tokenizer", rules.preTokenizer},
                                 {"post_processor", postProcessor(data)},
                                 {"decoder", rules.decoder}};
    const auto open = [](const ordered_json& object) {  // without its last brace
        std::string text = object.dump();
        text.pop_back();
        return text;
    };
    return open(around) + ",\"model\":" + open(model) + ",\"vocab\":" + vocabularyText(data) +
           ",\"merges\":" + mergesText(merges) + "}}\n";
}

// JSON is UTF-8, and without types no token is known for a control token or a byte.
Result<void> checkVocabulary(const TokenizerData& data, const std::string& file) {
    if (data.types.size() != data.tokens.size()) {
        return refusal(file, "tokenizer.ggml.token_type", "no such key",
                       "a type for each token: which are control tokens must be known");
    }
    for (size_t id = 0; id < data.tokens.size(); ++id) {
        const std::string& token = data.tokens[id];
        if (inference::validUtf8Prefix(token) == token.size()) continue;
        return refusal(file, "tokenizer.ggml.tokens", "broken UTF-8 in token " + std::to_string(id),
                       "UTF-8, which JSON is written in");
    }
    return {};
}

// Protocol buffers: a field's number and kind, then its value (0: a number of 7 bits a byte, 2: bytes, 5: 32
// bits).
void addVarint(std::string& out, uint64_t value) {
    for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
    out += static_cast<char>(value);
}
void addNumber(std::string& out, unsigned field, uint64_t value) {
    addVarint(out, field << 3);
    addVarint(out, value);
}
void addBytes(std::string& out, unsigned field, const std::string& bytes) {
    addVarint(out, field << 3 | 2);
    addVarint(out, bytes.size());
    out += bytes;
}
void addFloat(std::string& out, unsigned field, float value) {
    addVarint(out, field << 3 | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 255);
}

}  // namespace

Result<std::string> tokenizerJson(const TokenizerData& data, const std::string& file) {
    if (Result<void> checked = checkVocabulary(data, file); !checked) return checked.error();
    if (data.model == "llama") return assembled(data, sentencePieceRules(data), scoredMerges(data));
    if (data.model != "gpt2") {
        return refusal(file, "tokenizer.ggml.model", "\"" + inference::quotedForMessage(data.model) + "\"",
                       "\"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)");
    }
    const Result<const Named*> named = findNamed(data, file);
    if (!named) return named.error();
    return assembled(data, byteLevelRules(**named), listedMerges(data));
}

// Message ModelProto of sentencepiece_model.proto: pieces = 1, trainer_spec = 2, normalizer_spec = 3.
std::optional<std::string> sentencePieceModel(const TokenizerData& data) {
    const auto count = [&data](TokenType type) {
        return std::count(data.types.begin(), data.types.end(), type);
    };
    const bool bytes = count(TokenType::byte) == 256;
    const bool readable = count(TokenType::unknown) == 1 && (bytes || count(TokenType::byte) == 0) &&
                          std::find(data.tokens.begin(), data.tokens.end(), "") == data.tokens.end();
    if (data.model != "llama" || !data.addSpacePrefix || !readable) return {};
    std::string model;
    for (size_t id = 0; id < data.tokens.size(); ++id) {
        std::string piece;
        addBytes(piece, 1, data.tokens[id]);
        addFloat(piece, 2, data.scores[id]);
        addNumber(piece, 3, static_cast<uint64_t>(typeOf(data, id)));  // the same numbers as GGUF's
        addBytes(model, 1, piece);
    }
    std::string trainer, normalizer;
    addNumber(trainer, 3, 2);  // model_type: BPE
    addNumber(trainer, 4, data.tokens.size());
    addNumber(trainer, 35, bytes ? 1 : 0);                                     // byte_fallback
    const auto special = [&](unsigned idField, unsigned pieceField, int id) {  // -1: none
        addNumber(trainer, idField, static_cast<uint64_t>(static_cast<int64_t>(id)));
        addBytes(trainer, pieceField, id < 0 ? std::string() : data.tokens[static_cast<size_t>(id)]);
    };
    special(40, 45, data.unknown);
    special(41, 46, data.bos);
    special(42, 47, data.eos);
    special(43, 48, data.padding);
    addBytes(model, 2, trainer);
    addBytes(normalizer, 1, "identity");
    addNumber(normalizer, 3, 1);  // add_dummy_prefix
    addNumber(normalizer, 4, 0);  // remove_extra_whitespaces
    addNumber(normalizer, 5, 1);  // escape_whitespaces
    addBytes(model, 3, normalizer);
    return model;
}

}  // namespace edgechat::quant
