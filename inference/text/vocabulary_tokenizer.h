// What every tokenizer here does the same way: a table of tokens with types, and finding special tokens in
// text.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "inference/text/tokenizer.h"

namespace edgechat::inference {

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
    explicit VocabularyTokenizer(TokenizerData data);

    /// Appends the ids of text in which no special token is to be found.
    virtual void encodeText(std::string_view text, std::vector<int>& ids) const = 0;

    bool valid(int id) const { return id >= 0 && id < vocabulary(); }
    TokenType type(int id) const;
    /// The id of a token by its spelling, or -1.
    int find(std::string_view spelling) const;

    TokenizerData m_data;  ///< its merges are not kept
    bool m_prefixesSpace =
        false;  ///< encoding puts a space in front of text, which decoding takes away again

  private:
    /// The special token that `text` begins with, the longest one; -1 if there is none.
    int specialAt(std::string_view text, SpecialTokens special) const;

    std::unordered_map<std::string_view, int> m_ids;  ///< views into m_data.tokens
    std::vector<std::vector<int>> m_specials;         ///< by first byte, longest first
};

/// Byte-level BPE ("gpt2"): bytes spelled as printable characters, words cut by a pre-tokenizer, merges by
/// rank.
Result<std::unique_ptr<Tokenizer>> makeByteLevelBpe(TokenizerData data, const std::string& file);
/// SentencePiece BPE from a GGUF file ("llama"): characters merged by score, unknown ones as byte tokens.
Result<std::unique_ptr<Tokenizer>> makeScoredBpe(TokenizerData data, const std::string& file);

/// The byte of a token spelled "<0xNN>", or -1.
int byteOfSpelling(std::string_view spelling);
/// U+2581, SentencePiece's space, turned into ' '.
std::string spacesForMarks(std::string_view piece);

}  // namespace edgechat::inference
