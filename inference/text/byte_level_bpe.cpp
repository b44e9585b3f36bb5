// Byte-level BPE as GPT-2 introduced it: each byte is spelled as one printable character, text is cut into
// words, and within a word the pair with the best rank is joined until none is left.
#include <array>
#include <cstdint>

#include "inference/text/pre_tokenizer.h"
#include "inference/text/symbol_merger.h"
#include "inference/text/utf8.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

namespace {

struct ByteAlphabet {
    std::array<std::string, 256> spelling;  // UTF-8 of the character that stands for a byte
    std::array<int, 512> byte;              // of a code point, -1 if it stands for none

    // Printable bytes of Latin-1 stand for themselves, the others are numbered from 256 on.
    ByteAlphabet() {
        byte.fill(-1);
        int next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            const int code = printable ? b : next++;
            byte[static_cast<size_t>(code)] = b;
            std::string& text = spelling[static_cast<size_t>(b)];
            if (code < 128) {
                text = static_cast<char>(code);
            } else {
                text = {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
            }
        }
    }
};

const ByteAlphabet& byteAlphabet() {
    static const ByteAlphabet kAlphabet;
    return kAlphabet;
}

// The bytes that a token's spelling stands for. A token with a character outside the alphabet is plain text.
std::string bytesOfSpelling(const std::string& spelling) {
    std::string bytes;
    for (std::string_view rest = spelling; !rest.empty();) {
        const Utf8Step step = nextUtf8(rest);
        const bool known = step.kind == Utf8Kind::character && step.character < byteAlphabet().byte.size();
        const int byte = known ? byteAlphabet().byte[step.character] : -1;
        if (byte < 0) return spelling;
        bytes += static_cast<char>(byte);
        rest.remove_prefix(step.length);
    }
    return bytes;
}

class ByteLevelBpe final : public VocabularyTokenizer {
  public:
    ByteLevelBpe(TokenizerData data, PreTokenizer preTokenizer)
        : VocabularyTokenizer(std::move(data)), m_preTokenizer(std::move(preTokenizer)) {
        for (size_t byte = 0; byte < m_byteTokens.size(); ++byte) {
            m_byteTokens[byte] = find(byteAlphabet().spelling[byte]);
        }
        m_bytes.reserve(m_data.tokens.size());
        for (int id = 0; id < vocabulary(); ++id) m_bytes.push_back(bytesOf(id));
    }

    Result<void> addMerges(const std::vector<std::string>& merges, const std::string& file) {
        m_merges.reserve(merges.size());
        std::string whole;
        for (size_t rank = 0; rank < merges.size(); ++rank) {
            const std::string_view merge = merges[rank];
            const size_t space = merge.find(' ', 1);
            const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
            whole.assign(left).append(right);
            const int leftId = find(left), rightId = find(right), joined = find(whole);
            if (leftId < 0 || rightId < 0 || joined < 0) {
                return Error{ErrorCode::badInput,
                             "cannot read the model",
                             file,
                             "tokenizer.ggml.merges",
                             "merge " + std::to_string(rank) + " of tokens that are not in the vocabulary",
                             "merges of its tokens"};
            }
            m_merges.emplace(pairKey(leftId, rightId), SymbolMerge{static_cast<double>(rank), joined});
        }
        return {};
    }

    std::string tokenBytes(int id) const override {
        return valid(id) ? m_bytes[static_cast<size_t>(id)] : std::string();
    }

  protected:
    // Words are cut in the parts that are UTF-8; bytes between them are a word of their own.
    void encodeText(std::string_view text, std::vector<int>& ids) const override {
        SymbolMerger merger;
        while (!text.empty()) {
            const size_t whole = validUtf8Prefix(text);
            if (whole > 0) {
                for (std::string_view word : m_preTokenizer.split(text.substr(0, whole))) {
                    encodeWord(word, merger, ids);
                }
                text.remove_prefix(whole);
                continue;
            }
            const std::string_view part = text.substr(0, nextUtf8(text).length);
            encodeWord(hasTokens(part) ? part : kReplacementCharacter, merger, ids);
            text.remove_prefix(part.size());
        }
    }

  private:
    static uint64_t pairKey(int left, int right) {
        return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
    }

    int byteToken(char byte) const { return m_byteTokens[static_cast<unsigned char>(byte)]; }

    bool hasTokens(std::string_view part) const {
        for (char byte : part) {
            if (byteToken(byte) < 0) return false;
        }
        return true;
    }

    std::string bytesOf(int id) const {
        const std::string& spelling = m_data.tokens[static_cast<size_t>(id)];
        switch (type(id)) {
            case TokenType::control:
            case TokenType::unknown:
            case TokenType::unused:
                return {};
            case TokenType::userDefined:
                return spelling;
            case TokenType::normal:
            case TokenType::byte:
                break;
        }
        return bytesOfSpelling(spelling);
    }

    // A byte that the vocabulary has no token for is left out, as Hugging Face's tokenizers do.
    void encodeWord(std::string_view word, SymbolMerger& merger, std::vector<int>& ids) const {
        merger.symbols.clear();
        for (size_t i = 0; i < word.size(); ++i) {
            if (const int id = byteToken(word[i]); id >= 0) merger.symbols.push_back({id, i, 1});
        }
        merger.merge([this](const Symbol& left, const Symbol& right) {
            const auto found = m_merges.find(pairKey(left.id, right.id));
            return found == m_merges.end() ? SymbolMerge{} : found->second;
        });
        for (const Symbol& symbol : merger.symbols) {
            if (symbol.length > 0) ids.push_back(symbol.id);
        }
    }

    PreTokenizer m_preTokenizer;
    std::array<int, 256> m_byteTokens{};
    std::vector<std::string> m_bytes;                    // by id
    std::unordered_map<uint64_t, SymbolMerge> m_merges;  // by pairKey()
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> makeByteLevelBpe(TokenizerData data, const std::string& file) {
    Result<PreTokenizer> preTokenizer = PreTokenizer::make(data.preTokenizer, file);
    if (!preTokenizer) return preTokenizer.error();
    const std::vector<std::string> merges = std::move(data.merges);
    data.merges.clear();
    auto tokenizer = std::make_unique<ByteLevelBpe>(std::move(data), std::move(*preTokenizer));
    if (Result<void> added = tokenizer->addMerges(merges, file); !added) return added.error();
    return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace edgechat::inference
