// What every tokenizer here does the same way: a table of tokens with types, and finding added tokens in
// text.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "inference/text/added_tokens.h"
#include "inference/text/tokenizer.h"

namespace edgechat::inference {

/// Added tokens of one kind: all of them, and those that may be found in text that a user wrote.
class AddedTokens {
  public:
    AddedTokens() = default;
    explicit AddedTokens(const std::vector<AddedToken>& tokens);
    std::vector<TextPart> split(std::string_view text, SpecialTokens special) const {
        return (special == SpecialTokens::parse ? m_all : m_ordinary).split(text);
    }

  private:
    AddedTokenFinder m_all, m_ordinary;
};

/// The control and user-defined tokens of a vocabulary.
std::vector<AddedToken> addedAmong(const TokenizerData& data);

class VocabularyTokenizer : public Tokenizer {
  public:
    std::vector<int> encode(std::string_view text, SpecialTokens special) const override;
    std::string tokenText(int id) const override;
    std::string decode(const std::vector<int>& ids, bool withSpecial) const override;
    int vocabulary() const override { return static_cast<int>(m_data.tokens.size()); }
    int bos() const override { return m_data.bos; }
    int eos() const override { return m_data.eos; }
    const std::vector<int>& endOfTurn() const override { return m_data.endOfTurn; }
    bool addsBos() const override { return m_data.addBos; }
    bool isControl(int id) const override;
    bool prefixesSpace() const override { return m_prefixesSpace; }
    int controlToken(std::string_view spelling) const override;

  protected:
    /// The control and user-defined tokens among `data` are found in text by their spelling.
    explicit VocabularyTokenizer(TokenizerData data);
    /// @param added  the tokens that are found in text as it is written; `special` where the token's type is
    ///               control
    VocabularyTokenizer(TokenizerData data, const std::vector<AddedToken>& added);

    /// A piece of text between the added tokens that encode() found.
    struct Piece {
        std::string_view text;
        bool first = false;  ///< nothing stands in front of it
        SpecialTokens special = SpecialTokens::asText;
    };
    /// Appends the ids of a piece.
    virtual void encodePiece(const Piece& piece, std::vector<int>& ids) const = 0;

    bool valid(int id) const { return id >= 0 && id < vocabulary(); }
    TokenType type(int id) const;
    /// The id of a token by its spelling, or -1.
    int find(std::string_view spelling) const;
    /// The same for tokens that may come out of text: no control tokens and no bytes, whatever a user types.
    int findInText(std::string_view spelling) const;

    TokenizerData m_data;  ///< its merges are not kept
    bool m_prefixesSpace =
        false;  ///< encoding puts a space in front of text, which decoding takes away again

  private:
    void indexTokens();

    std::unordered_map<std::string_view, int> m_ids;  ///< views into m_data.tokens
    AddedTokens m_added;
};

/// SentencePiece BPE from a GGUF file ("llama"): characters merged by score, unknown ones as byte tokens.
Result<std::unique_ptr<Tokenizer>> makeScoredBpe(TokenizerData data, const std::string& file);

/// The byte of a token spelled "<0xNN>", or -1.
int byteOfSpelling(std::string_view spelling);
/// U+2581, SentencePiece's space, turned into ' '.
std::string spacesForMarks(std::string_view piece);

}  // namespace edgechat::inference
