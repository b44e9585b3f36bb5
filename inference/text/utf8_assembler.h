// Turns the bytes of tokens, which may end inside a character, into whole UTF-8 characters.
#pragma once

#include <string>
#include <string_view>

namespace edgechat::inference {

/// Feed it bytes as they come; what it returns is always valid UTF-8 and never splits a character.
class Utf8Assembler {
  public:
    /// Takes more bytes and returns all complete characters. A byte that can begin or continue no character
    /// becomes U+FFFD at once; at most 3 bytes are held back.
    std::string push(std::string_view bytes);
    /// The end: an incomplete character becomes one U+FFFD.
    std::string flush();

  private:
    std::string m_pending;
};

}  // namespace edgechat::inference
