// Tokens that were added to a vocabulary by hand and are found in text before anything else is done to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/text/regex.h"

namespace edgechat::inference {

/// As tokenizer.json describes it.
struct AddedToken {
    int id = -1;
    std::string content;
    bool special = false;     ///< a control token
    bool normalized = false;  ///< looked for in normalized text, by its own normalized spelling
    bool lstrip = false;      ///< takes the white space in front of it along
    bool rstrip = false;      ///< takes the white space behind it along
    bool singleWord = false;  ///< found only where no word continues on either side
};

/// A part of a text: an added token (id >= 0), or what lies between.
struct TextPart {
    int id = -1;
    TextRange range;
};

/// Immutable; split() may be called from several threads.
class AddedTokenFinder {
  public:
    AddedTokenFinder() = default;
    /// Of tokens with the same content the first is found.
    explicit AddedTokenFinder(std::vector<AddedToken> tokens);

    /// All parts of `text` in order, the leftmost token first and of those that begin at one place the
    /// longest. Takes time in the length of the text alone, but for the tokens' own lengths.
    std::vector<TextPart> split(std::string_view text) const;

  private:
    const AddedToken* longestAt(std::string_view text) const;

    std::vector<AddedToken> m_tokens;  ///< by content
    struct Bucket {
        size_t begin = 0, end = 0;
    };
    std::vector<Bucket> m_byFirst;  ///< of m_tokens, by first byte
};

}  // namespace edgechat::inference
