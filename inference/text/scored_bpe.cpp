// SentencePiece BPE (Kudo and Richardson 2018) from the pieces and scores that a GGUF file carries: the
// text's characters are joined to the piece with the best score until no neighbours make a piece.
#include <algorithm>
#include <array>

#include "inference/text/normalizer.h"
#include "inference/text/symbol_merger.h"
#include "inference/text/utf8.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

namespace {

constexpr std::string_view kSpaceMark = "\xe2\x96\x81";  // U+2581

class ScoredBpe final : public VocabularyTokenizer {
  public:
    explicit ScoredBpe(TokenizerData data) : VocabularyTokenizer(std::move(data)) {
        m_prefixesSpace = m_data.addSpacePrefix;
        m_byteTokens.fill(-1);
        m_bytes.reserve(m_data.tokens.size());
        for (int id = 0; id < vocabulary(); ++id) {
            const std::string& piece = m_data.tokens[static_cast<size_t>(id)];
            std::string bytes;
            if (type(id) == TokenType::byte) {
                if (const int byte = byteOfSpelling(piece); byte >= 0) {
                    m_byteTokens[static_cast<size_t>(byte)] = id;
                    bytes = static_cast<char>(byte);
                }
            } else if (type(id) == TokenType::normal || type(id) == TokenType::userDefined) {
                bytes = spacesForMarks(piece);
                m_longestPiece = std::max(m_longestPiece, piece.size());
            }
            m_bytes.push_back(std::move(bytes));
        }
    }

    std::string tokenBytes(int id) const override {
        return valid(id) ? m_bytes[static_cast<size_t>(id)] : std::string();
    }

  protected:
    void encodePiece(const Piece& piece, std::vector<int>& ids) const override {
        const std::string marked =
            (m_prefixesSpace ? std::string(kSpaceMark) : "") + replaced(piece.text, " ", kSpaceMark);
        const std::string_view all = marked;
        SymbolMerger merger;
        for (size_t i = 0; i < all.size();) {
            const size_t length = nextUtf8(all.substr(i)).length;
            merger.symbols.push_back({findInText(all.substr(i, length)), i, length});
            i += length;
        }
        merger.merge([this, all](const Symbol& left, const Symbol& right) {
            const size_t length = left.length + right.length;
            if (length > m_longestPiece) return SymbolMerge{};
            const int id = findInText(all.substr(left.begin, length));
            return id < 0 ? SymbolMerge{} : SymbolMerge{-m_data.scores[static_cast<size_t>(id)], id};
        });
        bool unknownBefore = false;
        for (const Symbol& symbol : merger.symbols) {
            if (symbol.length == 0) continue;
            if (symbol.id >= 0) {
                ids.push_back(symbol.id);
                unknownBefore = false;
            } else {
                unknownBefore = appendBytes(all.substr(symbol.begin, symbol.length), unknownBefore, ids);
            }
        }
    }

  private:
    // A vocabulary without byte tokens has one unknown token for each run of characters that it lacks.
    bool appendBytes(std::string_view character, bool unknownBefore, std::vector<int>& ids) const {
        bool unknown = false;
        for (char byte : character) {
            const int id = m_byteTokens[static_cast<unsigned char>(byte)];
            if (id >= 0) ids.push_back(id);
            unknown = unknown || id < 0;
        }
        if (unknown && !unknownBefore && m_data.unknown >= 0) ids.push_back(m_data.unknown);
        return unknown;
    }

    std::array<int, 256> m_byteTokens{};
    std::vector<std::string> m_bytes;  // by id
    size_t m_longestPiece = 0;         // bytes
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> makeScoredBpe(TokenizerData data, const std::string& file) {
    if (data.scores.size() != data.tokens.size()) {
        return Error{ErrorCode::badInput, "cannot read the model", file, "tokenizer.ggml.scores",
                     "no scores",         "one for each token"};
    }
    return std::unique_ptr<Tokenizer>(std::make_unique<ScoredBpe>(std::move(data)));
}

}  // namespace edgechat::inference
