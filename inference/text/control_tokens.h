// A rendered conversation as prompt segments: control tokens are found where the template wrote, never where
// a message did.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "inference/text/jinja/text.h"
#include "inference/text/tokenizer.h"

namespace edgechat::inference {

/// The control tokens of a vocabulary by their spelling. Immutable.
class ControlTokens {
  public:
    explicit ControlTokens(const Tokenizer& tokenizer);

    /// @param answersApart  an assistant's message is encoded apart from the text before it, as its model
    /// wrote it
    std::vector<PromptSegment> segments(const jinja::Text& text, bool answersApart) const;
    /// The id of the control token that `text` begins with, the longest one, or -1.
    int beginning(std::string_view text) const;

  private:
    using Spelling = std::pair<std::string, int>;
    const Spelling* find(std::string_view text) const;

    std::array<std::vector<Spelling>, 256> m_byFirstByte;  // longest first
    bool m_prefixesSpace;
};

}  // namespace edgechat::inference
