#include "inference/text/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "inference/text/byte_alphabet.h"
#include "inference/text/symbol_merger.h"
#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

uint64_t pairKey(int left, int right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

class Bpe final : public VocabularyTokenizer {
  public:
    Bpe(TokenizerData data, BpeRules rules, const std::vector<AddedToken>& added)
        : VocabularyTokenizer(std::move(data), written(added)),
          m_rules(std::move(rules)),
          m_normalizedTokens(normalizedOnes(added, m_rules.normalizer)),
          m_byteLevel(m_rules.preTokenizer.byteLevel()) {
        m_prefixesSpace = m_rules.decoding.dropsFirstSpace;
        m_byteTokens.fill(-1);
        m_bytes.reserve(m_data.tokens.size());
        for (int id = 0; id < vocabulary(); ++id) {
            const std::string& token = m_data.tokens[static_cast<size_t>(id)];
            m_bytes.push_back(bytesOf(id));
            m_longestToken = std::max(m_longestToken, token.size());
            if (type(id) != TokenType::byte) continue;
            if (const int byte = byteOfSpelling(token); byte >= 0)
                m_byteTokens[static_cast<size_t>(byte)] = id;
        }
        for (size_t code = 0; code < m_characterTokens.size(); ++code) {
            m_characterTokens[code] = findInText(shortUtf8(static_cast<char32_t>(code)));
        }
        for (int byte = 0; m_byteLevel && byte < 256; ++byte) {
            m_lacksBytes = m_lacksBytes || findInText(spellingOfByte(static_cast<unsigned char>(byte))) < 0;
        }
    }

    Result<void> addMerges(const std::vector<BpeMerge>& merges, const std::string& file,
                           const std::string& field) {
        m_merges.reserve(merges.size());
        std::string whole;
        for (size_t rank = 0; rank < merges.size(); ++rank) {
            const auto& [left, right] = merges[rank];
            whole.assign(left).append(right);
            if (find(left) < 0 || find(right) < 0 || find(whole) < 0) {
                return Error{ErrorCode::badInput,
                             "cannot read the model",
                             file,
                             field,
                             "merge " + std::to_string(rank) + " of tokens that are not in the vocabulary",
                             "merges of its tokens"};
            }
            // What would make a control token of text is no merge.
            const int leftId = findInText(left), rightId = findInText(right), joined = findInText(whole);
            if (leftId < 0 || rightId < 0 || joined < 0) continue;
            m_merges.insert_or_assign(pairKey(leftId, rightId),
                                      SymbolMerge{static_cast<double>(rank), joined});
        }
        return {};
    }

    std::string tokenBytes(int id) const override {
        return valid(id) ? m_bytes[static_cast<size_t>(id)] : std::string();
    }

  protected:
    void encodePiece(const Piece& piece, std::vector<int>& ids) const override {
        const std::string text = normalized(piece.text, m_rules.normalizer);
        SymbolMerger merger;
        for (const TextPart& part : m_normalizedTokens.split(text, piece.special)) {
            if (part.id >= 0) {
                ids.push_back(part.id);
                continue;
            }
            const std::string_view words = part.range.of(text);
            const bool first = piece.first && part.range.begin == 0;
            encodeWords(m_lacksBytes ? std::string_view(readable(words)) : words, first, merger, ids);
        }
    }

  private:
    static std::vector<AddedToken> written(std::vector<AddedToken> added) {
        std::erase_if(added, [](const AddedToken& token) { return token.normalized; });
        return added;
    }
    static AddedTokens normalizedOnes(std::vector<AddedToken> added,
                                      const std::vector<NormalizerStep>& normalizer) {
        std::erase_if(added, [](const AddedToken& token) { return !token.normalized; });
        for (AddedToken& token : added) token.content = normalized(token.content, normalizer);
        return AddedTokens(added);
    }

    std::string bytesOf(int id) const {
        const std::string& token = m_data.tokens[static_cast<size_t>(id)];
        const TokenDecoding& decoding = m_rules.decoding;
        switch (type(id)) {
            case TokenType::control:
            case TokenType::unknown:
            case TokenType::unused:
                return {};
            case TokenType::userDefined:
                if (decoding.byteLevel) return token;
                break;
            case TokenType::byte:
                if (const int byte = byteOfSpelling(token); decoding.byteFallback && byte >= 0) {
                    return std::string(1, static_cast<char>(byte));
                }
                break;
            case TokenType::normal:
                break;
        }
        if (decoding.byteLevel) return bytesOfSpelling(token);
        std::string bytes = token;
        for (const ReplaceTextStep& step : decoding.replacements) bytes = replaced(bytes, step.from, step.to);
        return bytes;
    }

    // A vocabulary that lacks bytes cannot spell all broken UTF-8: such bytes become U+FFFD.
    std::string readable(std::string_view text) const {
        std::string result;
        while (!text.empty()) {
            const Utf8Step step = nextUtf8(text);
            const std::string_view part = text.substr(0, step.length);
            const bool known =
                step.kind == Utf8Kind::character || std::all_of(part.begin(), part.end(), [this](char byte) {
                    return findInText(spellingOfByte(static_cast<unsigned char>(byte))) >= 0;
                });
            result += known ? part : kReplacementCharacter;
            text.remove_prefix(part.size());
        }
        return result;
    }

    void encodeWords(std::string_view text, bool first, SymbolMerger& merger, std::vector<int>& ids) const {
        const Words words = m_rules.preTokenizer.cut(text, first);
        for (TextRange range : words.ranges) {
            const std::string_view word = range.of(words.text);
            const int whole = m_rules.ignoreMerges ? findInText(word) : -1;
            if (whole >= 0) {
                ids.push_back(whole);
            } else {
                encodeWord(word, merger, ids);
            }
        }
    }

    void encodeWord(std::string_view word, SymbolMerger& merger, std::vector<int>& ids) const {
        merger.symbols.clear();
        spell(word, merger.symbols);
        if (m_rules.mergesByRank) {
            merger.merge([this, word](const Symbol& left, const Symbol& right) {
                const size_t length = left.length + right.length;
                if (length > m_longestToken) return SymbolMerge{};
                const int id = findInText(word.substr(left.begin, length));
                return id < 0 ? SymbolMerge{} : SymbolMerge{static_cast<double>(id), id};
            });
        } else {
            merger.merge([this](const Symbol& left, const Symbol& right) {
                const auto found = m_merges.find(pairKey(left.id, right.id));
                return found == m_merges.end() ? SymbolMerge{} : found->second;
            });
        }
        for (const Symbol& symbol : merger.symbols) {
            if (symbol.length > 0) ids.push_back(symbol.id);
        }
    }

    // The tokens of single characters. A character that has none becomes its bytes' tokens, else the unknown
    // token; where there is neither it is left out, as Hugging Face's tokenizers do.
    void spell(std::string_view word, std::vector<Symbol>& symbols) const {
        bool unknownBefore = false;
        for (size_t i = 0; i < word.size();) {
            const Utf8Step step = nextUtf8(word.substr(i));
            const std::string_view character = word.substr(i, step.length);
            const bool unknown = !spellKnown(step, character, i, symbols);
            if (unknown && m_data.unknown >= 0 && type(m_data.unknown) == TokenType::unknown) {
                if (unknownBefore && m_rules.fuseUnknown) {
                    symbols.back().length += step.length;
                } else {
                    symbols.push_back({m_data.unknown, i, step.length});
                }
            }
            unknownBefore = unknown;
            i += step.length;
        }
    }

    bool spellKnown(const Utf8Step& step, std::string_view character, size_t begin,
                    std::vector<Symbol>& symbols) const {
        const bool listed = step.kind == Utf8Kind::character && step.character < m_characterTokens.size();
        const int id = listed ? m_characterTokens[step.character] : findInText(character);
        if (id >= 0) {
            symbols.push_back({id, begin, character.size()});
            return true;
        }
        if (!m_rules.byteFallback) return false;
        for (char byte : character) {
            if (m_byteTokens[static_cast<unsigned char>(byte)] < 0) return false;
        }
        for (char byte : character) {
            symbols.push_back({m_byteTokens[static_cast<unsigned char>(byte)], begin++, 1});
        }
        return true;
    }

    BpeRules m_rules;
    AddedTokens m_normalizedTokens;
    bool m_byteLevel = false;
    bool m_lacksBytes = false;
    std::array<int, 512> m_characterTokens{};            // by code point, -1: none
    std::array<int, 256> m_byteTokens{};                 // "<0xNN>" by byte, -1: none
    std::vector<std::string> m_bytes;                    // by id
    std::unordered_map<uint64_t, SymbolMerge> m_merges;  // by pairKey()
    size_t m_longestToken = 0;                           // bytes of the spelling
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> makeBpe(TokenizerData data, BpeRules rules,
                                           const std::vector<BpeMerge>& merges, const std::string& file,
                                           const std::string& field) {
    const std::vector<AddedToken> added = std::move(rules.added);
    rules.added.clear();
    auto tokenizer = std::make_unique<Bpe>(std::move(data), std::move(rules), added);
    if (Result<void> done = tokenizer->addMerges(merges, file, field); !done) return done.error();
    return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

Result<std::unique_ptr<Tokenizer>> makeByteLevelBpe(TokenizerData data, const std::string& file) {
    Result<NamedPreTokenizer> named = makeNamedPreTokenizer(data.preTokenizer, file);
    if (!named) return named.error();
    const std::vector<std::string> lines = std::move(data.merges);
    data.merges.clear();
    std::vector<BpeMerge> merges;
    merges.reserve(lines.size());
    for (const std::string& line : lines) {
        const size_t space = line.find(' ', 1);
        merges.emplace_back(std::string_view(line).substr(0, space),
                            std::string_view(line).substr(space + 1));
    }
    BpeRules rules;
    rules.preTokenizer = std::move(named->preTokenizer);
    rules.ignoreMerges = named->ignoreMerges;
    rules.decoding.byteLevel = true;
    rules.added = addedAmong(data);
    return makeBpe(std::move(data), std::move(rules), merges, file, "tokenizer.ggml.merges");
}

}  // namespace edgechat::inference
